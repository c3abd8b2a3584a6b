"""softmax(x, axis=-1): exp(x)/sum(exp(x))."""

from typing import Any

from ..program.axes import from_end
from ..program.function import Function, as_float
from ..program.node import Node, Wrong, apply, node


class Softmax(Function):
    """exp(x - max(x))/sum(exp(x - max(x))) along one axis or some: positive, with the sum 1, and nothing overflows. An entry -inf has the share 0;
    where all are, or one is inf, the shares are NaN. The adjoint of x is y (g - sum(g y))."""

    name = "softmax"
    group = "reductions"
    examples = ("softmax(x)", "softmax(20*x, axis=0)", "softmax(x, axis=[0, 1])")
    count = 1
    rough = True

    def least(self, y: Node) -> int:
        return 1

    def build(self, *args: Node, axis: Any = -1) -> Node:
        x = as_float(args[0])
        axis = from_end(x, axis)
        if not x.size:
            raise Wrong("softmax of nothing: {0} has no entries", x)
        return node(self, (x,), x.shape, axes=x.axes, axis=axis)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        grown = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
        return grown / xp.sum(grown, axis=axis, keepdims=True)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (y * (g - apply("sum", g * y, axis=y.option("axis"), keepdims=True)),)

    def safe_adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """As `adjoints`, but 0 where a mask has put out all that belongs together."""
        chosen = apply("any", apply("not_equal", g, 0.0), axis=y.option("axis"), keepdims=True)
        safe = apply("where", chosen, y, 0.0)
        return (safe * (g - apply("sum", g * safe, axis=y.option("axis"), keepdims=True)),)
