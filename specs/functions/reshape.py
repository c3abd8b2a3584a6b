"""reshape(x, [sizes]): the same entries in another shape, in the order of rows."""

import math
from typing import Any

from ..program.function import Function, number
from ..program.node import Node, Wrong, node


class Reshape(Function):
    """The same entries, the last axis running fastest, in another shape."""

    name = "reshape"
    keeps_sign = True
    examples = ("reshape(x, [2, 6])", "reshape(x*x, [12])")
    count = 1

    def build(self, *args: Node, shape: tuple[int, ...] = (), **options: Any) -> Node:
        (x,) = args
        if math.prod(shape) != x.size:
            raise Wrong(f"{{0}} cannot have the shape {shape}: it has {x.size:,} entries, not {math.prod(shape):,}", x)
        return self.to(x, shape)

    def to(self, x: Node, shape: tuple[int, ...]) -> Node:
        """x in this shape, which has as many entries."""
        if x.function is self:
            (x,) = x.args
        if x.shape == shape:
            return x
        if x.is_number:
            return number(x.number) if not shape else node(self, (x,), shape, x.kind)
        names = iter(name for n, name in zip(x.shape, x.axes, strict=True) if n != 1)
        same = [n for n in x.shape if n != 1] == [n for n in shape if n != 1]
        return node(self, (x,), shape, x.kind, tuple("" if n == 1 else next(names) for n in shape) if same else None)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,), (arg,) = arrays, made.args
        return xp.reshape(x, (*x.shape[: len(x.shape) - arg.ndim], *made.shape))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (self.to(g, args[0].shape),)
