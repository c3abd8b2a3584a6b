"""max(x), max(x, axis): the largest entry; max(a, b): the larger of two arrays, as maximum."""

from typing import Any

import numpy as np

from ..program.function import as_float
from ..program.node import Node, apply
from ..program.reduction import Reduction, reduced, widened


class Max(Reduction):
    """The largest entry, of all or along some axes. Equal largest entries share the slope. NaN if one is."""

    name = "max"
    keeps_sign = True
    examples = ("max(x)", "max(x, axis=1)")
    count = (1, 2)
    of_nothing = "the largest"

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        return apply("maximum", *args) if len(args) == 2 else super().build(*args, axis=axis, keepdims=keepdims)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        return reduced(np.maximum, x, axis, made.args[0].size) if xp is np else xp.max(x, axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        there = as_float(apply("equal", x, widened(y, y)))
        return (there * (widened(g, y) / apply("sum", there, axis=y.option("axis"), keepdims=True)),)
