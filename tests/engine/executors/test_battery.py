"""One battery for every executor: what a user may count on, whichever of them runs the study.

A case is an executor and a study that it runs: components and swarms of formulas, networks, and arrays of each. tests/engine/store/test_checkpoint.py cuts runs off.
"""

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine import plan as planning
from thalweg.specs.errors import SpecError

VALLEY = {
    "name": "valley",
    "landscape": "river_valley",
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.2},
}
NETWORK = {
    "name": "network",
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]},
    "noise": {"kind": "minibatch", "size": 4},
}
FORMULA = {
    "name": "formula",
    "landscape": {
        "kind": "expression",
        "variables": {"u": [3]},
        "draws": {"v": "normal(3)"},
        "value": "sum((u - v)**2*arange(3))/10 + sum(u**4)",
    },
    "init": {"kind": "normal"},
    "noise": {"kind": "student_t", "scale": 0.1, "df": 3},
}
ADAM = [{"kind": "adam", "lr": [0.01, 0.05, 0.2], "average": "polyak", "schedule": "cosine"}]
SWARM = [{"kind": "cbo", "particles": 6, "sigma": [0.2, 0.5, 0.8]}]
MUON = [{"kind": "muon", "lr": [0.01, 0.02, 0.1]}]
CASES = {
    f"{executor} {name}": (executor, {**base, "optimizers": optimizers, "seeds": 5, "steps": 24, "precision": precision})
    for name, base, optimizers, precision in (
        ("components", VALLEY, ADAM, "float64"),
        ("swarm", VALLEY, SWARM, "float32"),
        ("network", NETWORK, ADAM, "float32"),
        ("matrices", NETWORK, MUON, "float64"),
        ("drawn formula", FORMULA, ADAM, "float64"),
    )
    for executor in ("array", "fused")
}
EVERY = pytest.mark.parametrize("case", few(CASES, keep=lambda case: case != "fused matrices"))


def result(study, executor, out=None, **changes):
    """The one group of a study that this executor has run."""
    threads = changes.pop("threads", 1)
    tree = thalweg.run({**study, **changes}, out, executor=executor, threads=threads)
    (group,) = tree.children.values()
    assert group.attrs["executor"] == executor
    return group.to_dataset()


def swept(dataset):
    return next(str(dim) for dim in dataset.dims if dim in ("lr", "sigma"))


def assert_same(found, expected, names=None):
    for name in names or expected.data_vars:
        np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)


@EVERY
def test_bits_do_not_depend_on_shards_threads_or_neighbours(case, monkeypatch):
    executor, study = CASES[case]
    whole = result(study, executor)
    monkeypatch.setattr(planning, "SHARD_RUNS", 4)
    assert_same(result(study, executor, threads=2), whole)
    (optimizer,) = study["optimizers"]
    field = swept(whole)
    alone = result(study, executor, optimizers=[{**optimizer, field: optimizer[field][1]}], seeds=3)
    for name in alone.data_vars:
        np.testing.assert_array_equal(alone[name].values, whole[name].isel({field: 1, "seed": slice(3)}).values, err_msg=name)


@EVERY
def test_fewer_records_are_some_of_all(case):
    executor, study = CASES[case]
    whole = result(study, executor)
    found = result(study, executor, record={"every": 8})
    assert_same(found, whole.isel(step=slice(None, None, 8)), ["loss"])
    assert_same(result(study, executor, record={"last": True}), whole.isel(step=[-1]), ["loss"])


@EVERY
def test_statistics_are_those_of_the_runs(case):
    executor, study = CASES[case]
    whole = result(study, executor)
    found = result(study, executor, record={"stats": ["mean", "var"]})
    loss = whole.loss.astype("float64")
    digits = {"rtol": 1e-10} if study["precision"] == "float64" else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(found.loss_mean.values, loss.mean("seed").values, **digits)
    np.testing.assert_allclose(found.loss_var.values, loss.var("seed", ddof=1).values, **digits)


@EVERY
def test_a_diverged_run_keeps_its_past_and_leaves_its_neighbours_alone(case):
    executor, study = CASES[case]
    (optimizer,) = study["optimizers"]
    field = swept(result(study, executor, steps=1))
    wild = [*optimizer[field][:1], 1e12, *optimizer[field][2:]]
    whole = result(study, executor)
    found = result(study, executor, optimizers=[{**optimizer, field: wild}], stop={"diverge_above": 1e6})
    for k in (0, 2):
        assert_same(found.isel({field: k}), whole.isel({field: k}))
    lost = found.isel({field: 1})
    diverged = lost.status.values == 2
    assert diverged.any()
    for seed in np.flatnonzero(diverged):
        last = int(lost.last_step.values[seed])
        loss = lost.loss.isel(seed=seed).values
        assert np.isfinite(loss[:last]).all()
        assert np.isnan(loss[last + 1 :]).all()


@EVERY
def test_a_run_that_is_good_enough_stops_and_keeps_its_point(case):
    executor, study = CASES[case]
    study = (
        {**study, "noise": {"kind": "none"}} if study["noise"]["kind"] == "minibatch" else study
    )  # else the losses of batches would count
    whole = result(study, executor)
    target = float(whole.loss.isel(step=slice(4, None)).median())
    found = result(study, executor, stop={"loss_below": target})
    stopped = found.status.values == 3
    assert stopped.any()
    for at in zip(*np.nonzero(stopped), strict=True):
        where = dict(zip(found.status.dims, at, strict=True))
        last = int(found.last_step.isel(where))
        loss, before = found.loss.isel(where).values, whole.loss.isel(where).values
        np.testing.assert_allclose(loss[: last + 1], before[: last + 1], rtol=1e-12 if study["precision"] == "float64" else 1e-5)
        assert loss[last] < target
        assert (before[:last] >= target).all()
        assert (loss[last:] == loss[last]).all()


@EVERY
def test_a_branch_without_changes_goes_on_as_the_run_did(case, tmp_path):
    executor, study = CASES[case]
    if (executor, study["optimizers"]) == ("fused", SWARM):
        with pytest.raises(SpecError, match="states of swarms; use the array executor"):
            result(study, executor, record={"state": [10]})
        return
    whole = result(study, executor)
    trunk = tmp_path / "trunk.zarr"
    result(study, executor, trunk, record={"state": [10]})
    tree = thalweg.branch(trunk, 10, executor=executor)
    (group,) = tree.children.values()
    found = group.to_dataset()
    assert_same(found, whole.sel(step=found.step.values), ["loss"])
