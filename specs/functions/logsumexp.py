"""logsumexp(x, axis): log(sum(exp(x))), scaled so that nothing overflows."""

from typing import Any

from ..program.axes import axes_left, from_end, kept
from ..program.function import Function, reshaped
from ..program.node import Node, Wrong, apply, node


class Logsumexp(Function):
    """max(x) + log(sum(exp(x - max(x)))). Its slope is softmax(x)."""

    name = "logsumexp"
    examples = ("logsumexp(x)", "logsumexp(x, axis=1)")
    count = 1

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, **options: Any) -> Node:
        (x,) = args
        axis = from_end(x, axis)
        if not x.size:
            raise Wrong("logsumexp of nothing: {0} has no entries", x)
        made = node(self, args, axes_left(x, axis), axes=kept(x, axis), axis=axis)
        return reshaped(made, tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape))) if keepdims else made

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        top = xp.max(x, axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
        return xp.reshape(total, tuple(n for k, n in enumerate(total.shape) if k - len(x.shape) not in axis))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (x,) = args
        shape = tuple(1 if k - x.ndim in y.option("axis") else n for k, n in enumerate(x.shape))
        return (reshaped(g, shape) * apply("exp", x - reshaped(y, shape)),)
