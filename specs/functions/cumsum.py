"""cumsum(x, axis): the running sum along an axis."""

from typing import Any

from ..program.axes import one_from_end
from ..program.function import Function, as_float
from ..program.node import Node, node


class Cumsum(Function):
    """x_0, x_0 + x_1, ... along one axis, which need not be named if there is but one; with reverse=True the sums from each place to the end,
    which is the adjoint."""

    name = "cumsum"
    group = "reductions"
    keeps_sign = True
    examples = ("cumsum(x, axis=0)", "cumsum(x*z, axis=1)", "cumsum(v)", "cumsum(x, axis=1, reverse=True)")
    count = 1

    def build(self, *args: Node, axis: Any = None, reverse: bool = False) -> Node:
        x = as_float(args[0])
        return node(self, (x,), x.shape, axes=x.axes, axis=one_from_end(x, axis), reverse=bool(reverse))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        if made.option("reverse"):
            return xp.flip(xp.cumulative_sum(xp.flip(x, axis=axis), axis=axis), axis=axis)
        return xp.cumulative_sum(x, axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (self.build(g, axis=y.option("axis"), reverse=not y.option("reverse")),)
