"""sort(x, axis=-1): the entries in increasing order."""

from typing import Any

from ..program.axes import one_from_end
from ..program.function import Function, as_float
from ..program.node import Node, node


class Sort(Function):
    """The entries in increasing order along one axis, NaN last. Each takes its slope with it; equal ones keep their order, so that the first of
    them has the slope of the first place."""

    name = "sort"
    group = "reductions"
    keeps_sign = True
    examples = ("sort(x)", "sort(x, axis=0)", "sort(k)")
    count = 1

    def build(self, *args: Node, axis: Any = -1) -> Node:
        (x,) = args
        x, at = as_float(x) if x.kind == "bool" else x, one_from_end(x, axis)
        order = node(ORDER, (x,), x.shape, "int", axis=at)
        return node(self, (x, order), x.shape, x.kind, x.axes, axis=at)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.take_along_axis(*xp.broadcast_arrays(*arrays), axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return node(UNSORT, (g, args[1]), y.shape, axes=y.axes, axis=y.option("axis")), None


class Order(Function):
    """The indices that put an array in order."""

    name = "sort_order"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.argsort(arrays[0], axis=made.option("axis"), stable=True)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)


class Unsort(Function):
    """The adjoint of sort: every entry back in its place."""

    name = "unsort"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        g, order = arrays
        places = xp.argsort(order, axis=made.option("axis"))
        return xp.take_along_axis(*xp.broadcast_arrays(g, places), axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return node(SORTED, (g, args[1]), y.shape, axes=y.axes, axis=y.option("axis")), None


ORDER, UNSORT, SORTED = Order(), Unsort(), Sort()
