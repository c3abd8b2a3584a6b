"""One best point: tables, pictures, pages, progress and the accessor choose the same and say by what. And the commands that come next work."""

import io
import json
import re
import shlex
from itertools import product

import numpy as np
import pytest
import thalweg
import thalweg.engine.accessor  # which registers .thalweg
import xarray
from helpers.repetitions import few
from matplotlib.text import Text
from rich.console import Console
from thalweg.engine.cli import app
from thalweg.engine.commands._say import to_look_at
from thalweg.engine.comparison import best_point, compare, final_loss
from thalweg.engine.plot import PICTURES, _axes, phase, prepared
from thalweg.engine.plot._picture import Options, Picture
from thalweg.engine.plot._theme import THEMES
from thalweg.engine.report.page_data import payload
from thalweg.engine.runner.progress_bars import Live
from typer.testing import CliRunner

EVEN = "best: the lowest median final loss of the even seeds"
STUDY = {
    "name": "luck",
    "landscape": {"kind": "rosenbrock", "b": [1.0, 100.0]},
    "noise": {"kind": "gaussian", "scale": 3.0},
    "optimizers": [
        {"kind": "sgd", "lr": {"logspace": [1e-4, 0.3, 9]}},
        {"kind": "adam", "lr": {"logspace": [1e-3, 1.0, 5]}, "beta1": [0.0, 0.5, 0.9]},
    ],
    "seeds": 6,
    "steps": 40,
    "record": {"every": 10},
}


@pytest.fixture(scope="module")
def tree():
    return thalweg.run(STUDY, executor="array")


def even_choice(dataset, b):
    """Where the median over seeds 0, 2, 4 is lowest, diverged runs infinite: in plain NumPy."""
    here = dataset.isel(b=b)
    own = [dim for dim in here["status"].dims if dim != "seed"]
    final = here["loss"].isel(step=-1).transpose(*own, "seed").values
    final = np.where((here["status"].transpose(*own, "seed").values == 2) | ~np.isfinite(final), np.inf, final)
    median = np.median(final[..., [0, 2, 4]], axis=-1)
    at = np.unravel_index(np.argmin(median), median.shape)
    return {dim: int(k) for dim, k in zip(own, at, strict=True)}


def test_all_views_choose_the_same_point_and_not_the_one_of_all_seeds(tree):
    drawn = Picture(tree, THEMES["light"], Options())
    table, page, differs = compare(tree), payload(tree), False
    for k, name in enumerate(("sgd", "adam")):
        data = tree[name].to_dataset()
        accessor = data.thalweg.best()
        for b in (0, 1):
            wanted = even_choice(data, b)
            values = {dim: float(data[dim].values[at]) for dim, at in wanted.items()}
            assert dict(drawn.problems()[b].bests()[name].index) == wanted
            for dim, value in values.items():
                assert float(accessor[dim].isel(b=b)) == value
            rows = [str(v) for v, label in zip(table["best"].values, table["optimizer"].values, strict=True) if name in str(label)]
            assert ", ".join(f"{dim}={value:.4g}" for dim, value in values.items()) in rows
            group = page["groups"][k]
            dims = [dim["name"] for dim in group["dims"]]
            shape = [len(dim["fields"][0]["values"]) for dim in group["dims"]]
            flat = int(np.ravel_multi_index([b if dim == "b" else wanted[dim] for dim in dims], shape))
            first = int(np.ravel_multi_index([b if dim == "b" else 0 for dim in dims], shape))
            assert group["bests"][first] == flat
            assert (b > 0) or group["best"] == flat
            every = np.median(final_loss(data.isel(b=b)), axis=-1)
            differs |= int(np.argmin(every)) != int(np.ravel_multi_index(list(wanted.values()), every.shape))
    assert differs  # else this study could not tell the rules apart


def trap(values):
    """A store of one optimizer that holds these losses (lr, seed), which do not move after the first step."""
    lr = [float(k + 1) for k in range(len(values))]
    study = {"name": "trap", "landscape": {"kind": "quadratic", "dim": 2}, "init": {"kind": "point", "at": 1.0}, "seeds": len(values[0])}
    tree = thalweg.run({**study, "optimizers": [{"kind": "sgd", "lr": lr}], "steps": 2, "record": {"every": 1}}, executor="array")
    loss = np.repeat(np.array(values, dtype=float)[..., None], 3, axis=-1)
    loss[..., 0] = 100.0
    data = tree["sgd"].to_dataset()
    data["loss"] = data["loss"].transpose("lr", "seed", "step").copy(data=loss)
    data["status"] = data["status"] * 0 + 1
    tree["sgd"] = xarray.DataTree(data)
    return tree


def test_even_seeds_choose_odd_seeds_report_in_every_view():
    """The first point is the best on all seeds, the second on the even ones, the third on the odd ones."""
    tree = trap([[2, 3, 2, 3, 2, 9], [1, 8, 1, 7, 1, 6], [9, 1, 9, 1, 9, 1]])
    data = tree["sgd"].to_dataset()
    assert int(np.argmin(np.median(final_loss(data), -1))) == 0
    assert int(np.argmin(np.median(final_loss(data)[:, 1::2], -1))) == 2
    best = best_point(data)
    assert (dict(best.index), best.median, best.q25, best.q75) == ({"lr": 1}, 7.0, 6.5, 7.5)

    table = compare(tree)
    assert (str(table["best"].values[0]), float(table["median"][0]), int(table["seeds"][0])) == ("lr=2", 7.0, 3)

    answer = data.thalweg.best()
    assert float(answer.lr) == 2.0
    assert float(answer.loss.isel(seed=answer.reports.values, step=-1).median()) == 7.0

    group = payload(tree)["groups"][0]
    assert (group["best"], group["bests"]) == (1, [1, 1, 1])
    assert [point["final"] for point in group["points"]] == [[3, 3, 6], [6.5, 7, 7.5], [1, 1, 1]]
    assert [part[-1] for part in group["curves"]["loss"][1]] == [7, 6.5, 7.5]

    for kind, options in (("loss", {}), ("sweep", {})):
        (axes,) = draw(tree, kind, **options).axes
        line = next(line for line in axes.get_lines() if line.get_color() == THEMES["light"].colours[0])
        assert np.allclose(line.get_ydata(), [100, 7, 7] if kind == "loss" else [3, 7, 1])
        assert "of 3 seeds" in axes.get_ylabel()
        assert "sgd: lr=2" in texts(axes.figure)
    assert "sgd: lr=2" in texts(draw(tree, "overview"))
    assert "sgd: lr=2" in texts(draw(tree, "profile"))


def test_of_a_thinned_sweep_the_page_still_has_the_best_of_every_problem():
    optimizers = [{"kind": "sgd", "lr": {"logspace": [1e-4, 0.3, 97]}}]
    study = {**STUDY, "landscape": {"kind": "rosenbrock", "b": {"logspace": [1.0, 100.0, 7]}}, "optimizers": optimizers}
    tree = thalweg.run(study, executor="array", settings=["steps=20", "record.variables=[loss]"])
    group = payload(tree)["groups"][0]
    data = tree["sgd"].to_dataset()
    shape = [len(dim["fields"][0]["values"]) for dim in group["dims"]]
    assert np.prod(shape) < data.status.isel(seed=0).size
    names = [dim["name"] for dim in group["dims"]]
    held = {dim["name"]: dim["fields"][0]["values"] for dim in group["dims"]}
    for flat in range(int(np.prod(shape))):
        at = dict(zip(names, np.unravel_index(flat, shape), strict=True))
        best = dict(zip(names, np.unravel_index(group["bests"][flat], shape), strict=True))
        assert best["b"] == at["b"]
        where = int(np.argmin(np.abs(data.b.values - held["b"][at["b"]])))
        assert held["lr"][best["lr"]] == pytest.approx(float(data.lr[even_choice(data, where)["lr"]]), rel=1e-5)


def draw(tree, kind, **options):
    chosen = PICTURES.load(kind)
    return chosen.draw(prepared(chosen, [tree], THEMES["light"], Options(**options)))


def texts(figure):
    return " ".join(" ".join(text.get_text() for text in figure.findobj(match=Text)).split())


@pytest.mark.parametrize(
    ("kind", "options"),
    few(
        [
            ("loss", {}),
            ("sweep", {}),
            ("sweep", {"x": "b"}),
            ("phase", {"groups": ("adam",)}),
            ("profile", {}),
            ("landscape", {}),
            ("overview", {}),
        ],
        keep=lambda kind, options: kind in ("profile", "overview") or bool(options),
    ),
)
def test_every_picture_says_what_is_best_by_what(tree, kind, options):
    assert EVEN in texts(draw(tree, kind, **options))
    if kind != "landscape":  # which shows single runs, the first ones
        assert "numbers are those of the odd seeds" in texts(draw(tree, kind, **options))
    else:
        assert "the first 3 seeds of each" in texts(draw(tree, kind, **options))


def test_where_nothing_was_chosen_nothing_is_said():
    plain = thalweg.run({"name": "p", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5, "seeds": 3})
    assert _axes.best_notes(Picture(plain, THEMES["light"], Options()).problems(), ["sgd"]) == [""]
    single = thalweg.run({"name": "p", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01]}], "steps": 5})
    assert _axes.best_notes(Picture(single, THEMES["light"], Options()).problems(), ["sgd"]) == [
        "best: the lowest median final loss, chosen and reported on the same runs, which flatters"
    ]
    assert best_point(single["sgd"].to_dataset()).chosen == "same runs"


def test_the_page_and_the_table_say_it(tree, tmp_path):
    page = payload(tree)
    assert page["rule"].startswith(EVEN)
    assert "numbers are those of the odd seeds" in page["rule"]
    text = CliRunner().invoke(app, ["compare", str(stored(tmp_path))]).output
    assert EVEN in text
    assert "numbers are those of the odd seeds" in text


def stored(folder):
    thalweg.run(STUDY, folder / "luck.zarr", executor="array", settings=["seeds=2", "steps=5"])
    return folder / "luck.zarr"


def test_the_star_of_a_map_is_the_best_point(tree):
    (panel,) = phase.maps(Picture(tree, THEMES["light"], Options(groups=("adam",), x="lr", y="beta1", at={"b": 1.0})), "lr", "beta1")
    wanted = even_choice(tree["adam"].to_dataset(), 0)
    assert (panel.best[0].tolist(), panel.best[1].tolist()) == ([wanted["beta1"]], [wanted["lr"]])


def test_progress_says_what_its_number_is():
    live = Live(thalweg.check(STUDY), Console(file=io.StringIO(), force_terminal=True, width=200))
    thalweg.run(STUDY, progress=live, executor="array")
    assert all(re.search(r"lowest median loss \S+$", task.fields["curve"]) for task in live.bars.tasks)


def test_the_highest_accuracy_is_the_best_and_another_direction_can_be_asked():
    runs = np.array([[0.9, 0.1, 0.8, 0.2], [0.5, 0.6, 0.5, 0.6], [0.2, 0.9, 0.1, 0.9], [0.99, 0.99, np.nan, 0.99]])
    status = np.ones((4, 4), dtype=np.int8)
    status[3, [0, 2]] = 2  # diverged: worse than all others, though its accuracy was high
    data = xarray.Dataset(
        {
            "status": (("lr", "seed"), status),
            "last_step": (("lr", "seed"), np.full((4, 4), 5)),
            "test_accuracy": (("lr", "seed", "step"), runs[..., None]),
            "loss": (("lr", "seed", "step"), runs[..., None]),
            "overlap": (("lr", "seed", "step"), runs[..., None]),
        },
        coords={"lr": ("lr", [0.1, 0.2, 0.3, 0.4], {"long_name": "optimizer lr"}), "seed": [0, 1, 2, 3], "step": [5]},
    )
    assert float(data.thalweg.best("test_accuracy").lr) == 0.1
    assert float(data.thalweg.best("test_accuracy", highest=False).lr) == 0.3
    assert float(data.thalweg.best("overlap").lr) == 0.3
    assert float(data.thalweg.best("overlap", highest=True).lr) == 0.1
    assert float(data.thalweg.best().lr) == 0.3
    assert float(data.isel(seed=[1]).thalweg.best().lr) == 0.1  # a single seed chooses alone


def test_the_accuracy_of_a_network_is_maximised():
    tree = thalweg.run("digits_softmax", settings=["optimizers=[{kind: sgd, lr: [1.0e-5, 0.5]}]", "claims=[]", "seeds=2", "steps=40"])
    data = tree["sgd"].to_dataset()
    name = next(str(v) for v in data.data_vars if str(v).endswith("accuracy"))
    assert float(data.thalweg.best(by=name).lr) == 0.5
    assert float(data.thalweg.best(by=name, highest=False).lr) == 1e-5


RECORDS = {
    "everything": "{every: 5}",
    "no_loss": "{variables: [params]}",
    "diagnostic": "{variables: [gradient_norm]}",
    "variance": "{stats: [var]}",
    "mean": "{stats: [mean]}",
    "statistics_of_others": "{stats: [mean, quantiles], variables: [params]}",
    "last": "{last: true}",
}


@pytest.mark.parametrize(
    ("record", "lr"),
    few(product(RECORDS, ("0.001", "[0.001, 0.002]")), keep=[("everything", "0.001"), ("mean", "[0.001, 0.002]"), ("no_loss", "0.001")]),
)
def test_the_commands_that_come_next_work(tmp_path, monkeypatch, record, lr):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my study.yaml").write_text(
        f"name: s\nlandscape: rosenbrock\ninit: {{kind: point, at: [0.5, 0.5]}}\nsteps: 20\nseeds: 2\nrecord: {RECORDS[record]}\noptimizers: [{{kind: sgd, lr: {lr}}}]\n"
    )
    first = CliRunner().invoke(app, ["run", "my study.yaml", "--out", "my runs.zarr"])
    assert first.exit_code == 0, first.output
    done, left = set(), following(first.output)
    assert left
    while left:
        words = left.pop()
        done.add(words)
        answer = CliRunner().invoke(app, list(words)[1:])
        assert answer.exit_code == 0, (words, answer.output, answer.exception)
        left = [*left, *(one for one in following(answer.output) if one not in done)]
    assert any(words[1] == "report" for words in done)


def following(output):
    """The commands that an output names as next."""
    found = output.split("next: ")[-1].strip() if "next: " in output else ""
    return [tuple(shlex.split(one)) for one in found.split(", ") if one]


def test_what_is_checked_is_run_with_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["check", "averaged_sgd", "--set", "steps=50", "--set", "seeds=2"])
    assert done.output.rstrip().endswith("next: thalweg run averaged_sgd --set steps=50 --set seeds=2")


def test_a_store_whose_plug_in_is_gone_is_compared_and_not_drawn(tmp_path):
    store = stored(tmp_path)
    meta = store / "zarr.json"
    held = json.loads(meta.read_text())
    study = json.loads(held["attributes"]["study"])
    study["optimizers"][0]["kind"] = "sign_mix"
    study["optimizers"][0]["label"] = "sgd"
    held["attributes"]["study"] = json.dumps(study)
    meta.write_text(json.dumps(held))
    offered = to_look_at(store)
    assert "compare" in offered
    assert "plot" not in offered
    assert CliRunner().invoke(app, ["compare", str(store)]).exit_code == 0
    assert thalweg.open_run(store).thalweg.final()["sgd"]
