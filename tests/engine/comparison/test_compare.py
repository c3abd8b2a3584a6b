"""compare: the best point and its quantiles against plain NumPy, and what diverged and unfinished runs do to it."""

import io
import json
from typing import Any

import numpy as np
import pandas
import pytest
import thalweg
import xarray
import zarr
from thalweg.engine.comparison import VIEWS, best_point, compare, quantile, save, table
from thalweg.specs.errors import SpecError, StoreError

RIVER = {
    "name": "river",
    "landscape": {"kind": "river_valley", "sharpness": 20},
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [
        {"kind": "adam", "lr": {"logspace": [1e-3, 1e-1, 4]}, "beta1": [0.5, 0.9]},
        {"kind": "sgd", "lr": {"logspace": [1e-3, 1.0, 5]}},
    ],
    "seeds": 15,
    "steps": 60,
    "record": {"every": 10},
}
BOOM = {**RIVER, "name": "boom", "landscape": "rosenbrock", "optimizers": [{"kind": "sgd", "lr": [1.0, 2.0]}], "seeds": 3}


@pytest.fixture(scope="module")
def river(tmp_path_factory):
    path = tmp_path_factory.mktemp("compare") / "river.zarr"
    thalweg.run(RIVER, path)
    return path


def text(made):
    from rich.console import Console

    file = io.StringIO()
    Console(width=160, file=file).print(made)
    return file.getvalue()


def group(final, status=None, **coords):
    """A group by hand: final loss (lr, seed), two stored steps."""
    final = np.asarray(final, dtype=float)
    status = np.ones(final.shape, np.int8) if status is None else np.asarray(status, np.int8)
    loss = np.stack([np.ones_like(final), final], axis=-1)
    data = {"loss": (("lr", "seed", "step"), loss), "status": (("lr", "seed"), status)}
    return xarray.Dataset(data, coords={"lr": 0.1 * np.arange(1, len(final) + 1), **coords})


def test_numbers_are_those_of_numpy(river):
    got = compare(river)
    tree = thalweg.open_run(river)
    assert list(got["median"].values) == sorted(got["median"].values)
    for name in ("adam", "sgd"):
        data = tree[name]
        status = data["status"].values
        final = np.where(status == 2, np.inf, data["loss"].values[..., -1])
        median = np.median(final[..., ::2], axis=-1)
        at = np.unravel_index(np.argmin(median), median.shape)
        reported = final[at][1::2]
        row = got.sel(optimizer=name)
        assert row["median"] == np.median(reported)
        assert row["seeds"] == 7
        assert row["chosen"] == "held out"
        np.testing.assert_allclose([row["q25"], row["q75"]], np.quantile(reported, [0.25, 0.75]), rtol=1e-15)
        assert row["runs"] == status.size
        assert [row[key] for key in ("unfinished", "finished", "diverged", "stopped")] == [(status == k).sum() for k in range(4)]
        assert row["diverged_at_best"] == (status[at] == 2).sum()
        assert f"lr={data['lr'].values[at[0]]:.4g}" in str(row["best"].values)
    assert got.sel(optimizer="sgd")["diverged"] > 0


def test_an_opened_tree_is_the_same_as_its_path(river):
    assert compare(thalweg.open_run(river)).identical(compare(river))


def test_zipped_fields_are_part_of_the_best_point():
    study = {**RIVER, "optimizers": [{"kind": "adam", "lr": [0.001, 0.1], "beta1": [0.8, 0.9]}], "zip": [["adam.lr", "adam.beta1"]]}
    tree = thalweg.run(study)
    assert dict(best_point(tree["adam"].to_dataset()).values) == {"lr": 0.1, "beta1": 0.9}
    assert str(compare(tree)["best"].values[0]) == "lr=0.1, beta1=0.9"


def test_no_sweep():
    tree = thalweg.run({**RIVER, "optimizers": [{"kind": "adam", "lr": 0.01}]})
    got = compare(tree)
    assert got["best"].values[0] == ""
    assert got["median"].values[0] == np.median(tree["adam"]["loss"].values[:, -1])
    assert "adam" in text(table(got))


def test_all_diverged():
    got = compare(thalweg.run(BOOM))
    assert np.isposinf(got["median"].values[0])
    assert got["best"].values[0] == ""
    assert got["diverged"].values[0] == got["runs"].values[0] == 6
    assert "diverged  diverged  diverged" in text(table(got))


def test_problems_keep_their_order_and_infinite_medians_sort_last_within():
    mixed = {**BOOM, "optimizers": [{"kind": "sgd", "lr": 2.0}, {"kind": "adam", "lr": 0.01}]}
    got = compare(thalweg.run(mixed), thalweg.run({**BOOM, "name": "still", "init": {"kind": "point", "at": 1.0}}))
    assert list(got["optimizer"].values) == ["adam", "boom/sgd", "still/sgd"]
    assert np.isposinf(got["median"].values[1])


def test_stopped_early_counts_with_its_loss():
    tree = thalweg.run(
        {**BOOM, "noise": {"kind": "none"}, "optimizers": [{"kind": "adam", "lr": 0.1}], "steps": 3000, "stop": {"loss_below": 1e-2}}
    )
    got = compare(tree)
    assert got["stopped"].values[0] == 3
    assert 0 <= got["median"].values[0] < 1e-2


def test_nan_never_wins_and_ties_go_to_fewer_divergences_then_the_first():
    nan, inf = np.nan, np.inf
    assert best_point(group([[nan, nan, nan], [5, 5, 5]])).index == {"lr": 1}
    assert best_point(group([[-inf, -inf, -inf], [5, 5, 5]])).index == {"lr": 1}
    assert best_point(group([[1, 1, 1], [5, 5, 5]], [[2, 2, 1], [1, 1, 1]])).index == {"lr": 1}
    assert best_point(group([[1, 1, 9], [1, 1, 0]], [[1, 1, 2], [1, 1, 1]])).index == {"lr": 1}
    assert best_point(group([[2, 2, 2], [1, 1, 1], [1, 1, 1]])).index == {"lr": 1}
    assert best_point(group([[inf, inf, inf], [1, inf, inf]], [[2, 2, 2], [1, 2, 2]])).index == {"lr": 1}


def test_unfinished_runs_are_left_out():
    best = best_point(group([[0, 0, 0], [5, 7, 0]], [[0, 0, 0], [1, 1, 0]]))
    assert best.index == {"lr": 1}
    assert best.median == 7  # of seed 1; seeds 0 and 2 choose
    assert best.counts == {"unfinished": 1, "finished": 2, "diverged": 0, "stopped": 0}


def test_incomplete_store(tmp_path):
    path = tmp_path / "x.zarr"
    thalweg.run(RIVER, path)
    root: Any = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    root["adam"]["status"][...] = 0
    root["adam"]["loss"][..., -1] = np.nan
    root.attrs["complete"] = False
    got = compare(path)
    assert list(got["optimizer"].values) == ["sgd", "adam"]
    assert np.isnan(got["median"].values[1])
    shown = text(table(got))
    assert "120 of 195 runs are not finished" in shown
    assert "not run yet" in shown


def test_same_names_are_told_apart(river):
    one = thalweg.run({**RIVER, "name": "other", "optimizers": [{"kind": "sgd", "lr": 0.01}]})
    assert set(compare(river, one)["optimizer"].values) == {"adam", "river/sgd", "other/sgd"}
    assert {"river#1/sgd", "river#2/sgd"} < set(compare(river, river)["optimizer"].values)


def test_table_has_four_digits_and_shows_labels_as_they_are():
    tree = thalweg.run({**RIVER, "optimizers": [{"kind": "sgd", "lr": 0.01}]})
    got = compare(tree).assign(median=("optimizer", [123456.789]), q25=("optimizer", [0.000123456])).assign_coords(optimizer=["[red]x"])
    shown = text(table(got))
    assert "1.235e+05" in shown
    assert "0.0001235" in shown
    assert "[red]x" in shown


def test_quantiles():
    values = np.random.default_rng(0).normal(size=(6, 9))
    for q in (0.0, 0.25, 0.5, 0.75, 1.0):
        np.testing.assert_allclose(quantile(values, q), np.quantile(values, q, axis=-1), rtol=1e-14)
    assert quantile(np.array([1, 2, np.inf]), 0.5) == 2
    assert np.isposinf(quantile(np.array([1, np.inf]), 0.25))
    assert np.isposinf(quantile(np.full(4, np.inf), 0.25))
    assert np.isnan(quantile(np.full(4, np.nan), 0.25))


def test_errors(tmp_path):
    with pytest.raises(SpecError, match="at least one"):
        compare()
    with pytest.raises(StoreError, match="no such store"):
        compare(tmp_path / "none.zarr")
    with pytest.raises(SpecError, match=r"sgd: has no loss.*record\.variables"):
        compare(thalweg.run({**BOOM, "record": {"variables": ["params"]}}))
    with pytest.raises(StoreError, match="not a thalweg store"):
        compare(xarray.DataTree())


@pytest.mark.parametrize("view", VIEWS.kinds())
def test_every_view_in_every_format(view, river, tmp_path):
    if view == "ranks":
        river = thalweg.run({**RIVER, "optimizers": [{"kind": kind, "lr": 0.01} for kind in ("sgd", "adam", "lion")]})
    made = compare(river, view=view)
    assert len(text(table(made)).splitlines()) >= 3
    found = json.loads(save(made, "json"), parse_constant=pytest.fail)
    frame = pandas.read_csv(io.StringIO(save(made, "csv", tmp_path / "made.csv")))
    assert (tmp_path / "made.csv").read_text() == save(made, "csv")
    assert len(found["rows"]) == len(frame)
    name = {
        "final": "median",
        "targets": "ert",
        "sensitivity": "median",
        "pairs": "p",
        "ranks": "p",
        "problems": "rank",
        "fit": "value",
    }.get(view, "solved")
    np.testing.assert_allclose(frame[name], made[name].values.ravel(), rtol=1e-12)
    latex = save(made, "latex").splitlines()
    rows = [line for line in latex if line.endswith(r" \\")]
    assert {line.count(" & ") for line in rows} == {rows[0].count(" & ")}
    assert latex[-1] == r"\end{tabular}"


@pytest.mark.parametrize("view", ["performance", "data", "ecdf"])
def test_profiles_do_not_depend_on_how_many_seeds_are_looked_at_at_a_time(view, river, monkeypatch):
    at_once = compare(river, view=view)
    monkeypatch.setattr("thalweg.engine.comparison.profiles.PART", 2)
    xarray.testing.assert_equal(at_once, compare(river, view=view))


@pytest.mark.parametrize("view", VIEWS.kinds())
def test_stores_opened_as_dask_arrays_compare_alike(view, river):
    lazy = xarray.open_datatree(river, engine="zarr", chunks={})
    assert lazy["sgd"].loss.chunks
    times = 2 if view == "ranks" else 1  # which needs three optimizers
    xarray.testing.assert_identical(compare(*[river] * times, view=view), compare(*[lazy] * times, view=view))


def test_wrong_views_targets_and_formats(river):
    with pytest.raises(SpecError, match="'rank'; did you mean 'ranks'"):
        compare(river, view="rank")
    with pytest.raises(SpecError, match="belongs to the view targets"):
        compare(river, target=0.1)
    with pytest.raises(SpecError, match="finite"):
        compare(river, view="targets", target=np.inf)
    with pytest.raises(SpecError, match="'xml'"):
        save(compare(river), "xml")
    with pytest.raises(StoreError, match="cannot be written"):
        save(compare(river), "csv", "/nowhere/at/all.csv")
    with pytest.raises(SpecError, match="needs three optimizers"):
        compare(river, view="ranks")
    last = thalweg.run({**RIVER, "record": {"last": True}})
    with pytest.raises(SpecError, match="step 0 was not stored"):
        compare(last, view="targets")
    assert compare(last, view="targets", target=[0.0])["successes"].shape == (2, 1)
    stats = thalweg.run({**RIVER, "record": {"every": 10, "stats": ["mean"]}})
    with pytest.raises(SpecError, match=r"record\.stats"):
        compare(stats, view="targets", target=0.0)
