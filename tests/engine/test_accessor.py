"""The accessor .thalweg against plain NumPy on small stores, and its errors."""

import subprocess
import sys

import numpy as np
import pytest
import thalweg
import xarray
from thalweg.engine.results import blocks
from thalweg.specs.errors import SpecError

STUDY = {
    "name": "hill",
    "landscape": {"kind": "river_valley", "sharpness": 20.0},
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [{"kind": "sgd", "lr": [0.001, 0.05, 0.2]}, {"kind": "adam", "lr": 0.01}],
    "seeds": 7,
    "steps": 60,
    "record": {"every": 5},
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return thalweg.run(STUDY, tmp_path_factory.mktemp("accessor") / "hill.zarr")


def test_final_and_best(tree):
    loss, status = tree["sgd"]["loss"].values, tree["sgd"]["status"].values
    final = np.where(status == 2, np.inf, loss[..., -1])
    np.testing.assert_array_equal(tree["sgd"].thalweg.final().values, final)
    best = tree["sgd"].thalweg.best()
    at = np.argmin(np.median(final, axis=-1))
    np.testing.assert_array_equal(best["loss"].values, loss[at])
    assert list(tree.thalweg.best().children) == ["sgd", "adam"]
    assert "lr" not in tree["adam"].thalweg.best().dims
    river = tree["sgd"]["river"].values[..., -1]
    by = tree["sgd"].thalweg.best(by="river")
    assert by["lr"].item() == [0.001, 0.05, 0.2][np.argmin(np.median(np.where(status == 2, np.inf, river), axis=-1))]


@pytest.mark.parametrize("budget", [7, 100, 10**7])
def test_reach_is_the_same_in_blocks_of_any_size(tree, monkeypatch, budget):
    monkeypatch.setattr(blocks.boxes, "__defaults__", (budget,))
    wanted = [1.0, 0.0]
    loss, steps = tree["sgd"]["loss"].values, tree["sgd"]["step"].values
    for k, target in enumerate(wanted):
        hit = loss <= target
        first = np.where(hit.any(-1), steps[hit.argmax(-1)], np.inf)
        np.testing.assert_array_equal(tree["sgd"].thalweg.reach(wanted).values[k], first)
        np.testing.assert_array_equal(tree["sgd"].thalweg.reach(target).values, first)


def test_ert_counts_steps_over_successes(tree):
    got = tree["sgd"].thalweg.ert(0.5)
    first = tree["sgd"].thalweg.reach(0.5).values
    ended = tree["sgd"]["last_step"].values + (tree["sgd"]["status"].values == 2)
    hits = np.isfinite(first).sum(-1)
    made = np.where(np.isfinite(first), first, ended).sum(-1)
    np.testing.assert_allclose(got["ert"].values, [m / h if h else np.inf for m, h in zip(made, hits, strict=True)])
    np.testing.assert_array_equal(got["successes"].values, hits)


def test_bands_are_quantiles_and_infinite_after_divergence(tree):
    data = tree["sgd"].to_dataset()
    loss = np.where((data["status"].values == 2)[..., None] & ~np.isfinite(data["loss"].values), np.inf, data["loss"].values)
    got = data.thalweg.bands("loss", q=[0.0, 0.5, 1.0])
    assert got.dims == ("quantile", "lr", "step")
    np.testing.assert_allclose(got.sel(quantile=0.5).values, np.median(loss, axis=1), rtol=1e-12)
    np.testing.assert_array_equal(got.sel(quantile=1.0).values, loss.max(axis=1))
    assert tree["adam"].thalweg.bands("params").dims == ("quantile", "step", "dim")


def test_the_landscape_under_the_trajectories(tree):
    ground = tree["adam"].thalweg.on_landscape(points=41)
    x, y = ground["loss"].dims[::-1]
    params = tree["adam"]["params"].values
    assert ground[x].values.min() < params[..., 0].min()
    assert ground[y].values.max() > params[..., 1].max()
    last = tree["adam"]["params"].isel(seed=0, step=-1).values
    between = ground["loss"].interp({x: last[0], y: last[1]}).item()
    assert between == pytest.approx(tree["adam"]["loss"].isel(seed=0, step=-1).item(), abs=0.1)


def test_a_swept_landscape_keeps_its_dimension_and_needs_a_choice():
    tree = thalweg.run({**STUDY, "landscape": {"kind": "river_valley", "sharpness": [10.0, 20.0]}})
    best = tree["sgd"].thalweg.best()
    assert best.sizes["sharpness"] == 2
    assert "lr" not in best.dims
    final = tree["sgd"].thalweg.final()
    for k in range(2):
        assert best["lr"].values[k] == final["lr"].values[np.argmin(np.median(final.isel(sharpness=k).values, axis=-1))]
    with pytest.raises(SpecError, match=r"sharpness has 2 values.*isel"):
        tree["sgd"].thalweg.on_landscape()
    one = tree["sgd"].to_dataset().isel(sharpness=1)
    assert one.thalweg.on_landscape(points=5, study=tree).sizes == {one.thalweg.on_landscape(5, study=tree)["loss"].dims[0]: 5, "x": 5}


def test_errors(tree):
    with pytest.raises(SpecError, match="not a group"):
        _ = xarray.Dataset({"a": 1}).thalweg
    with pytest.raises(SpecError, match=r"no variable 'los'.*loss"):
        tree["sgd"].thalweg.bands("los")
    with pytest.raises(SpecError, match="finite"):
        tree["sgd"].thalweg.reach(np.nan)
    with pytest.raises(SpecError, match=r"'hil'.*hill"):
        tree["sgd"].thalweg.best(by="hil")
    with pytest.raises(SpecError, match="does not hold its study"):
        tree["sgd"].to_dataset().thalweg.on_landscape()
    with pytest.raises(SpecError, match="between 0 and 1"):
        tree["sgd"].thalweg.bands("loss", q=[2])
    large = thalweg.run({**STUDY, "landscape": {"kind": "quadratic", "dim": 3}, "init": {"kind": "point", "at": 1.0}})
    with pytest.raises(SpecError, match="3 components"):
        large["sgd"].thalweg.on_landscape()


def test_import_thalweg_imports_no_xarray():
    code = "import thalweg, sys; thalweg.__version__; assert 'xarray' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
