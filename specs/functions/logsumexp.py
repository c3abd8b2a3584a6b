"""logsumexp(x, axis): log(sum(exp(x))), scaled so that nothing overflows."""

from typing import Any

from ..program.function import as_float
from ..program.node import Node, apply
from ..program.reduction import Reduction, widened


class Logsumexp(Reduction):
    """max(x) + log(sum(exp(x - max(x)))). Its slope is softmax(x)."""

    name = "logsumexp"
    examples = ("logsumexp(x)", "logsumexp(x, axis=1)", "logsumexp(y)")
    of_nothing = "logsumexp"

    def prepared(self, x: Node) -> Node:
        return as_float(x)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        top = xp.max(x, axis=axis, keepdims=True)
        top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
        return xp.squeeze(total, axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (widened(g, y) * apply("exp", args[0] - widened(y, y)),)
