"""Rules as programs (optimizers/_rule.py): a traced rule evaluated is the rule called."""

import numpy as np
import pytest
from thalweg.engine.executors.array.rule import Update
from thalweg.optimizers._rule import traced
from thalweg.specs.registry import OPTIMIZERS

POINTS, SEEDS, STEPS = 3, 2, 20
SHAPES = [(6, 4), (4, 6), (5, 5)]
KINDS = OPTIMIZERS.kinds()
PRODUCTS = ()


class Runs:
    """Random inputs of a rule on several sweep points and seeds, which go on from step to step."""

    def __init__(self, optimizer, shape, precision):
        blocks = {"W": shape}
        self.rule = traced(optimizer, blocks, precision).blocks[0]
        self.optimizer, self.precision, self.rng = optimizer, precision, np.random.default_rng(1)
        self.names = ("x", *optimizer.state)
        self.columns = {name: columns(getattr(optimizer, name)) for name in self.rule.numbers}
        self.constants = {name: np.asarray(a, precision) for name, a in optimizer.constants(blocks).items()}
        stepped = [name for name in ("t",) if name in self.rule.inputs]
        self.update = Update(self.rule.outputs, self.columns, stepped, np.dtype(precision), np)

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
        made |= {name: np.geomspace(0.01, 0.1, POINTS)[:, None].astype(self.precision) for name in ("lr",) if name in self.rule.inputs}
        return made | self.constants

    def evaluated(self, t, arrays):
        """The new x and states by the program."""
        return self.update(arrays, {"t": t})

    def called(self, t, arrays):
        """The same by the rule itself, as it stands."""
        own = {"t": t}
        for name, a in {**arrays, **self.columns}.items():
            a = np.asarray(a, self.precision)
            own[name] = a if a.ndim > 2 or name in self.constants else a.reshape(*a.shape, *(1,) * len(self.rule.shape))
        head = [own[name] for name in (*self.optimizer.head, *self.optimizer.state)]
        made = self.optimizer.update(*head, **{n: own[n] if n in own else getattr(self.optimizer, n) for n in self.optimizer.inputs()})
        return made if isinstance(made, tuple) else (made,)


def columns(value):
    """A hyperparameter at every point: numbers of which 1 minus the number has no more digits than float32 holds."""
    made = [min(round(64 * value * share), 63) / 64 if 1 / 64 < value < 1 else np.float32(value * share) for share in (0.8, 0.9, 1.0)]
    return np.array(made, dtype=np.float64)[:, None]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_traced_rule_is_the_rule(kind, shape, precision):
    """The same bits in float64. In float32 to some units in the last place: the program computes 1 - beta2**t in float64."""
    runs = Runs(OPTIMIZERS.load(kind)(), shape, precision)
    arrays = runs.start()
    with np.errstate(all="ignore"):
        for t in range(1, STEPS + 1):
            arrays |= runs.given()
            made = [np.broadcast_to(a, arrays[name].shape) for name, a in zip(runs.names, runs.evaluated(t, arrays), strict=True)]
            for mine, plain in zip(made, runs.called(t, arrays), strict=True):
                assert mine.dtype == plain.dtype == precision
                off = 0 if precision == "float64" and kind not in PRODUCTS else 32 * np.finfo(precision).eps * np.max(np.abs(plain))
                np.testing.assert_allclose(mine, plain, rtol=0, atol=off)
            arrays |= dict(zip(runs.names, made, strict=True))
