"""min(x), min(x, axis): the smallest entry; min(a, b): the smaller of two arrays, as minimum."""

from typing import Any

import numpy as np

from ..program.function import as_float
from ..program.node import Node, apply
from ..program.reduction import Reduction, reduced, widened


class Min(Reduction):
    """The smallest entry, of all or along some axes. Equal smallest entries share the slope. NaN if one is."""

    name = "min"
    keeps_sign = True
    examples = ("min(x)", "min(x, axis=1)")
    count = (1, 2)
    of_nothing = "the smallest"

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        return apply("minimum", *args) if len(args) == 2 else super().build(*args, axis=axis, keepdims=keepdims)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        return reduced(np.minimum, x, axis, made.args[0].size) if xp is np else xp.min(x, axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        there = as_float(apply("equal", x, widened(y, y)))
        return (there * (widened(g, y) / apply("sum", there, axis=y.option("axis"), keepdims=True)),)
