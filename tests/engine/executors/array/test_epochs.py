"""Minibatches without replacement: every row once an epoch, in orders that are the seed's own and follow from the step alone."""

import array_api_strict
import numpy as np
import pytest
import thalweg
from thalweg.engine import check, run
from thalweg.engine.executors import philox
from thalweg.engine.executors.array import epochs
from thalweg.engine.executors.array.epochs import Epochs
from thalweg.engine.executors.choose import array_simulation
from thalweg.engine.runner.branch import branched
from thalweg.specs.errors import SpecError

SAMPLINGS = ("reshuffle", "shuffle_once", "in_order")
LEAST_SQUARES = {
    "kind": "expression",
    "data": {"builtin": "blobs"},
    "variables": {"w": ["p"], "b": []},
    "value": "mean((X @ w + b - y)**2)/2",
}


def study(**more):
    base = {
        "name": "e",
        "landscape": LEAST_SQUARES,
        "noise": {"kind": "minibatch", "size": 12, "sampling": "reshuffle"},
        "init": {"kind": "normal"},
        "optimizers": [{"kind": "sgd", "lr": 0.01}],
        "seeds": 3,
        "steps": 23,
    }
    return {**base, **more}


def rows(sampling, size=12, count=60, seeds=3, steps=15, xp=np):
    made = Epochs(7, np.arange(seeds), count, size, sampling, xp)
    return np.stack([np.asarray(made.at(t)) for t in range(steps)])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_row_comes_exactly_once_an_epoch(sampling):
    for epoch in np.split(rows(sampling), 3):
        for seed in range(3):
            assert sorted(epoch[:, seed].ravel()) == list(range(60))


def test_orders_are_new_every_epoch_kept_or_that_of_the_data():
    again, once, plain = (rows(sampling).reshape(3, 5, 3, 12) for sampling in SAMPLINGS)
    assert not (again[0] == again[1]).all()
    assert (once == once[:1]).all()
    assert not (once[:, :, 0] == once[:, :, 1]).all()
    assert (plain == np.arange(60).reshape(5, 1, 12)).all()
    np.testing.assert_array_equal(once[0], again[0])


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rows_that_make_no_whole_batch_are_left_out(sampling):
    found = rows(sampling, size=16, count=60, steps=6)
    for epoch in np.split(found, 2):
        for seed in range(3):
            assert len(set(epoch[:, seed].ravel())) == 48


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_they_follow_from_the_step_alone_whatever_the_shard_and_the_arrays(sampling, monkeypatch):
    whole = rows(sampling)
    for t in (13, 2, 14, 0):
        np.testing.assert_array_equal(Epochs(7, np.arange(3), 60, 12, sampling, np).at(t), whole[t])
    np.testing.assert_array_equal(Epochs(7, np.arange(1, 3), 60, 12, sampling, np).at(9), whole[9, 1:])
    np.testing.assert_array_equal(rows(sampling, xp=array_api_strict), whole)
    monkeypatch.setattr(epochs, "ORDER_BYTES", 1)
    np.testing.assert_array_equal(rows(sampling), whole)


def test_all_orders_are_equally_likely():
    """Of 4 rows: 24 orders, 6,000 epochs of 4 seeds, chi-squared within what happens once in 10,000 times."""
    found = np.concatenate([philox.order(1, philox.BATCH, np.arange(4), epoch, 4) for epoch in range(6000)])
    counts = np.unique(found @ [1000, 100, 10, 1], return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 56


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_gradients_of_an_epoch_are_on_average_that_of_all_rows(sampling):
    (shard,) = check(study(noise={"kind": "minibatch", "size": 12, "sampling": sampling})).groups[0].shards()
    made = array_simulation(shard)
    x, land = made.start(), made.parts.landscape
    drawn = [land.value_and_grad(x, made.p, np, made.batches(t))[1] for t in range(5, 10)]
    np.testing.assert_allclose(np.mean(drawn, axis=0), land.value_and_grad(x, made.p, np)[1], rtol=1e-12)


def test_a_branch_goes_on_in_the_middle_of_an_epoch(tmp_path):
    whole = run(study(record={"state": [8]}), tmp_path / "whole.zarr")["sgd"].sel(step=slice(8, None))
    branch = run(branched(tmp_path / "whole.zarr", 8), tmp_path / "branch.zarr")["sgd"]
    np.testing.assert_array_equal(branch.params_w, whole.params_w)


def test_with_replacement_is_what_it_was_and_the_ways_can_be_swept():
    plain = run(study(noise={"kind": "minibatch", "size": 12}))["sgd"]
    every = run(study(noise={"kind": "minibatch", "size": 12, "sampling": ["replacement", *SAMPLINGS]}))["sgd"]
    np.testing.assert_array_equal(every.sel(sampling="replacement").loss, plain.loss)
    assert len({every.loss.isel(seed=0, step=-1).sel(sampling=s).item() for s in every.sampling.values}) == 4


def test_all_particles_of_a_run_see_the_same_batch():
    optimizers = [{"kind": "cbo", "particles": 7}]
    (shard,) = check(study(optimizers=optimizers)).groups[0].shards()
    made = array_simulation(shard)
    x = made.start()
    made.look(x, 6)
    for k in range(7):
        value = made.parts.landscape.batch_value(
            x[:, :, k, :], made.p, np, Epochs(made.study.root_seed, made.seeds, 60, 12, "reshuffle", np).at(6)
        )
        np.testing.assert_allclose(made.seen[:, :, k, 0], value, rtol=1e-12)


def test_what_is_recorded_is_that_of_all_rows():
    """Loss and observables, of the training and of the test part, at every record step."""
    land = {
        **LEAST_SQUARES,
        "data": {"builtin": "blobs", "test_fraction": 0.25},
        "observables": {"train": "mean(abs(X @ w + b - y))", "test": "mean(abs(X_test @ w + b - y_test))"},
    }
    made = run(study(landscape=land, noise={"kind": "minibatch", "size": 9, "sampling": "reshuffle"}))["sgd"]
    data = thalweg.load_study(study(landscape=land)).landscape.dataset
    w, b = made.params_w.values, made.params_b.values[..., None]
    for name, x, y in (("train", data.x, data.y), ("test", data.x_test, data.y_test)):
        miss = np.squeeze(w @ x.T) + np.reshape(b, (*w.shape[:-1], 1)) - y
        np.testing.assert_allclose(made[name], np.abs(miss).mean(axis=-1), rtol=1e-10)
        if name == "train":
            np.testing.assert_allclose(made.loss, (miss**2).mean(axis=-1) / 2, rtol=1e-10)


def test_more_than_all_rows_are_refused():
    with pytest.raises(SpecError) as error:
        check(study(noise={"kind": "minibatch", "size": 61, "sampling": "shuffle_once"}))
    assert str(error.value).endswith(
        "noise: sampling: shuffle_once takes each sample once per epoch, so size is at most the number of samples, 60; given: 61"
    )
    check(study(noise={"kind": "minibatch", "size": 61}))
