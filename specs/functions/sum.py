"""sum(x), sum(x, axis): over all entries, or along axes given by number or by the name of a size."""

from typing import Any

from ..program.axes import axes_left, from_end, kept
from ..program.function import Function, as_float, reshaped
from ..program.node import Node, node


class Sum(Function):
    """The sum over all entries or along some axes; of nothing 0. Truth values and whole numbers count as numbers."""

    name = "sum"
    examples = ("sum(x)", "sum(x*z, axis=0)", "sum(x, [0, 1])", "sum(x, axis=1, keepdims=True)")
    count = 1
    lazy = True

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, **options: Any) -> Node:
        (x,) = args
        x, axis = as_float(x), from_end(x, axis)
        if not axis:
            return x
        made = node(self, (x,), axes_left(x, axis), axes=kept(x, axis), axis=axis)
        return reshaped(made, tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape))) if keepdims else made

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.sum(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        axis, sizes = y.option("axis"), iter((*(1,) * (y.ndim - g.ndim), *g.shape))
        return (reshaped(g, tuple(1 if k - x.ndim in axis else next(sizes) for k in range(x.ndim))),)
