"""A study from end to end: the output contract, reproducibility, divergence, recording, resume."""

import json
import threading
import warnings

import numpy as np
import pytest
import thalweg
import xarray as xr
from helpers.repetitions import few
from thalweg.engine import plan as planning
from thalweg.engine.executors.array import simulation as array_executor
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.plan import plan
from thalweg.engine.progress import Progress
from thalweg.engine.store import store as storing
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS


def study(**changes):
    base = {
        "name": "end_to_end",
        "landscape": {"kind": "river_valley", "sharpness": [10.0, 20.0]},
        "init": {"kind": "normal", "std": 0.5},
        "noise": {"kind": "gaussian", "scale": 0.5},
        "optimizers": [
            {"kind": "sgd", "lr": {"logspace": [0.001, 0.05, 5]}},
            {"kind": "adam", "lr": [0.01, 0.1], "beta2": {"values": [0.99, 0.999]}, "average": {"kind": "ema", "decay": 0.9}},
        ],
        "seeds": 7,
        "steps": 40,
        "record": {"every": 10},
    }
    return {**base, **changes}


def arrays(tree):
    return {f"{name}/{v}": node[v].values for name, node in tree.children.items() for v in node.data_vars}


def assert_same(a, b):
    a, b = arrays(a), arrays(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_output_contract(tmp_path):
    thalweg.run(study(), tmp_path / "out.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(tmp_path / "out.zarr", engine="zarr")
    sgd = tree["sgd"]
    assert sgd.loss.dims == ("sharpness", "lr", "seed", "step")
    assert sgd.params.dims == ("sharpness", "lr", "seed", "step", "dim")
    assert list(sgd.dim.values) == ["x", "y"]
    assert list(sgd.sharpness.values) == [10.0, 20.0]
    np.testing.assert_allclose(sgd.lr, np.geomspace(0.001, 0.05, 5), rtol=1e-12)
    assert list(sgd.step.values) == [0, 10, 20, 30, 40]
    assert set(sgd.data_vars) == {"loss", "params", "river", "hill", "status", "last_step"}
    assert {"average_loss", "average_params"} <= set(tree["adam"].data_vars)
    assert (sgd.status == 1).all()
    assert (sgd.last_step == 40).all()
    assert sgd.loss.sel(lr=0.01, method="nearest").mean("seed").dims == ("sharpness", "step")
    assert sgd.loss.attrs["long_name"]
    assert "units" in sgd.loss.attrs
    stored = json.loads(tree.attrs["study"])
    assert thalweg.load_study(stored) == thalweg.load_study(study())
    assert {"thalweg_format", "thalweg_version", "packages", "device", "wall_seconds", "created"} <= set(tree.attrs)
    assert_same(tree, thalweg.open_run(tmp_path / "out.zarr"))


def test_recorded_loss_is_the_noiseless_objective_at_the_recorded_params():
    tree = thalweg.run(study())
    data = tree["sgd"].load()
    land = LANDSCAPES.load("river_valley")()
    p = {name: np.full((1, 1), getattr(land, name)) for name in ("sharpness", "slope", "amplitude", "frequency")}
    for k in data.sharpness.values:
        here = data.sel(sharpness=k)
        want = land.value(here.params.values, {**p, "sharpness": np.full((1, 1), k)}, np)
        np.testing.assert_array_equal(here.loss.values, want)


SPLITS = [(1, 1), (3, 2), (5, 4), (10**6, 1)]


@pytest.mark.parametrize(
    ("runs", "threads", "precision"),
    few(
        [(*split, p) for split in SPLITS for p in ("float32", "float64")],
        keep=[(3, 2, "float64"), (5, 4, "float32"), (10**6, 1, "float32")],
    ),
)
def test_bits_do_not_depend_on_shards_or_threads(monkeypatch, precision, runs, threads):
    wanted = thalweg.run(study(precision=precision))
    monkeypatch.setattr(planning, "SHARD_RUNS", runs)
    monkeypatch.setattr(array_executor, "DRAW_BYTES", 100 * runs)
    monkeypatch.setattr(planning, "BLOCK_BYTES", 64 * 2**20 if runs > 100 else 20_000)
    assert_same(wanted, thalweg.run(study(precision=precision), threads=threads))


def test_more_seeds_leave_the_first_ones_alone():
    few, many = thalweg.run(study()), thalweg.run(study(seeds=9))
    for name, values in arrays(few).items():
        group, variable = name.split("/")
        np.testing.assert_array_equal(values, many[group][variable].isel(seed=slice(0, 7)).values)


def test_a_swept_value_gives_the_same_bits_as_the_constant():
    swept = thalweg.run(study())["sgd"].sel(sharpness=20.0)
    alone = thalweg.run(study(landscape={"kind": "river_valley", "sharpness": 20.0}))["sgd"]
    np.testing.assert_array_equal(swept.params.values, alone.params.values)


def test_optimizers_share_starts_and_noise():
    tree = thalweg.run(study(optimizers=[{"kind": "sgd", "label": "a", "lr": 0.01}, {"kind": "sgd", "label": "b", "lr": 0.01}]))
    np.testing.assert_array_equal(tree["a"].params.values, tree["b"].params.values)


def test_root_seed_changes_everything_random():
    a, b = thalweg.run(study())["sgd"], thalweg.run(study(root_seed=1))["sgd"]
    assert (a.loss.values != b.loss.values).all()


def test_diverged_runs_keep_their_past_and_leave_neighbours_alone():
    lrs = [0.01, 0.3]
    tree = thalweg.run(study(optimizers=[{"kind": "sgd", "lr": lrs}], steps=400, record={"every": 1}, stop={"diverge_above": 1e6}))[
        "sgd"
    ].load()
    calm, wild = tree.sel(sharpness=20.0, lr=0.01), tree.sel(sharpness=20.0, lr=0.3)
    assert (calm.status == 1).all()
    assert np.isfinite(calm.loss).all()
    assert (wild.status == 2).all()
    for seed in wild.seed.values:
        run, last = wild.sel(seed=seed), int(wild.last_step.sel(seed=seed))
        assert 0 < last < 400
        assert np.isfinite(run.loss.sel(step=slice(0, last))).all()
        assert (run.loss.sel(step=slice(0, last)) <= 1e6).all()
        assert np.isnan(run.loss.sel(step=slice(last + 1, None))).all()
        assert np.isnan(run.params.sel(step=slice(last + 1, None))).all()
    alone = thalweg.run(study(optimizers=[{"kind": "sgd", "lr": 0.01}], steps=400, record={"every": 1}))["sgd"]
    np.testing.assert_array_equal(calm.loss.values, alone.loss.sel(sharpness=20.0).values)


def test_early_stop_keeps_the_iterate_that_reached_the_target():
    data = thalweg.run(
        study(
            landscape={"kind": "quadratic", "dim": 3},
            init={"kind": "point", "at": 1.0},
            noise="none",
            optimizers=[{"kind": "sgd", "lr": 0.1}],
            stop={"loss_below": 0.01},
            steps=2000,
        )
    )["sgd"].load()
    assert (data.status == 3).all()
    last = int(data.last_step[0])
    assert 0 < last < 2000
    held = data.loss.sel(step=slice(last, None))
    assert (held < 0.01).all()
    assert (held == held[0, 0]).all()


@pytest.mark.parametrize(
    ("record", "steps"),
    [
        ({"every": 15}, [0, 15, 30, 40]),
        ({"at": [3, 5]}, [3, 5, 40]),
        ({"last": True}, [40]),
        ({"log": 4}, [0, 1, 3, 12, 40]),
    ],
)
def test_thinning_changes_no_value(record, steps):
    full = thalweg.run(study(record={"every": 1}))["sgd"]
    thin = thalweg.run(study(record=record))["sgd"]
    assert list(thin.step.values) == steps
    np.testing.assert_array_equal(thin.params.values, full.params.sel(step=steps).values)


def test_zip_walks_sweeps_together():
    optimizers = [{"kind": "adam", "lr": [0.01, 0.1], "beta2": [0.99, 0.999]}]
    data = thalweg.run(study(optimizers=optimizers, zip=[["adam.lr", "adam.beta2"]]))["adam"]
    assert data.loss.dims == ("sharpness", "lr", "seed", "step")
    assert list(data.beta2.values) == [0.99, 0.999]
    assert data.beta2.dims == ("lr",)
    assert "beta2" in data.coords


def test_structural_sweeps_are_dimensions_too():
    landscape = {"kind": "rosenbrock", "dim": [2, 4]}
    optimizers = [{"kind": "sgd", "lr": 1e-4, "momentum": 0.5, "nesterov": [False, True]}]
    data = thalweg.run(study(landscape=landscape, optimizers=optimizers))["sgd"].load()
    assert data.sizes["dim"] == 4
    assert data.loss.dims[0] == "landscape.dim"
    assert np.isnan(data.params.isel({"landscape.dim": 0}).isel(dim=slice(2, None))).all()
    assert np.isfinite(data.params.isel({"landscape.dim": 1})).all()
    assert (data.loss.isel(nesterov=0, step=-1) != data.loss.isel(nesterov=1, step=-1)).all()


def test_averages_are_means_of_the_iterates():
    optimizers = [
        {"kind": "sgd", "label": "polyak", "lr": 0.02, "average": "polyak"},
        {"kind": "sgd", "label": "tail", "lr": 0.02, "average": {"kind": "tail", "start": 0.5}},
        {"kind": "sgd", "label": "ema", "lr": 0.02, "average": {"kind": "ema", "decay": 0.9}},
    ]
    tree = thalweg.run(study(optimizers=optimizers, record={"every": 1}))
    x = tree["polyak"].params.values
    at = (..., -1, slice(None))
    np.testing.assert_allclose(tree["polyak"].average_params.values[at], x[..., 1:, :].mean(-2), rtol=1e-12)
    np.testing.assert_allclose(tree["tail"].average_params.values[at], x[..., 21:, :].mean(-2), rtol=1e-12)
    a = x[..., 0, :]
    for t in range(1, 41):
        a = 0.9 * a + 0.1 * x[..., t, :]
    np.testing.assert_allclose(tree["ema"].average_params.values[at], a, rtol=1e-12)


def test_clipping_bounds_the_step():
    optimizers = [
        {"kind": "sgd", "label": "norm", "lr": 1.0, "clip": {"kind": "norm", "at": 0.01}},
        {"kind": "sgd", "label": "value", "lr": 1.0, "clip": {"kind": "value", "at": 0.01}},
    ]
    tree = thalweg.run(study(optimizers=optimizers, record={"every": 1}))
    moves = {name: np.diff(tree[name].params.values, axis=-2) for name in ("norm", "value")}
    assert np.sqrt((moves["norm"] ** 2).sum(-1)).max() <= 0.01 * (1 + 1e-9)
    assert abs(moves["value"]).max() <= 0.01 * (1 + 1e-9)


@pytest.mark.parametrize("kind", OPTIMIZERS.kinds())
def test_every_optimizer_runs_and_finds_its_way_down(kind):
    cls = OPTIMIZERS.load(kind)
    settings = {"kind": kind}
    if kind != "adadelta" and "lr" in cls.model_fields:
        settings["lr"] = {"signum": 0.001, "lion": 0.001, "adagrad": 0.1}.get(kind, 0.01)
    if kind == "sgld":
        settings["temperature"] = 1e-4
    matrix = "rest" in cls.model_fields
    landscape = {"kind": "matrix_quadratic", "rows": 3, "cols": 2} if matrix else {"kind": "quadratic", "dim": 3}
    start = {"kind": "normal", "mean": 1.0, "std": 0.1}
    data = thalweg.run(study(landscape=landscape, init=start, noise="none", optimizers=[settings], steps=300))[kind]
    assert (data.status == 1).all()
    loss = data.loss.load()
    assert (loss.isel(step=-1) < loss.isel(step=0)).all()


@pytest.mark.parametrize("kind", LANDSCAPES.kinds())
def test_every_landscape_runs(kind):
    cls = LANDSCAPES.load(kind)
    landscape = {"kind": kind, **(cls.example() if hasattr(cls, "example") else {})}
    data = thalweg.run(study(landscape=landscape, init=None, noise="none", optimizers=[{"kind": "adam", "lr": 1e-3}], steps=20))[
        "adam"
    ].load()
    assert (data.status == 1).all()
    assert (data.loss.isel(step=-1) < data.loss.isel(step=0)).all()


def test_an_existing_output_is_never_replaced_unasked(tmp_path):
    out = tmp_path / "out.zarr"
    thalweg.run(study(), out)
    with pytest.raises(StoreError, match="exists already"):
        thalweg.run(study(), out)
    thalweg.run(study(steps=20), out, overwrite=True)
    assert int(thalweg.open_run(out)["sgd"].step[-1]) == 20
    other = tmp_path / "precious"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match="not a Zarr store"):
        thalweg.run(study(), other, overwrite=True)
    assert (other / "thesis.txt").read_text() == "years of work"


def test_an_interrupted_run_is_readable_and_resumes_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(planning, "SHARD_RUNS", 14)
    wanted = thalweg.run(study())
    out, lock, calls = tmp_path / "out.zarr", threading.Lock(), []

    class Stop(Progress):
        def advanced(self, group, steps):
            with lock:
                calls.append(steps)
                if len(calls) == 4:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        thalweg.run(study(), out, progress=Stop(), threads=1)
    part = thalweg.open_run(out)
    done = np.concatenate([part[name].status.values.ravel() for name in ("sgd", "adam")])
    assert 0 < (done == 1).sum() < done.size
    with pytest.raises(StoreError, match="steps"):
        thalweg.run(study(steps=41), out, resume=True)
    assert_same(wanted, thalweg.run(study(), out, resume=True))
    assert_same(wanted, thalweg.open_run(out))


def test_resume_of_nothing_starts(tmp_path):
    assert_same(thalweg.run(study()), thalweg.run(study(), tmp_path / "new.zarr", resume=True))


def test_too_large_for_disk_or_memory_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    with pytest.raises(StoreError, match="are free"):
        thalweg.run(study(seeds=100_000_000, steps=1000, record={"every": 1}), tmp_path / "big.zarr")
    with pytest.raises(SpecError, match="free memory"):
        thalweg.run(study(seeds=100_000_000, steps=1000, record={"every": 1}))
    with pytest.raises(SpecError, match="of memory"):
        thalweg.run(study(landscape={"kind": "rastrigin", "dim": 10**10}, optimizers=[{"kind": "sgd"}]), tmp_path / "big.zarr")
    assert list(tmp_path.iterdir()) == []


def test_opening_something_else_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="no such store"):
        thalweg.open_run(tmp_path / "nothing.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="not a Zarr store"):
        thalweg.open_run(tmp_path / "folder")


def test_chunks_are_aligned_with_shards():
    made = plan(thalweg.load_study(study(seeds=5000)))
    for group in made.groups:
        seen = np.zeros(group.shape, dtype=int)
        for shard in group.shards():
            seen[shard.box] += 1
            assert all(s.start % c == 0 for s, c in zip(shard.box, group.chunk, strict=True))
        assert (seen == 1).all()


def test_array_api_strict_gives_the_same_trajectory():
    strict = pytest.importorskip("array_api_strict")
    noisy = study(noise={"kind": "student_t", "scale": 0.1, "df": 5.0}, record={"every": 5})
    noisy["optimizers"] = [{"kind": "adam", "lr": 0.01, "average": "polyak", "clip": {"kind": "norm", "at": 5.0}}]
    shard = next(plan(thalweg.load_study(noisy)).groups[0].shards())
    results = [list(array_executor.Simulation(shard, xp).run()) for xp in (np, strict)]
    for a, b in zip(*(r[:-1] for r in results), strict=True):
        for name in a.data:
            np.testing.assert_allclose(np.asarray(b.data[name]), a.data[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("noise", ["formula", "none", {"kind": "minibatch", "size": 4}])
@pytest.mark.parametrize("kind", [k for k in OPTIMIZERS.kinds() if not issubclass(OPTIMIZERS.load(k), ElementwiseOptimizer)])
def test_array_api_strict_gives_the_same_trajectory_by_every_other_kind_of_rule(kind, noise):
    strict = pytest.importorskip("array_api_strict")
    landscape = {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [4]}
    if noise == "formula":
        matrix, noise = "rest" in OPTIMIZERS.load(kind).model_fields, "none"
        landscape = {"kind": "matrix_quadratic", "rows": 3, "cols": 2} if matrix else {"kind": "quadratic", "dim": 3}
    made = study(landscape=landscape, init={"kind": "normal", "std": 0.5}, noise=noise, optimizers=[{"kind": kind}], steps=5, seeds=3)
    shard = next(plan(thalweg.load_study(made)).groups[0].shards())
    results = [list(array_simulation(shard, xp).run()) for xp in (np, strict)]
    for a, b in zip(*(r[:-1] for r in results), strict=True):
        for name in a.data:
            np.testing.assert_allclose(np.asarray(b.data[name]), a.data[name], rtol=1e-9, atol=1e-11)


def test_store_sizes_are_readable():
    assert storing.bytes_for_people(1_500) == "1.5 kB"
