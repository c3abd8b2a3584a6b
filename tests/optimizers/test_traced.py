"""Rules as programs (optimizers/_rule.py): a traced rule evaluated is the rule called."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine.executors.array.rule import Update
from thalweg.optimizers._rule import traced
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.dual import derivative
from thalweg.specs.program.derivative import grad, inner
from thalweg.specs.program.function import given
from thalweg.specs.registry import OPTIMIZERS

POINTS, SEEDS, STEPS = 3, 2, 20
SHAPES = [(6, 4), (4, 6), (5, 5)]
KINDS = OPTIMIZERS.kinds()


class Runs:
    """Random inputs of a rule on several sweep points and seeds, which go on from step to step."""

    def __init__(self, optimizer, shape, precision):
        blocks = {"W": shape}
        self.rule = traced(optimizer, blocks, precision).parts[0]
        self.optimizer, self.precision, self.rng = optimizer, precision, np.random.default_rng(1)
        self.names = ("x", *optimizer.state)
        self.columns = {name: columns(getattr(optimizer, name)) for name in self.rule.part.numbers}
        self.constants = {name: np.asarray(a, precision) for name, a in optimizer.constants(blocks).items()}
        self.update = Update(self.rule.outputs, self.columns, np.dtype(precision), np)

    def draw(self, name):
        return self.rng.standard_normal((POINTS, SEEDS, *self.rule.inputs[name].shape)).astype(self.precision)

    def start(self):
        """x and the states, as runs begin."""
        arrays = {"x": self.draw("x")}
        for name in self.optimizer.state:
            arrays[name] = np.zeros((POINTS, SEEDS, *self.rule.inputs[name].shape), self.precision)
            if name in getattr(self.optimizer, "square", {}):
                arrays[name] += np.eye(arrays[name].shape[-1], dtype=self.precision)
        return arrays

    def given(self):
        """What a step brings, besides x and the states."""
        made = {name: self.draw(name) for name in (*self.optimizer.head[1:], "xi", "loss") if name in self.rule.inputs}
        made |= {
            name: np.geomspace(0.01, 0.1, POINTS)[:, None].astype(self.precision) for name in ("lr", "alpha") if name in self.rule.inputs
        }
        return made | self.constants

    def evaluated(self, t, arrays):
        """The new x and states by the program."""
        return self.update(arrays, t)

    def called(self, t, arrays):
        """The same by the rule itself, as it stands."""
        own = {"t": t}
        for name, a in {**arrays, **self.columns}.items():
            a = np.asarray(a, self.precision)
            own[name] = a if a.ndim > 2 or name in self.constants else a.reshape(*a.shape, *(1,) * len(self.rule.part.shape))
        head = [own[name] for name in (*self.optimizer.head, *self.optimizer.state)]
        made = self.optimizer.update(*head, **{n: own[n] if n in own else getattr(self.optimizer, n) for n in self.optimizer.inputs()})
        return made if isinstance(made, tuple) else (made,)


def columns(value):
    """A hyperparameter at every point: numbers of which 1 minus the number has no more digits than float32 holds."""
    made = [min(round(64 * value * share), 63) / 64 if 1 / 64 < value < 1 else np.float32(value * share) for share in (0.8, 0.9, 1.0)]
    return np.array(made, dtype=np.float64)[:, None]


@pytest.mark.parametrize(
    ("kind", "shape", "precision"),
    few(
        product(KINDS, SHAPES, ("float32", "float64")),
        keep=lambda kind, shape, precision: precision == "float64" or shape == SHAPES[0],
    ),
)
def test_a_traced_rule_is_the_rule(kind, shape, precision):
    """The same bits in float64 where it acts on components alone; else to some units in the last place, since in which order a sum is taken is for the
    program to say. So in float32: the program computes 1 - beta2**t in float64."""
    runs = Runs(OPTIMIZERS.load(kind)(), shape, precision)
    arrays = runs.start()
    with np.errstate(all="ignore"):
        for t in range(1, STEPS + 1):
            arrays |= runs.given()
            made = [np.broadcast_to(a, arrays[name].shape) for name, a in zip(runs.names, runs.evaluated(t, arrays), strict=True)]
            for mine, plain in zip(made, runs.called(t, arrays), strict=True):
                assert mine.dtype == plain.dtype == precision
                off = (
                    0
                    if precision == "float64" and isinstance(runs.optimizer, ElementwiseOptimizer)
                    else 32 * np.finfo(precision).eps * np.max(np.abs(plain))
                )
                np.testing.assert_allclose(mine, plain, rtol=0, atol=off)
            arrays |= dict(zip(runs.names, made, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if OPTIMIZERS.load(kind).sees_gradients])
def test_derivatives_of_a_traced_rule_are_those_of_dual_numbers(kind):
    """<u, J v> = <J^T u, v> of x, gradient and states: J v by dual numbers through the program (by differences where an eigensolver is called), J^T u
    by its adjoints."""
    optimizer, shape = OPTIMIZERS.load(kind)(), (4, 4)
    runs = Runs(optimizer, shape, "float64")
    arrays = runs.start()
    arrays |= runs.given()
    names = ("x", *optimizer.head[1:], *optimizer.state)
    for name in optimizer.state:  # as they are after some steps: positive, and what is square positive definite
        a = runs.draw(name)
        arrays[name] = np.matmul(a, np.swapaxes(a, -1, -2)) + np.eye(4) if name in getattr(optimizer, "square", {}) else a * a + 0.1
    along = {name: runs.draw(name) for name in names}
    weights = [runs.draw(name) for name in runs.names]
    for name in getattr(optimizer, "square", {}):
        along[name] = along[name] + np.swapaxes(along[name], -1, -2)

    def moved(space, *flat):
        update = Update(runs.rule.outputs, runs.columns, space.float64, space)
        shaped = {name: space.reshape(a, arrays[name].shape) for name, a in zip(names, flat, strict=True)}
        return [space.reshape(a, (POINTS, SEEDS, -1)) for a in update(arrays | shaped, 2)]

    flat, moving = ([of[name].reshape(POINTS, SEEDS, -1) for name in names] for of in (arrays, along))
    _, slopes = derivative(moved, flat, moving, np)
    forward = sum(np.sum(w * a.reshape(w.shape)) for w, a in zip(weights, slopes, strict=True))
    nodes = {f"weight {name}": given(f"weight {name}", runs.rule.inputs[name].shape) for name in runs.names}
    adjoints = grad(inner(runs.rule.outputs, list(nodes.values())), [runs.rule.inputs[name] for name in names])
    backward = Update(adjoints, runs.columns, np.float64, np)(arrays | dict(zip(nodes, weights, strict=True)), 2)
    back = sum(np.sum(along[name] * a) for name, a in zip(names, backward, strict=True))
    np.testing.assert_allclose(back, forward, rtol=1e-5 if kind in ("shampoo", "soap", "fismo") else 1e-10)
