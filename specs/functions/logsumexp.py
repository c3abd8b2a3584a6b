"""logsumexp(x, axis): log(sum(exp(x))), scaled so that nothing overflows."""

from typing import Any

import numpy as np

from ..program.axes import axes_left, kept
from ..program.function import Function, as_float
from ..program.node import Node, apply, node
from ..program.reduction import Reduction, reduced, widened


class Logsumexp(Reduction):
    """max(x) + log(sum(exp(x - max(x)))). Its slope is softmax(x), made of the same exponentials."""

    name = "logsumexp"
    examples = ("logsumexp(x)", "logsumexp(x, axis=1)", "logsumexp(y)")
    lazy = True
    of_nothing = "logsumexp"

    def prepared(self, x: Node) -> Node:
        return as_float(x)

    def over(self, x: Node, axis: tuple[int, ...]) -> Node:
        top = node(TOP, (x,), tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape)), axis=axis)
        grown = apply("exp", x - top)
        total = apply("sum", grown, axis=axis, keepdims=True)
        return node(self, (x, grown, total, top), axes_left(x, axis), axes=kept(x, axis), axis=axis)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        _, _, total, top = arrays
        return xp.squeeze(xp.log(total) + top, axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        _, grown, total, _ = args
        return grown * (widened(g, y) / total), None, None, None


class Top(Function):
    """The largest entry along some axes, which stay with size 1, and 0 where it is not finite: what logsumexp takes away. It has no slope,
    since logsumexp does not depend on it."""

    name = "top"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), axis = arrays, made.option("axis")
        top = np.expand_dims(reduced(np.maximum, x, axis, made.args[0].size), axis) if xp is np else xp.max(x, axis=axis, keepdims=True)
        return xp.where(xp.isfinite(top), top, xp.zeros_like(top))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)


TOP = Top()
