"""Joined stores have the bits of the study that was run at once, and compute only what nobody has."""

import numpy as np
import pytest
import thalweg
from thalweg.engine.cli import app
from thalweg.engine.runner import threads
from thalweg.engine.runner.merge import merge
from thalweg.engine.store.integrity import examine
from thalweg.specs.errors import StoreError
from typer.testing import CliRunner

STUDY = {
    "name": "s",
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]},
    "noise": {"kind": "minibatch", "size": 4},
    "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}],
    "seeds": 3,
    "steps": 12,
    "record": {"every": 5},
}
ADAM = {"kind": "adam", "lr": 0.01}


def joined(tmp_path, *studies, monkeypatch=None, executor="array"):
    targets = [tmp_path / f"{k}.zarr" for k in range(len(studies))]
    for study, target in zip(studies, targets, strict=True):
        thalweg.run(study, target, executor=executor)
    computed, honest = [], threads.ShardRun.__call__
    if monkeypatch:
        monkeypatch.setattr(threads.ShardRun, "__call__", lambda self: (computed.append(self.shard), honest(self)))
    merge(targets, tmp_path / "all.zarr")
    assert not any(f.damaged for f in examine(tmp_path / "all.zarr"))
    return thalweg.open_run(tmp_path / "all.zarr"), computed


def assert_same(found, expected):
    assert set(found.children) == set(expected.children)
    for group in expected.children:
        for name in expected[group].data_vars:
            np.testing.assert_array_equal(found[group][name].values, expected[group][name].values)


def test_other_sweep_values_are_copied_and_nothing_is_computed(tmp_path, monkeypatch):
    more = {**STUDY, "optimizers": [{"kind": "sgd", "lr": [0.05, 0.1, 0.2]}]}
    found, computed = joined(tmp_path, STUDY, more, monkeypatch=monkeypatch)
    assert not computed
    assert_same(found, thalweg.run({**STUDY, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.05, 0.1, 0.2]}]}, executor="array"))


def test_a_value_becomes_a_sweep_and_other_optimizers_come_along(tmp_path, monkeypatch):
    one = {**STUDY, "optimizers": [{"kind": "sgd", "lr": 0.3}, ADAM]}
    found, computed = joined(tmp_path, STUDY, one, monkeypatch=monkeypatch)
    assert not computed
    assert_same(found, thalweg.run({**STUDY, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1, 0.3]}, ADAM]}, executor="array"))


@pytest.mark.parametrize("executor", ["array", "fused"])
def test_missing_runs_are_computed(executor, tmp_path, monkeypatch):
    more = {**STUDY, "seeds": 5, "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}]}
    found, computed = joined(tmp_path, STUDY, more, monkeypatch=monkeypatch, executor=executor)
    assert computed
    assert_same(found, thalweg.run({**more, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1, 0.2]}]}, executor=executor))


def test_a_structural_sweep_of_shapes(tmp_path):
    land = {"kind": "rosenbrock", "dim": [2, 4]}
    few = {**STUDY, "landscape": land, "noise": {"kind": "gaussian", "scale": 0.1}, "optimizers": [ADAM]}
    found, _ = joined(tmp_path, few, {**few, "landscape": {"kind": "rosenbrock", "dim": 3}})
    assert_same(found, thalweg.run({**few, "landscape": {"kind": "rosenbrock", "dim": [2, 3, 4]}}, executor="array"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 13}, "it differs in: steps"),
        ({"root_seed": 1}, "it differs in: root_seed"),
        ({"optimizers": [{"kind": "sgd", "lr": 0.1, "schedule": "cosine"}]}, "sgd differs in more"),
        ({"noise": {"kind": "gaussian"}}, "noise differs in more"),
    ],
)
def test_other_studies_are_refused(tmp_path, change, message):
    with pytest.raises(StoreError, match=message):
        joined(tmp_path, STUDY, {**STUDY, **change})
    assert not (tmp_path / "all.zarr").exists()


def test_stores_of_another_version_are_refused(tmp_path, monkeypatch):
    thalweg.run(STUDY, tmp_path / "old.zarr")
    monkeypatch.setattr("thalweg.engine.store.provenance.OWN_VERSION", "0.0")
    with pytest.raises(StoreError, match=rf"was begun with thalweg {thalweg.__version__}, this is 0\.0.*; join it with that version"):
        merge([tmp_path / "old.zarr"] * 2, tmp_path / "all.zarr")


def test_the_command(tmp_path):
    for k, seeds in enumerate((2, 3)):
        thalweg.run({**STUDY, "seeds": seeds}, tmp_path / f"{k}.zarr")
    targets = [str(tmp_path / f"{k}.zarr") for k in range(2)]
    shown = CliRunner().invoke(app, ["merge", *targets, "--out", str(tmp_path / "all.zarr")])
    assert shown.exit_code == 0
    with pytest.raises(StoreError, match="is one of the stores to join"):
        merge(targets, targets[0])
    with pytest.raises(StoreError, match="at least two"):
        merge(targets[:1], tmp_path / "x.zarr")
