"""A rule on arrays: the program that it is (optimizers/_rule.py), evaluated step by step; or the rule itself, called, where it is none.

Numbers that are made of hyperparameters and the step alone are float64 whatever the study's precision, and rounded where arrays meet them: in
float32 `1 - beta2` is 0 for beta2 = 0.99999999, and so is the correction by 1 - beta2^t that a moment is divided by.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....optimizers._rule import Part, traced
from ....specs.program.arrays import Evaluation
from ....specs.program.node import Node
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.split import split
from ...plan import Shard

AHEAD, NUMBERS = 256, 2**16
"""Steps for which numbers made of t are computed at a time, and how many numbers of one kind that may be."""


class Update:
    """Some nodes of hyperparameters, the step t and arrays. What depends on the first alone is computed once, numbers made of t for some steps at
    a time."""

    def __init__(self, outputs: Sequence[Node], numbers: Mapping[str, Any], dtype: Any, xp: Any):
        """Of `numbers`, the hyperparameters by name as float64 arrays (points or 1, 1)."""
        parts = split(outputs, numbers, ("t",))
        self.xp, self.dtype = xp, dtype
        self.stepped, self.rest = tuple(parts.stepped), Evaluation(parts.rest)
        self.each = Evaluation(list(parts.stepped.values()))
        once = Evaluation(list(parts.fixed.values()))(xp, numbers)
        self.exact = {**numbers, **dict(zip(parts.fixed, once, strict=True))}
        self.held = {name: self.rounded(self.exact[name]) for name in parts.fixed}
        self.ahead = max(1, min(AHEAD, NUMBERS // max((a.shape[0] for a in numbers.values()), default=1)))
        self.first, self.table = 0, ()

    def rounded(self, a: Any) -> Any:
        """A number as arrays of the working precision meet it."""
        return self.xp.astype(a, self.dtype) if a.dtype == self.xp.float64 and self.dtype != self.xp.float64 else a

    def __call__(self, arrays: Mapping[str, Any], t: int) -> list[Any]:
        """The nodes at update t, from the other inputs in the working precision."""
        return self.rest(self.xp, {**arrays, **self.held, **self.at(t)})

    def at(self, t: int) -> dict[str, Any]:
        """The numbers made of t, by name."""
        if not self.stepped:
            return {}
        if not (self.table and self.first <= t < self.first + self.ahead):
            steps = self.xp.reshape(self.xp.arange(t, t + self.ahead, dtype=self.xp.float64), (-1, 1, 1))
            self.first, self.table = t, [self.rounded(a) for a in self.each(self.xp, {**self.exact, "t": steps})]
        return {name: a[t - self.first, ...] for name, a in zip(self.stepped, self.table, strict=True)}


class CalledRule:
    """A rule that no program can be made of, called as it stands: on copies, since it may write into them, and point by point, since its numbers
    then are Python's own, which are float64 until arrays meet them."""

    def __init__(self, part: Part, numbers: Mapping[tuple[str, ...], Any], dtype: Any):
        """Of `numbers`, those of the optimizer by their fields' paths, it takes what they are at a call."""
        self.part, self.numbers, self.dtype = part, numbers, dtype
        self.optimizer = part.optimizer

    def __call__(self, arrays: Mapping[str, Any], t: int) -> list[Any]:
        """The new x and the new states at update t, from the same as Update."""
        x, optimizer = arrays["x"], self.optimizer
        points = []
        for k in range(x.shape[0]):
            own = {name: self.at(name, a, k, x.ndim).copy() for name, a in arrays.items()}
            numbers = {name: self.numbers[path] for name, path in self.part.numbers.items()}
            own |= {name: float(a[min(k, a.shape[0] - 1), 0]) for name, a in numbers.items()} | {"t": t}
            factor = self.part.factor(own, lambda number, size: np.full(size, number), np.concatenate)
            if factor is not None:
                own["lr"] = own["lr"] * self.dtype(factor)
            head = [own[name] for name in (*optimizer.head, *optimizer.state)]
            made = optimizer.update(*head, **{n: own[n] if n in own else getattr(optimizer, n, None) for n in optimizer.inputs()})
            points.append(made if isinstance(made, tuple) else (made,))
        return [np.stack(parts).astype(self.dtype) for parts in zip(*points, strict=True)]

    def at(self, name: str, a: Any, k: int, ndim: int) -> Any:
        """One of the arrays at sweep point k; x has so many axes."""
        if name in ("lr", "alpha"):
            return a[min(k, a.shape[0] - 1)].reshape((1,) * (ndim - 1))
        own = name in (*self.optimizer.head, *self.optimizer.state, "xi", "loss")  # others are the rule's constants
        return a[min(k, a.shape[0] - 1)] if own else a


def why_called(shard: Shard) -> str:
    """Why the rule of this shard's optimizer is called as it stands; "" where it is a program, as it should be."""
    parts = shard.parts()
    optimizer: Any = parts.optimizer
    land = parts.landscape
    try:
        traced(optimizer.with_sizes(land.named_sizes), land.blocks, shard.group.study.precision, land.places)
    except Untraceable as why:
        return str(why)
    return ""
