"""Lengths of schedules and averages: steps are steps of the run, fractions are of the whole, and one helper tells how many steps they are."""

from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.schedules import EXTRA, factors
from hypothesis import given
from hypothesis import strategies as st
from thalweg.engine import load_study, run
from thalweg.specs.errors import SpecError
from thalweg.specs.lengths import in_steps, steps_of
from thalweg.specs.schedule import SCHEDULES

LINE = {"name": "line", "landscape": {"kind": "expression", "variables": ["x"], "value": "-x"}, "record": {"every": 1}}


@pytest.mark.parametrize(
    ("length", "total", "wanted"),
    [
        *((0.29, 100, 29), (0.57, 100, 57), (0.58, 100, 58), (0.07, 100, 7), (1e-9, 100, 0), (0, 7, 0), (0.1, 30, 3)),
        *((0.5, 5, 2), (0.5, 7, 4), (0.1, 5, 0), (0.3, 5, 2), (1, 100, 100), (1.0, 7, 7), (2, 7, 2), (2.5, 100, 2), (3.5, 100, 4)),
        *((1.0000001, 100, 1), (200, 100, 200), (0.1, 10**10, 10**9), (1e9, 3, 10**9)),
    ],
)
def test_a_length_up_to_1_is_a_fraction_of_the_whole_and_above_1_steps(length, total, wanted):
    assert steps_of(length, total) == wanted


@given(st.integers(0, 10**4), st.integers(1, 10**7))
def test_fractions_are_taken_exactly(ten_thousandths, total):
    exact = Decimal(ten_thousandths) / 10**4 * total
    assert steps_of(ten_thousandths / 10**4, total) == int(exact.to_integral_value(rounding="ROUND_HALF_EVEN"))


def test_arrays_of_lengths_keep_their_shape():
    np.testing.assert_array_equal(in_steps(np.array([[0.29], [29.0], [1.0]]), 100), [[29.0], [29.0], [100.0]])
    assert in_steps(0.5, 10).shape == ()


def lowest(made):
    """Updates at which the factor is below those on both sides (the last one: below the one before)."""
    after = np.append(made[1:], np.inf)
    before = np.append(np.inf, made[:-1])
    return np.flatnonzero((made < after) & (made < before)).tolist()


@pytest.mark.parametrize("warmup", [0, 0.2, 20, 7])
@pytest.mark.parametrize(("kind", "fields"), [("wsd_s", {"decay": 10, "floor": 0.1}), ("cyclic_cosine", {})])
def test_a_checkpoint_is_a_step_of_the_run_whatever_the_warm_up(kind, fields, warmup):
    made = factors(kind, checkpoints=[50, 90], warmup=warmup, **fields)
    warm = steps_of(warmup, 100)
    assert [k for k in lowest(made) if k >= warm] == [49, 89, 99]
    assert made[50] == made[90] == 1.0
    if warm:
        assert made[warm - 1] == made[warm] == 1.0


def test_checkpoints_beyond_the_run_do_not_count_and_a_long_warm_up_takes_their_place():
    np.testing.assert_array_equal(factors("cyclic_cosine", checkpoints=[50, 100, 300]), factors("cyclic_cosine", checkpoints=[50]))
    made = factors("cyclic_cosine", checkpoints=[30, 80], warmup=50)
    np.testing.assert_allclose(made[:50], np.arange(1, 51) / 50)
    np.testing.assert_allclose(made[50:80], (1 + np.cos(np.pi * np.arange(30) / 30)) / 2, atol=1e-12)
    made = factors("wsd_s", checkpoints=[30, 80], warmup=50, decay=1.0, shape="linear", floor=0.0)
    np.testing.assert_allclose(made[50:80], 1 - np.arange(30) / 30)
    np.testing.assert_allclose(made[80:], 1 - np.arange(20) / 20)


def test_a_decay_is_a_fraction_of_the_run_and_not_of_what_the_warm_up_leaves():
    made = factors("wsd", 1000, warmup=500, decay=0.2)
    np.testing.assert_allclose(made[500:801], 1.0)
    np.testing.assert_allclose(made[800:], 1 - np.arange(200) / 200)
    np.testing.assert_array_equal(made, factors("wsd", 1000, warmup=0.5, decay=200))
    k = np.arange(200)
    np.testing.assert_allclose(factors("harmonic_decay", 1000, warmup=300, decay=0.2)[800:], 1 / (2 + 0.5 * k))
    cut = factors("wsd", 1000, warmup=900, decay=0.2)
    np.testing.assert_allclose(cut[900:], 1 - np.arange(100) / 100)


def test_a_decay_s_fraction_of_a_cycle_counts_its_warm_up():
    made = factors("wsd_s", checkpoints=[50], warmup=20, decay=0.2, shape="linear", floor=0.0)
    np.testing.assert_allclose(made[40:50], 1 - np.arange(10) / 10)
    np.testing.assert_allclose(made[20:40], 1.0)


@pytest.mark.parametrize("kind", ["wsd", "harmonic_decay", "wsd_s"])
def test_a_sweep_of_decays_up_to_the_whole_run_has_no_jump(kind):
    near, whole, beyond = (factors(kind, 1000, decay=d, **({"checkpoints": [400]} if kind == "wsd_s" else {})) for d in (0.999, 1.0, 1000))
    np.testing.assert_allclose(near.mean(), whole.mean(), atol=0.002)
    np.testing.assert_array_equal(beyond, whole)
    assert whole.mean() < 0.75


@pytest.mark.parametrize("kind", SCHEDULES.kinds())
@pytest.mark.parametrize("warmup", [0, 0.004, 0.025, 1, 2.5, 3.5, 0.5, 99, 100, 150, 1.0000001])
def test_no_warm_up_takes_a_factor_above_1(kind, warmup):
    made = factors(kind, warmup=warmup)
    warm = min(steps_of(warmup, 100), 100)
    assert np.isfinite(made).all()
    assert ((made >= 0) & (made <= 1)).all()
    np.testing.assert_allclose(made[:warm], (np.arange(warm) + 1) / max(1, steps_of(warmup, 100)))
    if warm < 100 and kind != "harmonic_decay":
        assert made[warm] == 1.0


@pytest.mark.parametrize("kind", SCHEDULES.kinds())
def test_runs_of_one_and_two_steps_have_factors(kind):
    for steps in (1, 2):
        for fields in (
            {},
            {"warmup": 1},
            {"warmup": 2.0},
            *([{"decay": 1}, {"decay": 5}] if "decay" in SCHEDULES.load(kind).model_fields else []),
        ):
            made = factors(kind, steps, **fields)
            assert ((made > 0) & (made <= 1)).all(), (steps, fields)


def test_drops_less_than_a_step_apart_are_refused():
    with pytest.raises(SpecError, match=r"every: .*greater than or equal to 1"):
        load_study({**LINE, "optimizers": [{"kind": "sgd", "schedule": {"kind": "step", "every": 0.5}}], "steps": 5})


@pytest.mark.parametrize("kind", SCHEDULES.kinds())
def test_both_executors_step_by_the_schedule(kind):
    schedule = {"kind": kind, **EXTRA.get(kind, {}), "warmup": 2.5}
    study = {**LINE, "init": {"kind": "point", "at": 0}, "optimizers": [{"kind": "sgd", "lr": 1.0, "schedule": schedule}], "steps": 100}
    wanted = np.cumsum(factors(kind, warmup=2.5))
    for executor in ("array", "fused"):
        found = run(study, executor=executor, threads=1)["sgd"].params.values[0, 1:, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("precision", "executor"),
    few(product(("float64", "float32"), ("array", "fused")), keep=[("float64", "array"), ("float32", "array"), ("float64", "fused")]),
)
def test_a_tail_average_begins_where_its_fraction_says(executor, precision):
    """On f = -x, from 0, by steps of 1 the iterate after update t is t: the mean of those after the first s is (s + 1 + 100) / 2."""
    optimizers = [{"kind": "sgd", "lr": 1.0, "average": {"kind": "tail", "start": [0.29, 29, 0.57, 0.58, 0, 2.5, 1.0, 150]}}]
    study = {**LINE, "init": {"kind": "point", "at": 0}, "optimizers": optimizers, "steps": 100, "precision": precision}
    found = run({**study, "record": {"last": True}}, executor=executor, threads=1)["sgd"].average_params.values[:, 0, -1, 0]
    np.testing.assert_allclose(found, [65, 65, 79, 79.5, 50.5, 51.5, 100, 100], rtol=1e-6 if precision == "float32" else 1e-12)
