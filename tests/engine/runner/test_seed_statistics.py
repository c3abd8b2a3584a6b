"""Statistics over the seeds against numpy on the runs themselves, the sketch's rank error, and what is stored."""

from itertools import product

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine import plan as planning
from thalweg.engine.runner.seed_statistics import FAN, SKETCH
from thalweg.specs.errors import SpecError

STUDY = {
    "name": "stats",
    "landscape": "river_valley",
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.03], "average": {"kind": "ema"}}],
    "seeds": 300,
    "steps": 40,
    "record": {"every": 10},
}
NETWORK = {
    **STUDY,
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]},
    "noise": {"kind": "minibatch", "size": 4},
}
STATS = {"every": 10, "stats": ["mean", "var", "quantiles"]}


WAYS = {"array": (STUDY, "array"), "fused": (STUDY, "fused"), "program": (NETWORK, "fused")}


@pytest.mark.parametrize(
    ("precision", "way"),
    few(
        product(("float32", "float64"), WAYS),
        keep=[("float32", "array"), ("float64", "array"), ("float64", "fused"), ("float64", "program")],
    ),
)
def test_statistics_are_those_of_the_runs(way, precision):
    study, executor = WAYS[way]
    spec = {**study, "precision": precision}
    runs, stats = (thalweg.run({**spec, "record": r}, executor=executor)["sgd"].load() for r in (STUDY["record"], STATS))
    names = [name for name in runs.data_vars if name not in ("status", "last_step", "state")]
    assert len(names) > 4
    for name in names:
        values = runs[name].astype(np.float64)
        np.testing.assert_allclose(stats[f"{name}_mean"], values.mean("seed"), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(stats[f"{name}_var"], values.var("seed", ddof=1), rtol=1e-5, atol=1e-14)
        wanted = values.quantile([0.05, 0.25, 0.5, 0.75, 0.95], "seed").transpose(..., "quantile")
        np.testing.assert_allclose(stats[f"{name}_quantile"].transpose(*wanted.dims), wanted, rtol=1e-6, atol=1e-12)
    assert (stats["count"] == 300).all()
    np.testing.assert_array_equal(stats.final_loss, runs.loss.isel(step=-1))
    np.testing.assert_array_equal(stats.status, runs.status)
    assert "loss" not in stats


def test_runs_that_diverge_leave_the_statistics():
    optimizer = {"kind": "sgd", "lr": [0.03, 0.5]}
    stats = thalweg.run({**STUDY, "optimizers": [optimizer], "record": STATS})["sgd"].load()
    assert (stats["count"].sel(lr=0.03) == 300).all()
    assert (stats["count"].sel(lr=0.5).isel(step=-1) == 0).all()
    assert np.isnan(stats.loss_mean.sel(lr=0.5).isel(step=-1))
    assert np.isfinite(stats.loss_quantile.sel(lr=0.03)).all()


def test_parts_of_the_seeds_give_the_same_moments_and_quantiles_within_the_rank_error(monkeypatch):
    spec = {**STUDY, "seeds": 20_000, "optimizers": [{"kind": "sgd", "lr": 0.03}], "record": {**STATS, "variables": ["loss"]}}
    whole = thalweg.run(spec)["sgd"].load()
    monkeypatch.setattr(planning, "STATS_RUNS", 500)  # 40 parts: three levels of sketches
    parts = thalweg.run(spec)["sgd"].load()
    np.testing.assert_allclose(parts.loss_mean, whole.loss_mean, rtol=1e-12)
    np.testing.assert_allclose(parts.loss_var.isel(step=slice(1, None)), whole.loss_var.isel(step=slice(1, None)), rtol=1e-9)
    np.testing.assert_array_equal(parts.final_loss, whole.final_loss)
    losses = np.sort(whole.final_loss.values)
    levels = int(np.ceil(np.log(40) / np.log(FAN)))
    for q, found in zip(parts["quantile"].values, parts.loss_quantile.isel(step=-1).values, strict=True):
        rank = np.searchsorted(losses, found) / len(losses)
        assert abs(rank - q) <= (levels + 1) / (2 * SKETCH) + 1e-4


def test_bits_do_not_depend_on_threads(monkeypatch):
    monkeypatch.setattr(planning, "STATS_RUNS", 64)
    spec = {**STUDY, "record": STATS}
    one, three = (thalweg.run(spec, threads=n)["sgd"].load() for n in (1, 3))
    assert one.identical(three)


def test_compare_and_plot_read_a_store_of_statistics(tmp_path):
    store = tmp_path / "s.zarr"
    thalweg.run({**STUDY, "record": STATS}, store)
    runs = thalweg.run(STUDY)
    assert thalweg.compare(str(store))["median"].item() == pytest.approx(thalweg.compare(runs)["median"].item())
    from thalweg.engine.plot import plot

    for kind in ("loss", "sweep", "auto"):
        assert plot(store, kind, tmp_path / f"{kind}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"stats": ["median"]}, "stats"),
        ({"stats": ["quantiles"], "quantiles": [0.5, 0.1]}, "increase"),
        ({"stats": ["quantiles"], "quantiles": [0.5, 1.5]}, "quantiles"),
        ({"stats": ["mean"], "quantiles": [0.5]}, "not asked for"),
        ({"stats": ["mean"], "over": "lr"}, "over"),
    ],
)
def test_wrong_statistics_are_refused(record, message):
    with pytest.raises(SpecError, match=message):
        thalweg.load_study({**STUDY, "record": record})
