"""sum(x), sum(x, axis): the sum of all entries, or along axes given by number or by the name of a size."""

from typing import Any

import numpy as np

from ..program.function import FUNCTIONS, Function, as_float
from ..program.node import Node, apply, node
from ..program.reduction import Reduction, reduced, widened

PLAIN = 2**13
"""Products of more numbers than this are summed pairwise, which loses fewer digits."""


class Sum(Reduction):
    """The sum over all entries or along some axes; of nothing 0. Truth values and whole numbers count as numbers."""

    name = "sum"
    keeps_sign = True
    examples = ("sum(x)", "sum(x*z, axis=0)", "sum(x, [0, 1])", "sum(x, axis=1, keepdims=True)")
    lazy = True
    rough = False

    def prepared(self, x: Node) -> Node:
        return as_float(x)

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        y = super().build(*args, axis=axis, keepdims=keepdims)
        x = y.args[0] if y.function is self and not y.shape else y
        if x is not y and x.function is FUNCTIONS.load("multiply") and all(a.shape == x.shape for a in x.args):
            return node(DOT, x.args)
        return y

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        return reduced(np.add, x, axis, made.args[0].size) if xp is np else xp.sum(x, axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (widened(g, y),)


class Dot(Function):
    """The sum of a b over all entries, without an array for the products."""

    name = "dot"
    lazy = True
    rough = True

    def least(self, y: Node) -> int:
        a, b = y.args
        return 1 if a is b else min(1, a.least, b.least)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        count = made.args[0].size
        if xp is not np or count > PLAIN:
            return xp.sum(arrays[0] * arrays[1], axis=tuple(range(-made.args[0].ndim, 0)))
        a, b = (x.reshape(*x.shape[: x.ndim - arg.ndim], count) for x, arg in zip(arrays, made.args, strict=True))
        return np.vecdot(a, b)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        a, b = args
        return ((2.0 * g) * a, None) if a is b else (g * b, g * a)

    def safe_adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        put_out = apply("equal", g, 0.0)
        return tuple(None if part is None else apply("where", put_out, 0.0, part) for part in self.adjoints(g, y, *args))


DOT = Dot()
