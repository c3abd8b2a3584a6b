"""Rules as programs (optimizers/_rule.py): a traced rule evaluated is the rule called."""

import numpy as np
import pytest
from thalweg.engine.executors.array.rule import Update
from thalweg.optimizers._rule import traced
from thalweg.specs.registry import OPTIMIZERS

POINTS, SEEDS, STEPS = 3, 2, 20
SHAPES = [(6, 4), (4, 6), (5, 5)]
KINDS = ("adam", "sgd", "lion", "muon")


class Runs:
    """Random inputs of a rule on several sweep points and seeds, which go on from step to step."""

    def __init__(self, optimizer, shape, precision):
        self.rule = traced(optimizer, {"W": shape}, precision).blocks[0]
        self.optimizer, self.precision, self.rng = optimizer, precision, np.random.default_rng(1)
        self.numbers = {}
        for name in self.rule.numbers:
            value = getattr(optimizer, name)
            self.numbers[name] = np.linspace(0.9 * value, value, POINTS)[:, None]
        square = getattr(optimizer, "square", {})
        self.arrays = {"x": self.draw("x")}
        for name in optimizer.state:
            start = np.zeros((POINTS, SEEDS, *self.rule.inputs[name].shape), precision)
            self.arrays[name] = start + np.eye(start.shape[-1], dtype=precision) if name in square else start

    def draw(self, name):
        return self.rng.standard_normal((POINTS, SEEDS, *self.rule.inputs[name].shape)).astype(self.precision)

    def given(self):
        """What a step brings, besides x and the states."""
        made = {name: self.draw(name) for name in (*self.optimizer.head[1:], "xi", "loss") if name in self.rule.inputs}
        for name in ("lr", "alpha"):
            if name in self.rule.inputs and name not in self.numbers:
                made[name] = np.geomspace(0.01, 0.1, POINTS)[:, None].astype(self.precision)
        return made

    def walk(self, step):
        """[x and the states at each step] where `step(t, arrays)` makes one update."""
        arrays, path = dict(self.arrays), []
        self.rng = np.random.default_rng(2)
        with np.errstate(all="ignore"):
            for t in range(1, STEPS + 1):
                made = [np.broadcast_to(a, arrays[name].shape) for name, a in zip(self.names, step(t, arrays | self.given()), strict=True)]
                arrays |= dict(zip(self.names, made, strict=True))
                path.append(made)
        return path

    @property
    def names(self):
        return ("x", *self.optimizer.state)

    def evaluated(self):
        update = Update(self.rule.outputs, self.numbers, [n for n in ("t",) if n in self.rule.inputs], np.dtype(self.precision), np)
        return self.walk(lambda t, arrays: update(arrays, {"t": t}))

    def called(self):
        """The rule itself, point by point, its numbers as Python has them."""

        def step(t, arrays):
            made = []
            for k in range(POINTS):
                own = {name: float(a[k, 0]) for name, a in self.numbers.items()} | {"t": t}
                own |= {name: arrays[name][k, 0] if name in ("lr", "alpha") else arrays[name][k] for name in arrays}
                head = [own[name] for name in (*self.optimizer.head, *self.optimizer.state)]
                out = self.optimizer.update(
                    *head, **{n: own[n] if n in own else getattr(self.optimizer, n) for n in self.optimizer.inputs()}
                )
                made.append(out if isinstance(out, tuple) else (out,))
            return [np.stack(parts).astype(self.precision) for parts in zip(*made, strict=True)]

        return self.walk(step)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_traced_rule_is_the_rule(kind, shape, precision):
    """To a few units in the last place: a power of one number (beta1**t) is the C library's, that of an array NumPy's own."""
    runs = Runs(OPTIMIZERS.load(kind)(), shape, precision)
    for evaluated, called in zip(runs.evaluated(), runs.called(), strict=True):
        for mine, plain in zip(evaluated, called, strict=True):
            assert mine.dtype == plain.dtype == precision
            np.testing.assert_allclose(mine, plain, rtol=0, atol=8 * np.finfo(precision).eps * np.max(np.abs(plain)))
