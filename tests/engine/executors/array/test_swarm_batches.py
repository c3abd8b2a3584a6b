"""Swarms on minibatches and on online samples: a batch a step that all particles of a run share."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import check, run
from thalweg.engine.executors import philox
from thalweg.engine.executors.array.swarms import SwarmSimulation
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

SWARMS = [kind for kind in OPTIMIZERS.kinds() if "particles" in OPTIMIZERS.load(kind).model_fields]
BLOBS = {"kind": "softmax_regression", "data": {"builtin": "blobs"}, "l2": 0.01}
LANDS = {
    "softmax": BLOBS,
    "mlp": {**BLOBS, "kind": "mlp", "hidden": [4]},
    **{kind: {"kind": kind, **LANDSCAPES.load(kind).example()} for kind in ("teacher_network", "outlier_network", "single_index")},
}
STUDY = {"name": "batches", "init": {"kind": "normal"}, "seeds": 3, "steps": 6}


def study(land, noise, *optimizers, **more):
    given = [{"kind": o, "particles": 7} if isinstance(o, str) else o for o in optimizers]
    return {**STUDY, "landscape": LANDS[land] if isinstance(land, str) else land, "noise": noise, "optimizers": given, **more}


def simulation(spec):
    (shard,) = check(spec).groups[0].shards()
    return SwarmSimulation(shard)


@pytest.mark.parametrize(("land", "kind"), few(product(sorted(LANDS), SWARMS), keep=lambda land, kind: kind == "cbo" or land == min(LANDS)))
def test_every_swarm_runs_on_minibatches_and_records_the_loss_of_all_data(kind, land):
    spec = study(land, {"kind": "minibatch", "size": 4}, {"kind": kind, "particles": 7, "average": "polyak"})
    spec["record"] = {"every": 1, "variables": ["loss", "params", "average_loss"]}
    first, again = run(spec)[kind], run(spec, threads=3)[kind]
    assert (first.status == 1).all()
    at = simulation(spec)
    blocks = at.parts.landscape.blocks
    names = [f"params_{block}" if len(blocks) > 1 else "params" for block in blocks]
    flat = np.concatenate([first[name].values.reshape(3, 7, -1) for name in names], axis=-1)
    whole = np.stack([at.parts.landscape.value(flat[None, :, t], at.p, np)[0] for t in range(7)], axis=1)
    np.testing.assert_allclose(first.loss.values, whole, rtol=1e-12)
    for name in first:
        np.testing.assert_array_equal(first[name].values, again[name].values)


@pytest.mark.parametrize("kind", SWARMS)
@pytest.mark.parametrize("land", ["teacher_network", "outlier_network", "single_index", {"kind": "bigram", "tokens": 3, "vocabulary": 2}])
def test_every_swarm_runs_on_online_samples(kind, land):
    found = run(study(land, {"kind": "online", "size": 5}, kind, record={"every": 1, "variables": ["loss"]}))[kind]
    assert (found.status == 1).all()
    assert found.loss.notnull().all()


@pytest.mark.parametrize("land", sorted(LANDS))
def test_a_batch_of_all_samples_has_the_values_of_the_whole(land):
    at = simulation(study(land, {"kind": "minibatch", "size": 4}, {"kind": "cbo", "particles": 5, "lr": [0.01, 0.02]}))
    x = np.random.default_rng(0).normal(size=(2, 3, 5, at.dim))
    at.anneal(0)
    everything = np.tile(np.arange(at.parts.landscape.batch_count()), (3, 1))
    at.batches = lambda t: everything
    found = at.values(x)
    at.batches = lambda t: None
    np.testing.assert_allclose(found, at.values(x), rtol=1e-11)


@pytest.mark.parametrize("land", sorted(LANDS))
@pytest.mark.parametrize("noise", ["minibatch", "online"])
def test_every_particle_has_the_value_of_its_run_s_batch(land, noise):
    """Against the loss that gradient descent sees at the same point, seed and batch."""
    if noise == "online" and not check(study(land, {"kind": "minibatch"}, "cbo")).study.landscape.sample_size:
        pytest.skip("no distribution of samples")
    at = simulation(study(land, {"kind": noise, "size": 4}, {"kind": "cbo", "particles": 5, "lr": [0.01, 0.02]}))
    x = np.random.default_rng(0).normal(size=(2, 3, 5, at.dim))
    at.anneal(2)
    found, batch = at.values(x), at.batches(2)
    for particle in range(5):
        wanted, _ = at.parts.landscape.value_and_grad(x[:, :, particle], at.p, np, batch)
        np.testing.assert_allclose(found[:, :, particle], wanted, rtol=1e-12)


def test_batches_differ_between_steps_and_seeds_and_are_those_of_gradient_descent():
    at = simulation(study("softmax", {"kind": "minibatch", "size": 8}, "cbo"))
    first, second = at.batches(0), at.batches(1)
    assert first.shape == (3, 8)
    assert (first != second).any()
    assert (first[0] != first[1]).any()
    wanted = philox.integers(0, philox.BATCH, [0, 1, 2], [0], 8, at.parts.landscape.batch_count())[0]
    np.testing.assert_array_equal(first, wanted)
    assert at.batches(6).shape == (3, 8)  # the last record's weights, after the last update


def test_swept_landscape_numbers_go_with_their_points():
    """Two values of l2 in one shard: each point's values are those of a study of its own."""
    spec = study({**BLOBS, "l2": [0.0, 0.5]}, {"kind": "minibatch", "size": 8}, "cbo", "cbs")
    swept = run(spec)
    for l2 in (0.0, 0.5):
        alone = run({**spec, "landscape": {**BLOBS, "l2": l2}})
        for kind in ("cbo", "cbs"):
            np.testing.assert_array_equal(swept[kind].loss.sel(l2=l2).values, alone[kind].loss.values)


def test_the_batch_of_particles_is_drawn_apart_from_the_batch_of_samples():
    at = simulation(study("softmax", {"kind": "minibatch", "size": 8}, {"kind": "cbo", "particles": 30, "batch": 10}))
    plain = simulation(study("softmax", "none", {"kind": "cbo", "particles": 30, "batch": 10}))
    assert (at.chosen(0) != plain.chosen(0)).any()
    assert (at.chosen(0).sum(axis=1) == 10).all()


def test_a_swarm_learns_from_minibatches():
    spec = study("softmax", {"kind": "minibatch", "size": 16}, {"kind": "cbo", "particles": 100, "noise": "anisotropic", "lr": 0.1})
    found = run({**spec, "steps": 300, "record": {"every": 300, "variables": ["loss", "accuracy"]}})["cbo"]
    assert (found.accuracy[:, -1] > 0.8).all()
    assert (found.loss[:, -1] < found.loss[:, 0]).all()


@pytest.mark.parametrize("kind", SWARMS)
def test_a_swarm_starts_at_a_planted_solution(kind):
    spec = study("teacher_network", "none", kind, init={"kind": "solution", "std": 0.1}, record={"every": 1, "variables": ["loss"]})
    assert run(spec)[kind].loss.notnull().all()
