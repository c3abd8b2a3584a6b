"""norm(x), norm(x, axis): the square root of the sum of squares."""

from typing import Any

import numpy as np

from ..program.function import as_float
from ..program.node import Node, apply
from ..program.reduction import Reduction, widened

SMALL, LARGE = 1e-30, 1e30
"""Between these a sum of squares has lost nothing to overflow and underflow, in single precision too."""


class Norm(Reduction):
    """sqrt(sum(x**2)), scaled by the largest entry, so that no square overflows or vanishes; of nothing 0, of one number its absolute value.
    Its slope is x/norm(x), and 0 at 0."""

    name = "norm"
    examples = ("norm(x)", "norm(x, axis=1)", "norm(x, axis=0, keepdims=True)")

    def least(self, y: Node) -> int:
        return 1

    def prepared(self, x: Node) -> Node:
        return as_float(x)

    def alone(self, x: Node) -> Node:
        return apply("abs", x)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        if not made.args[0].size:
            return xp.sum(x, axis=axis)
        if xp is not np:
            return scaled(xp, x, axis)
        with np.errstate(over="ignore"):
            squares = np.add.reduce(x * x, axis=axis)
        plain = (squares > SMALL) & (squares < LARGE)
        return np.sqrt(squares) if np.all(plain) else np.where(plain, np.sqrt(squares), scaled(np, x, axis))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        zero = apply("equal", y, 0.0)
        share = apply("where", zero, 0.0, g / apply("where", zero, 1.0, y))
        return (widened(share, y) * args[0],)


def scaled(xp: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The norm by way of the largest entry."""
    top = xp.max(xp.abs(x), axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top) & (top > 0), top, xp.ones_like(top))
    x = x / top
    return xp.squeeze(top, axis=axis) * xp.sqrt(xp.sum(x * x, axis=axis))
