"""The report: its data for studies of every kind, that it is one harmless file, and what is refused."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import thalweg
from thalweg.engine.api import verify_study
from thalweg.engine.comparison import best_point, final_loss
from thalweg.engine.report import page
from thalweg.engine.report.page_data import payload
from thalweg.engine.report.thinning import spread, thinned
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.load import parse_study

pytest.importorskip("plotly")
NOISE = {"kind": "gaussian", "scale": 0.5}
SGD = {"kind": "sgd", "lr": {"logspace": [1e-3, 1.0, 4]}}
ADAM = {"kind": "adam", "lr": {"logspace": [1e-3, 1e-1, 3]}, "beta1": [0.5, 0.9]}
SMALL = {"noise": NOISE, "seeds": 4, "steps": 50, "record": {"every": 5}}
EVIL = '</script><script>window.evil=1</script><img src=x onerror="window.evil=1"><!-- @DATA@ ${1} %{x}'
STUDIES = {
    "two_dims": {**SMALL, "landscape": "river_valley", "optimizers": [ADAM, SGD]},
    "no_sweep": {"landscape": "rosenbrock", "optimizers": ["adam"], "steps": 20},
    "sizes": {**SMALL, "landscape": {"kind": "rosenbrock", "dim": [2, 5]}, "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}]},
    "zipped": {
        **SMALL,
        "landscape": {"kind": "rosenbrock", "b": [10.0, 100.0]},
        "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}, {"kind": "sgd", "lr": 1e-3}],
        "zip": [["landscape.b", "adam.lr"]],
    },
    "statistics": {
        **SMALL,
        "landscape": "river_valley",
        "optimizers": [SGD],
        "record": {"every": 5, "stats": ["mean", "var", "quantiles"]},
    },
    "means": {**SMALL, "landscape": "river_valley", "optimizers": [SGD], "record": {"every": 5, "stats": ["mean", "var"]}},
    "swarm": {
        "landscape": {"kind": "rastrigin", "dim": 2},
        "init": {"kind": "normal", "std": 2.0},
        "optimizers": [{"kind": "cbo", "particles": 20}],
        "seeds": 3,
        "steps": 20,
        "record": {"every": 2, "variables": ["loss", "params", "swarm"]},
    },
    "diverged": {**SMALL, "landscape": "rosenbrock", "optimizers": [{"kind": "sgd", "lr": [1.0, 2.0]}, {**ADAM, "label": "fine"}]},
    "no_loss": {**SMALL, "landscape": "river_valley", "optimizers": [SGD], "record": {"variables": ["hill"]}},
    "five": {**SMALL, "landscape": {"kind": "rosenbrock", "dim": 5}, "optimizers": [ADAM], "record": {"log": 20}},
    "last": {**SMALL, "landscape": "river_valley", "optimizers": [SGD], "record": {"last": True}},
    "matrices": {**SMALL, "landscape": {"kind": "matrix_quadratic", "rows": 3, "cols": 2}, "optimizers": [{"kind": "muon", "lr": 0.1}]},
}


def result(name, **changes):
    return thalweg.run({"name": name, **STUDIES[name], **changes})


def data_of(path):
    """The data of a page as a browser reads them."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert text
    return json.loads(text[1], parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.mark.parametrize("name", STUDIES)
def test_pages_of_every_kind(name, tmp_path):
    path = thalweg.report(result(name), tmp_path / "page.html")
    data = data_of(path)
    assert path.stat().st_size < 6_000_000
    assert data["name"] == name
    for group, of_points in zip(data["groups"], data["landOf"], strict=True):
        count = int(np.prod([len(dim["fields"][0]["values"]) for dim in group["dims"]]))
        assert len(group["points"]) == len(of_points) == count
        for curves in group["curves"].values():
            assert len(curves) == count
            assert {len(part) for parts in curves for part in parts} == {len(data["steps"])}
    study = parse_study(data["yaml"])
    assert study == thalweg.load_study({"name": name, **STUDIES[name]})


def test_curves_are_the_quantiles_of_the_store():
    tree = result("two_dims")
    group = payload(tree)["groups"][1]
    loss = tree["sgd"].loss.isel(lr=1).transpose("seed", "step").values
    loss = loss[1::2]  # the even seeds choose, the odd ones report
    middle, low, high = group["curves"]["loss"][1]
    np.testing.assert_allclose(middle, np.median(loss, axis=0), rtol=1e-3)
    np.testing.assert_allclose(low, np.quantile(loss, 0.25, axis=0), rtol=1e-3)
    np.testing.assert_allclose(high, np.quantile(loss, 0.75, axis=0), rtol=1e-3)
    assert group["points"][1]["final"][1] == pytest.approx(np.median(loss[:, -1]), rel=1e-3)


def test_points_run_with_the_last_dimension_fastest():
    tree = result("two_dims")
    adam = payload(tree)["groups"][0]
    names = [dim["name"] for dim in adam["dims"]]
    shape = [len(dim["fields"][0]["values"]) for dim in adam["dims"]]
    at = (1, 1) if shape[0] <= shape[1] else (2, 1)
    wanted = np.median(tree["adam"].loss.isel(dict(zip(names, at, strict=True))).isel(step=-1, seed=[1, 3]).values)
    assert adam["points"][np.ravel_multi_index(at, shape)]["final"][1] == pytest.approx(wanted, rel=1e-3)


def test_trajectories_and_heights_are_those_of_the_study():
    tree = result("two_dims")
    data = payload(tree)
    xs, ys = data["tracks"][1]["values"][0][2]
    params = tree["sgd"].params.isel(lr=0, seed=2).values
    np.testing.assert_allclose(np.stack([xs, ys], -1), params, rtol=1e-4, atol=1e-9)
    land = data["lands"][0]
    x, y = land["x"][0], land["y"][1]
    model = thalweg.load_study({"name": "a", **STUDIES["two_dims"]}).landscape
    numbers = {path[-1]: np.full(1, float(value)) for path, value, _ in model.fields()}
    wanted = float(model.value(np.array([[x, y]]), numbers, np)[0])
    assert land["above"][-1][0] + land["bottom"] == pytest.approx(wanted, rel=1e-3)


def test_particles_of_the_first_seed():
    tree = result("swarm")
    data = payload(tree)
    swarm = tree["cbo"].swarm.isel(seed=0)
    held = data["swarms"][0]
    assert held["stored"] == 20
    assert len(held["values"][0]) == len(data["trackSteps"]) == 11
    np.testing.assert_allclose(np.array(held["values"][0]).transpose(0, 2, 1), swarm.transpose("step", "particle", "dim"), rtol=1e-3)
    land = data["lands"][0]
    start = swarm.isel(step=0).values
    inside = (start > [land["x"][0], land["y"][0]]).all(-1) & (start < [land["x"][1], land["y"][1]]).all(-1)
    assert inside.mean() > 0.6
    assert payload(result("two_dims"))["swarms"] == [None, None]


def test_of_many_swarms_those_at_best_points_are_held():
    cbo = {"kind": "cbo", "particles": 250, "sigma": {"linspace": [0.5, 2.0, 60]}}
    record = {"variables": ["loss", "params", "swarm"]}
    swarms = {**STUDIES["swarm"], "optimizers": [cbo, {"kind": "sgd", "lr": 1e-3}], "seeds": 1, "steps": 60, "record": record}
    data = payload(thalweg.run({"name": "wide", **swarms}))
    held = [swarm is not None for swarm in data["swarms"][0]["values"]]
    assert [k for k, is_held in enumerate(held) if is_held] == [data["groups"][0]["best"]]
    assert len(data["swarms"][0]["values"][data["groups"][0]["best"]][0][0]) == 200
    assert data["swarms"][1] is None


def test_statistics_of_a_store_without_runs():
    tree = result("statistics")
    data = payload(tree)
    group = data["groups"][0]
    assert group["statistic"]["loss"] == "quantiles"
    np.testing.assert_allclose(group["curves"]["loss"][0][0], tree["sgd"].loss_quantile.sel(quantile=0.5).isel(lr=0).values, rtol=1e-3)
    assert "median" in data["tracks"][0]["what"]
    mean = payload(result("means"))
    assert mean["groups"][0]["statistic"]["loss"] == "mean and standard deviation"
    assert mean["tracks"][0]["what"] == "the mean over the seeds"


def test_runs_that_diverged_are_null_and_never_best():
    data = payload(result("diverged"))
    sgd, fine = data["groups"]
    assert sgd["best"] is None
    assert [point["runs"] for point in sgd["points"]] == [[0, 0, 4, 0]] * 2
    assert {point["final"][1] for point in sgd["points"]} == {None}
    assert sgd["curves"]["loss"][0][0][-1] is None
    assert fine["best"] is not None


def test_infinite_and_missing_numbers_are_valid_json(tmp_path):
    path = tmp_path / "x.zarr"
    verify_study({"name": "a", **STUDIES["no_sweep"], "claims": [{"name": "c", "measure": "1/(final(loss)*0)", "less_than": 1}]}, out=path)  # type: ignore[arg-type]
    data = data_of(thalweg.report(path, tmp_path / "x.html"))
    assert data["verified"]
    assert data["claims"][0]["measured"] == "inf"
    assert data["claims"][0]["verdict"] == "failed"


def test_claims_that_nobody_checked_are_listed():
    claims = [{"name": "low", "measure": "final(loss)", "less_than": "2*lr"}]
    data = payload(result("two_dims", claims=claims))
    assert (data["verified"], data["claims"][0]["relation"], data["claims"][0]["expected"]) == (False, "<", "2*lr")


def test_provenance():
    rows = dict(payload(result("diverged"), "some.zarr")["provenance"])
    assert rows["store"] == "some.zarr"
    assert rows["thalweg"].startswith(thalweg.__version__)
    assert "executor, 8 runs: 8 diverged" in rows["group sgd"]
    assert {"seeds", "root seed", "packages", "device", "created", "wall time", "precision"} <= set(rows)


def test_an_interrupted_store_says_how_to_finish_it():
    tree = result("no_sweep")
    assert payload(tree, "some.zarr")["unfinished"] == ""
    tree["adam"]["status"] = tree["adam"].status * 0
    assert payload(tree, "some.zarr")["unfinished"].startswith("1 of the 1 runs are not finished: thalweg run some.zarr --resume")


def test_what_a_study_says_cannot_become_markup(tmp_path):
    tree = result("two_dims", title=EVIL, description=EVIL, source=EVIL, claims=[{"name": EVIL, "measure": "final(loss)", "less_than": 1}])
    path = thalweg.report(tree, tmp_path / "x.html")
    text = path.read_text(encoding="utf-8").replace(page.plotly(), "")
    assert text.count("<script") == text.count("</script>") == 3
    assert "<img" not in text
    assert "window.evil=1</script>" not in text
    data = data_of(path)
    assert data["title"] == data["description"] == data["claims"][0]["name"] == EVIL


def test_the_page_loads_nothing(tmp_path):
    text = thalweg.report(result("two_dims"), tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.plotly() in text
    own = text.replace(page.plotly(), "")
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']?(?!data:)[^"'\s>]+""", own)
    assert not re.findall(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|innerHTML|document\.write|eval\(", own)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', own)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]


def test_long_sweeps_are_thinned_keep_the_best_and_say_so(tmp_path):
    adam = {"kind": "adam", "lr": {"logspace": [1e-4, 0.5, 60]}, "beta1": {"linspace": [0.0, 0.95, 50]}}
    tree = thalweg.run({"name": "wide", "landscape": "river_valley", "optimizers": [adam], "steps": 600, "seeds": 2, "noise": NOISE})
    path = thalweg.report(tree, tmp_path / "x.html")
    data = data_of(path)
    assert path.stat().st_size < 10_000_000
    points = len(data["groups"][0]["points"])
    assert 100 < points <= 400
    assert any(f"{points} of the 3,000 points" in note for note in data["notes"])
    assert any("of the 601 stored steps" in note for note in data["notes"])
    adam, shown = tree["adam"].to_dataset(), data["groups"][0]
    there = best_point(adam).median  # of the odd seed; the even one chooses
    assert there == final_loss(adam.isel(best_point(adam).index))[1]
    assert shown["points"][shown["best"]]["final"][1] == pytest.approx(there, rel=1e-3)
    assert set(shown["bests"]) == {shown["best"]}
    assert data["rule"].startswith("best: the lowest median final loss of the even seeds")


def test_thinning():
    assert thinned(1, 5).tolist() == [0]
    for count, most in ((1000, 60), (61, 60), (100_000, 7)):
        kept = thinned(count, most)
        assert (kept[0], kept[-1]) == (0, count - 1)
        assert len(kept) <= most
        assert (np.diff(kept) > 0).all()
    for keep in range(30):
        kept = spread(30, 5, [keep])
        assert keep in kept
        assert len(set(kept.tolist())) == 5


def test_a_data_file_that_is_gone_does_not_stop_the_report(tmp_path):
    (tmp_path / "d.csv").write_text("a,y\n" + "\n".join(f"{k},{k % 2}" for k in range(8)))
    land = {"kind": "logistic_regression", "data": {"file": str(tmp_path / "d.csv"), "y": "y"}}
    thalweg.run({"name": "d", "landscape": land, "optimizers": ["sgd"], "steps": 5}, tmp_path / "d.zarr")
    assert data_of(thalweg.report(tmp_path / "d.zarr", tmp_path / "there.html"))["kind"] == "logistic_regression"
    (tmp_path / "d.csv").unlink()
    data = data_of(thalweg.report(tmp_path / "d.zarr", tmp_path / "gone.html"))
    assert "cannot be computed here" in data["lands"][0]["why"]
    assert str(tmp_path) not in data["yaml"].replace(str(tmp_path / "d.csv"), "")


def test_errors(tmp_path, monkeypatch):
    tree = result("no_sweep")
    with pytest.raises(SpecError, match=r"end the name in \.html"):
        thalweg.report(tree, tmp_path / "x.png")
    with pytest.raises(StoreError, match="no such store"):
        thalweg.report(tmp_path / "none.zarr", tmp_path / "x.html")
    with pytest.raises(StoreError, match="cannot be written"):
        thalweg.report(tree, tmp_path / "none" / "x.html")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(SpecError, match=r"thalweg\[report\]"):
        thalweg.report(tree, tmp_path / "x.html")
    assert not list(tmp_path.iterdir())


def test_command(tmp_path):
    thalweg.run({"name": "a", **STUDIES["no_sweep"]}, tmp_path / "a.zarr")
    made = subprocess.run([sys.executable, "-m", "thalweg", "report", "a.zarr"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("wrote a.html (")
    assert made.stdout.endswith("open it in a browser\n")
    assert data_of(tmp_path / "a.html")["name"] == "a"


def test_the_result_is_a_sentence_and_the_table_of_compare():
    study = {"name": "r", "landscape": "himmelblau", "init": "normal", "noise": "gaussian", "seeds": 12, "steps": 40}
    tree = thalweg.run({**study, "optimizers": [{"kind": "sgd", "lr": [1e-6, 0.01]}, {"kind": "sgd", "label": "still", "lr": 1e-9}]})
    made, table = payload(tree)["result"], thalweg.compare(tree)
    first = str(table.optimizer.values[0])
    assert made["sentence"] == (
        f"{first} at lr=0.01 ends lowest, with a median loss of {float(table['median'][0]):.4g} over 6 held-out seeds, before still with "
        f"{float(table['median'][1]):.4g}; the difference is more than chance (p {made['sentence'].rpartition('(p ')[2].removesuffix(').')})."
    )
    assert [column["title"] for column in made["table"]][:2] == ["optimizer", "best at"]
    assert made["table"][0]["cells"] == table.optimizer.values.tolist()


def test_the_result_where_nothing_was_chosen_nothing_is_stored_or_all_is_lost():
    study = {"name": "r", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5, "seeds": 3}
    assert payload(thalweg.run(study))["result"]["sentence"].startswith("sgd ends with a median loss of ")
    assert payload(thalweg.run({**study, "record": {"variables": ["params"]}}))["result"] == {}
    lost = {**study, "optimizers": [{"kind": "sgd", "lr": 1000.0}]}
    assert payload(thalweg.run(lost))["result"]["sentence"] == "Every run diverged."


def test_wide_landscapes_are_drawn_on_the_plane_of_their_best_trajectories(tmp_path):
    study = {
        **STUDIES["five"],
        "name": "wide",
        "optimizers": [{"kind": "sgd", "lr": [1e-4, 1e-3]}, {"kind": "adam", "lr": 0.03}],
        "seeds": 2,
    }
    tree = thalweg.run(study)
    data = data_of(thalweg.report(tree, tmp_path / "page.html"))
    (land,) = data["lands"]
    assert land["axes"][0].startswith("principal direction 1 (")
    sgd, adam = data["tracks"]
    assert [point is None for point in sgd["values"]] == [True, False] if data["groups"][0]["best"] == 1 else [False, True]
    ends = [seed for group, tracks in zip(data["groups"], (sgd, adam), strict=True) for seed in tracks["values"][group["best"]]]
    assert min(np.hypot(x[-1], y[-1]) for x, y in ends) < 1e-4  # the end of the best is the middle of the plane
    path = tree["adam"].params.isel(seed=1).values.reshape(-1, 5)
    drawn = np.array(adam["values"][0][1]).T
    assert np.all(np.linalg.norm(np.diff(drawn, axis=0), axis=1) <= np.linalg.norm(np.diff(path, axis=0), axis=1)[: len(drawn) - 1] + 1e-3)


def test_a_wide_landscape_without_trajectories_says_so(tmp_path):
    study = {**STUDIES["five"], "name": "wide", "record": {"variables": ["loss"]}}
    (land,) = data_of(thalweg.report(thalweg.run(study), tmp_path / "page.html"))["lands"]
    assert "5 components, and no trajectories are stored" in land["why"]
