"""Schedules at points computed by hand, and what holds for every kind."""

import numpy as np
import pytest
from helpers.schedules import factors
from thalweg.specs.schedule import SCHEDULES


@pytest.mark.parametrize("kind", SCHEDULES.kinds())
def test_every_schedule_warms_up_linearly_and_stays_between_0_and_1(kind):
    made = factors(kind, warmup=20)
    np.testing.assert_allclose(made[:20], np.arange(1, 21) / 20)
    assert made[20] == pytest.approx(1.0)
    assert ((made >= 0) & (made <= 1)).all()
    np.testing.assert_array_equal(factors(kind, warmup=0.2), made)


def test_closed_forms():
    np.testing.assert_array_equal(factors("constant"), np.ones(100))
    np.testing.assert_allclose(factors("cosine", floor=0.1, t=[0, 50, 100]), [1, 0.55, 0.1])
    np.testing.assert_allclose(factors("cosine", t=[25]), [(1 + np.sqrt(0.5)) / 2])
    np.testing.assert_allclose(factors("linear", floor=0.2, t=[0, 25, 50]), [1, 0.8, 0.6])
    np.testing.assert_allclose(factors("step", gamma=0.5, t=[0, 9, 10, 35]), [1, 1, 0.5, 0.125])


@pytest.mark.parametrize(
    ("shape", "half"),
    [("linear", 0.55), ("cosine", 0.55), ("sqrt", 1 - np.sqrt(0.5) * 0.9), ("inverse", 1 / 5.5), ("exponential", np.sqrt(0.1))],
)
def test_wsd_is_stable_and_then_decays_in_its_shape(shape, half):
    made = factors("wsd", decay=0.2, shape=shape, floor=0.1, t=[0, 79, 80, 90, 100])
    np.testing.assert_allclose(made, [1, 1, 1, half, 0.1])
    np.testing.assert_allclose(factors("wsd", decay=20, shape=shape, floor=0.1, t=[90]), [half])


def test_cycles_restart_at_their_checkpoints():
    made = factors("cyclic_cosine", t=[0, 20, 40, 55, 70, 85])
    np.testing.assert_allclose(made, [1, 0.5, 1, 0.5, 1, 0.5])
    made = factors("wsd_s", decay=10, shape="linear", floor=0.0, t=[29, 30, 35, 40, 65, 70, 95])
    np.testing.assert_allclose(made, [1, 1, 0.5, 1, 0.5, 1, 0.5])


def test_swept_fields_broadcast():
    schedule = SCHEDULES.load("wsd")(decay=0.1)
    made = schedule.factor(np.arange(100), 100, {"warmup": np.zeros((1, 1)), "decay": np.array([[0.1], [0.5]]), "floor": np.zeros((1, 1))})
    assert made.shape == (2, 100)
    np.testing.assert_allclose(made[:, 75], [1.0, 0.5])
