"""Reductions: functions over some axes or over all, which drop out, or stay with size 1 (keepdims)."""

import math
from typing import Any, ClassVar

import numpy as np

from .axes import axes_left, from_end, kept
from .function import Function, reshaped
from .node import Kind, Node, Wrong, apply, node

SHORT, MANY = 32, 16
"""An axis of at most so many numbers, and at least so many rows, are reduced column by column."""


class Reduction(Function):
    """A function over axes. A subclass gives `value` and `adjoints`."""

    group = "reductions"
    count = 1
    rough = True
    result: ClassVar[Kind | None] = None
    """The kind of the result; None where it is that of the argument."""
    of_nothing: ClassVar[str | None] = None
    """How it is called where there is nothing to reduce, to refuse that; None where it has a value then."""

    def prepared(self, x: Node) -> Node:
        """The argument as `value` takes it."""
        return x

    def alone(self, x: Node) -> Node:
        """The value where there is no axis to reduce."""
        return x

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        x = self.prepared(args[0])
        axis = from_end(x, axis)
        if not axis:
            return self.alone(x)
        if self.of_nothing and not math.prod(x.shape[k] for k in axis):
            raise Wrong(f"{self.of_nothing} of nothing: {{0}} has no entries there", x)
        y = self.over(x, axis)
        return widened(y, y) if keepdims else y

    def over(self, x: Node, axis: tuple[int, ...]) -> Node:
        """The node that reduces these axes; its first argument is x."""
        return node(self, (x,), axes_left(x, axis), self.result or x.kind, kept(x, axis), axis=axis)

    def safe_adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """As `adjoints`, but 0 wherever g is, also where a slope is infinite or NaN."""
        put_out = apply("equal", widened(g, y), 0.0)
        return tuple(None if part is None else apply("where", put_out, 0.0, part) for part in self.adjoints(g, y, *args))


def widened(a: Node, y: Node) -> Node:
    """An array in the shape of the reduction y, which it may be smaller than, with the axes that have dropped out, of size 1. A number stays one."""
    if a.is_number:
        return a
    x, axis, sizes = y.args[0], y.option("axis"), iter((*(1,) * (y.ndim - a.ndim), *a.shape))
    return reshaped(a, tuple(1 if k - x.ndim in axis else next(sizes) for k in range(x.ndim)))


def reduced(ufunc: np.ufunc, x: np.ndarray, axis: tuple[int, ...], own: int) -> np.ndarray:
    """The reduction of an array of NumPy, of which a run has `own` numbers. A short last axis of many rows goes column by column: to begin a row
    takes NumPy longer than to reduce it. The order hangs on the shape in one run alone."""
    count = x.shape[-1] if axis == (-1,) else 0
    if not 2 <= count <= SHORT or own < MANY * count:
        return ufunc.reduce(x, axis=axis)
    made = ufunc(x[..., 0], x[..., 1])
    for k in range(2, count):
        ufunc(made, x[..., k], out=made)
    return made
