"""A shard goes on from its checkpoint to the bits it would have had, whatever executor, optimizer and moment."""

from itertools import product

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine import check
from thalweg.engine.executors.array import threads as split
from thalweg.engine.executors.choose import simulation
from thalweg.engine.executors.cpu import points as fused
from thalweg.engine.executors.cpu import programs
from thalweg.engine.executors.outcome import Block
from thalweg.engine.runner import threads
from thalweg.engine.store import checkpoint
from thalweg.engine.store.checkpoint import Checkpoint
from thalweg.engine.store.store import checkpoint_folder

STUDY = {"name": "s", "landscape": {"kind": "matrix_rosenbrock", "rows": 2}, "init": {"kind": "normal"}, "seeds": 5, "steps": 90}
RIVER = {
    "name": "r",
    "landscape": "river_valley",
    "init": {"kind": "normal"},
    "noise": {"kind": "gaussian", "scale": 0.2},
    "seeds": 5,
    "steps": 90,
}
DRIFT = {"kind": "expression", "variables": {"u": [3]}, "value": "sum((u - sin(t/9))**2) + t/steps*sum(cos(3*u))"}
STREAM = {
    "kind": "expression",
    "variables": {"u": [3]},
    "draws": {"v": "sphere(3)"},
    "samples": {"x": "normal(batch, 3)"},
    "value": "mean((x @ (u - v))**2)",
}
SAMPLES = {**STUDY, "landscape": {"kind": "teacher_network", "inputs": 5, "hidden": 4}, "noise": {"kind": "minibatch", "size": 3}}
NETWORK = {
    **STUDY,
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [3]},
    "init": None,
    "noise": {"kind": "minibatch", "size": 4},
}
CASES = {
    "adam and average": ("array", {**STUDY, "optimizers": [{"kind": "adam", "lr": [0.01, 1e9], "average": "polyak"}]}),
    "muon": ("array", {**STUDY, "optimizers": [{"kind": "muon", "lr": [0.01, 0.02]}]}),
    "second moment": ("array", {**STUDY, "optimizers": [{"kind": "spherical_sgd", "average": "second_moment"}]}),
    "memory": ("array", {**RIVER, "optimizers": [{"kind": "cbo_memory", "particles": 6, "alpha_growth": 1.01}]}),
    "batches": ("array", {**SAMPLES, "optimizers": [{"kind": "cbo", "particles": 6, "batch": 4, "average": "polyak"}]}),
    "reshuffled": (
        "array",
        {
            **SAMPLES,
            "noise": {"kind": "minibatch", "size": 3, "sampling": "reshuffle"},
            "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}],
        },
    ),
    "stream of samples": (
        "array",
        {**STUDY, "landscape": STREAM, "noise": {"kind": "online", "size": 2}, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}]},
    ),
    "drifting formula": ("array", {**STUDY, "landscape": DRIFT, "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}]}),
    "stop early": ("array", {**RIVER, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.04]}], "stop": {"loss_below": 0.02}}),
    "fused": ("fused", {**RIVER, "optimizers": [{"kind": "adam", "lr": [0.01, 0.02], "average": "polyak", "schedule": "cosine"}]}),
    "fused swarm": (
        "fused",
        {**RIVER, "optimizers": [{"kind": "cbo", "particles": 6, "average": {"kind": "ema", "decay": 0.9}}]},
    ),
    "fused program": ("fused", {**NETWORK, "optimizers": [{"kind": "adam", "lr": [0.01, 1e9], "average": "polyak", "schedule": "cosine"}]}),
    "fused program, matrices": ("fused", {**NETWORK, "optimizers": [{"kind": "muon", "lr": [0.01, 0.02]}], "stop": {"loss_below": 0.8}}),
}


def whole(blocks):
    *blocks, end = blocks
    data = {n: np.concatenate([np.asarray(b.data[n]) for b in blocks], axis=2) for n in blocks[0].data}
    return data | {"status": end.status, "last": end.last_step}


@pytest.mark.parametrize(
    ("case", "threads"),
    few(product(CASES, (1, 2)), keep=lambda case, threads: threads == (2 if case in ("stop early", "fused program") else 1)),
)
def test_whatever_is_cut_off_goes_on_to_the_same_bits(case, threads, tmp_path, monkeypatch):
    """Stopped after some ticks, again and again; what blocks came out before is what a store would hold."""
    executor, study = CASES[case]
    monkeypatch.setattr(split, "LARGE", 1)
    monkeypatch.setattr(fused, "CALL_WORK", 1)
    monkeypatch.setattr(programs, "CALL_WORK", 1)
    (shard,) = check({**study, "record": {"every": 7}}).groups[0].shards()
    monkeypatch.setattr(type(shard.group), "step_chunk", property(lambda self: 4))
    expected = whole(simulation(shard, executor, threads).run())
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    kept: dict[int, Block] = {}
    for patience in (3, 1, 11, 5, 40, 10**6):
        point, ticks, outcome = Checkpoint(tmp_path / "c.npz", "key"), [0], None

        def tick(steps, ticks=ticks, patience=patience):
            ticks[0] += 1
            if ticks[0] > patience:
                raise KeyboardInterrupt

        monkeypatch.setattr("thalweg.engine.executors.array.simulation.TICK_STEPS", 3)
        try:
            for made in simulation(shard, executor, threads).run(tick, point):
                if isinstance(made, Block):
                    kept[made.start] = made
                else:
                    outcome = made
        except KeyboardInterrupt:
            continue
    assert outcome is not None
    found = whole([*(kept[k] for k in sorted(kept)), outcome])
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize(("given", "executor"), few([(RIVER, "array"), (NETWORK, "fused")], keep=[(NETWORK, "fused")]))
def test_a_run_goes_on_from_within_a_shard_and_leaves_nothing_behind(given, executor, tmp_path, monkeypatch):
    out = tmp_path / "r.zarr"
    study = {**given, "optimizers": [{"kind": "sgd", "lr": [0.01, 0.02]}], "steps": 2000, "record": {"every": 100}}
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(programs, "CALL_WORK", 1000)
    count, honest = [0], threads.ShardRun.tick

    def tick(self, part):
        inner = honest(self, part)

        def stop(steps):
            count[0] += 1
            if count[0] == 12:
                raise KeyboardInterrupt
            inner(steps)

        return stop

    monkeypatch.setattr(threads.ShardRun, "tick", tick)
    with pytest.raises(KeyboardInterrupt):
        thalweg.run(study, out, executor=executor)
    assert len(list(checkpoint_folder(out).iterdir())) == 1
    (file,) = checkpoint_folder(out).iterdir()
    assert int(np.load(file)["t"]) > 500
    made = thalweg.run(study, out, resume=True)
    assert not checkpoint_folder(out).exists()
    monkeypatch.undo()
    expected = thalweg.run(study, executor=executor)
    for name in expected["sgd"].data_vars:
        np.testing.assert_array_equal(made["sgd"][name].values, expected["sgd"][name].values)


def test_another_run_s_checkpoint_and_a_damaged_one_do_not_count(tmp_path):
    point = Checkpoint(tmp_path / "c.npz", "mine")
    point.save({"t": 3})
    assert point.load() == {"t": 3}
    assert Checkpoint(tmp_path / "c.npz", "other").load() is None
    (tmp_path / "c.npz").write_bytes(b"PK damaged")
    assert point.load() is None
    assert Checkpoint().load() is None
    assert not Checkpoint().due()


def test_a_checkpoint_of_a_processor_with_other_vectors_does_not_count(tmp_path):
    """It lays out runs in other arrays."""
    point = Checkpoint(tmp_path / "c.npz", "mine")
    point.save({"t": 3, "state0": np.zeros((2, 16)), "state1": np.ones(2)})
    assert point.load([np.zeros((2, 16)), np.ones(2)]) is not None
    assert point.load([np.zeros((2, 24)), np.ones(2)]) is None
    assert point.load([np.zeros((2, 16)), np.ones(2), np.ones(2)]) is None
