"""min(x), min(x, axis): the smallest entry; min(a, b): the smaller of two arrays, as minimum."""

from typing import Any

from ..program.function import as_float
from ..program.node import Node, apply
from ..program.reduction import Reduction, widened


class Min(Reduction):
    """The smallest entry, of all or along some axes. Equal smallest entries share the slope. NaN if one is."""

    name = "min"
    examples = ("min(x)", "min(x, axis=1)")
    count = (1, 2)
    of_nothing = "the smallest"

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        return apply("minimum", *args) if len(args) == 2 else super().build(*args, axis=axis, keepdims=keepdims)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.min(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        there = as_float(apply("equal", x, widened(y, y)))
        return (there * (widened(g, y) / apply("sum", there, axis=y.option("axis"), keepdims=True)),)
