"""Shards of the array executor on several threads: the same bits, whatever is cut."""

import numpy as np
import pytest
from thalweg.engine import check
from thalweg.engine.executors.array import threads as split
from thalweg.engine.executors.array.threads import SplitSimulation
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.outcome import Block, Outcome

TEACHER = {"kind": "linear_teacher", "inputs": 5, "hidden": 4}
STUDY = {"name": "s", "landscape": TEACHER, "steps": 30, "record": {"every": 7}, "noise": {"kind": "gaussian", "scale": 0.1}}
SAMPLES = {"landscape": {"kind": "teacher_network", "inputs": 5, "hidden": 4}, "noise": {"kind": "minibatch", "size": 3}}
KINDS = [
    {"kind": "adam", "lr": [0.01, 0.02, 0.5], "average": "polyak"},
    {"kind": "muon", "lr": [0.01, 0.02, 1e9]},
    {"kind": "cbo", "lr": [0.01, 0.02], "particles": 9},
]


def whole(simulation_):
    *blocks, end = simulation_.run()
    assert isinstance(end, Outcome)
    assert all(isinstance(b, Block) for b in blocks)
    return {n: np.concatenate([b.data[n] for b in blocks], axis=2) for n in blocks[0].data} | {"status": end.status, "last": end.last_step}


@pytest.mark.parametrize("seeds", [7, 1])
@pytest.mark.parametrize("optimizer", KINDS, ids=lambda o: o["kind"])
def test_parts_together_are_the_whole(optimizer, seeds, monkeypatch):
    monkeypatch.setattr(split, "LARGE", 1)
    init = {"kind": "normal", "std": 0.5}
    study = {**STUDY, **SAMPLES} if optimizer["kind"] == "cbo" else STUDY
    for shard in check({**study, "optimizers": [optimizer], "seeds": seeds, "init": init}).groups[0].shards():
        made = simulation(shard, "array", threads=3)
        assert isinstance(made, SplitSimulation)
        expected, found = whole(array_simulation(shard)), whole(made)
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_small_shards_stay_whole():
    (shard,) = check({**STUDY, "optimizers": [{"kind": "sgd"}], "seeds": 7}).groups[0].shards()
    assert not isinstance(simulation(shard, "array", threads=3), SplitSimulation)


def test_an_interrupt_in_one_part_ends_all(monkeypatch):
    monkeypatch.setattr(split, "LARGE", 1)
    (shard,) = check({**STUDY, "optimizers": [{"kind": "sgd"}], "seeds": 6, "steps": 10**7, "record": {"last": True}}).groups[0].shards()

    def tick(steps):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(simulation(shard, "array", threads=2).run(tick))
