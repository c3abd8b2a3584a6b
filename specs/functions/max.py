"""max(x), max(x, axis): the largest entry; max(a, b): the larger of two arrays, as maximum."""

from typing import Any

from ..program.axes import axes_left, from_end, kept
from ..program.function import Function, as_float, reshaped
from ..program.node import Node, Wrong, apply, node


class Max(Function):
    """The largest entry, of all or along some axes. Equal largest entries share the slope."""

    name = "max"
    examples = ("max(x)", "max(x, axis=1)")
    count = (1, 2)

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, **options: Any) -> Node:
        if len(args) == 2:
            return apply("maximum", *args)
        (x,) = args
        axis = from_end(x, axis)
        if not axis:
            return x
        if not x.size:
            raise Wrong("the largest of nothing: {0} has no entries", x)
        made = node(self, args, axes_left(x, axis), x.kind, kept(x, axis), axis=axis)
        return reshaped(made, tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape))) if keepdims else made

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.max(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        axis = y.option("axis")
        shape = tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape))
        there = as_float(apply("equal", x, reshaped(y, shape)))
        return (there * (reshaped(g, shape) / apply("sum", there, axis=axis, keepdims=True)),)
