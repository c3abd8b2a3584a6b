"""Rules that move a point and its states where they lie: nothing is overwritten that is yet to be read."""

from typing import ClassVar

import numpy as np
import pytest
from helpers.compiled import pointers
from thalweg.engine.executors.codegen.disk_cache import load
from thalweg.engine.executors.tensors.landscape import Layout
from thalweg.engine.executors.tensors.programs import lanes
from thalweg.engine.executors.tensors.rule import rule
from thalweg.optimizers._rule import traced
from thalweg.optimizers.base import VectorOptimizer
from thalweg.specs.registry import LANDSCAPES

SIZE = 11
"""No whole number of vectors."""
LAND = {"kind": "expression", "variables": {"x": [SIZE]}, "value": "sum(x**2)"}


def keeps_the_old_point(x, g, a, b, lr):
    return x - lr * g, x, a


def swaps(x, g, a, b, lr):
    return x - lr * (a + b), b, a


def turns(x, g, a, b, lr):
    return x[..., ::-1] - lr * g, a[..., ::-1], g


def shifts(x, g, a, b, lr):
    return np.concatenate([x[..., 1:], x[..., :1]], axis=-1) - lr * g, np.roll(a, 2, axis=-1), b


def sums_of_what_moves(x, g, a, b, lr):
    moved = x - lr * g
    return moved, a + np.sum(x, axis=-1, keepdims=True), b + np.sum(moved, axis=-1, keepdims=True)


def leaves_all(x, g, a, b, lr):
    return x, a, b


def all_are_one(x, g, a, b, lr):
    return x - lr * g, x - lr * g, x - lr * g


def numbers_alone(x, g, a, b, lr):
    return x * 0.0 + lr, np.max(x, axis=-1, keepdims=True) + 0 * a, 1.0 + 0 * b


def cumulated(x, g, a, b, lr):
    return np.cumsum(x, axis=-1), a + x[..., :1], b * x[..., -1:]


def crossed(x, g, a, b, lr):
    return a, b, x


def where_from(x, g, a, b, lr):
    return np.where(x > a, x, b), np.where(x > a, a, x), np.sqrt(np.abs(b)) * x


RULES = [
    keeps_the_old_point,
    swaps,
    turns,
    shifts,
    sums_of_what_moves,
    leaves_all,
    all_are_one,
    numbers_alone,
    cumulated,
    crossed,
    where_from,
]


def optimizer(update):
    class Own(VectorOptimizer):
        kind: str = "own"
        lr: float = 0.1
        state: ClassVar[tuple[str, ...]] = ("a", "b")

    Own.update = staticmethod(update)
    return Own()


def compiled_rule(update, precision):
    """A function (x, g, a, b, lr) -> (x, a, b)."""
    land = LANDSCAPES.load("expression").model_validate(LAND)
    layout = Layout(land, precision, lanes(precision))
    made = rule(traced(optimizer(update), land.blocks, precision), layout, {})
    move, places = load(made.compute.text).rule, [offset for offset, _ in made.states]

    def moved(x, g, a, b, lr):
        room = layout.lanes
        x, g = (np.concatenate([values, np.full(room, np.nan)]).astype(precision) for values in (x, g))
        states = np.full(made.size + room, np.nan, precision)
        for place, values in zip(places, (a, b), strict=True):
            states[place : place + SIZE] = values
        own = made.numbers({"lr": np.array([lr])})[0]
        own[:2] = 1.0, 1.0
        pointers(move, np.full(made.compute.arena, np.nan, precision), x, g, states, x, layout.shared_numbers(), own)
        assert np.isnan(x[SIZE:]).all()
        return x[:SIZE], *(states[place : place + SIZE] for place in places)

    return moved


@pytest.mark.parametrize("update", RULES)
def test_nothing_is_overwritten_that_is_yet_to_be_read(update):
    given = np.random.default_rng(0).normal(size=(4, SIZE))
    expected = update(*given, 0.1)
    for name, found, wanted in zip("xab", compiled_rule(update, "float64")(*given, 0.1), expected, strict=True):
        np.testing.assert_allclose(found, np.broadcast_to(wanted, (SIZE,)), rtol=1e-13, atol=1e-15, err_msg=name)
