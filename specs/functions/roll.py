"""roll(x, shift), roll(x, shift, axis=0): the entries shifted; those that leave at the end come back at the start."""

from typing import Any

from ..program.axes import from_end
from ..program.function import Function, reshaped
from ..program.node import Node, apply, node
from ._written import whole


class Roll(Function):
    """y[i] = x[(i - shift) mod n], along each of the axes; without an axis the entries in the order of rows are moved, as NumPy does."""

    name = "roll"
    keeps_sign = True
    examples = ("roll(x, 1, axis=0)", "roll(x*z, -6)", "roll(x, 1, axis=[0, 1])")
    count = 2

    def build(self, *args: Node, axis: Any = None, **options: Any) -> Node:
        x, shift = args
        by = whole("roll", "a shift", shift)
        if axis is None and x.ndim != 1:
            return reshaped(apply("roll", reshaped(x, (x.size,)), shift, axis=0), x.shape)
        return self.by(x, by, from_end(x, axis))

    def by(self, x: Node, shift: int, axis: tuple[int, ...]) -> Node:
        """x rolled along these axes."""
        return node(self, (x,), x.shape, x.kind, x.axes, shift=shift, axis=axis) if axis else x

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        axis = made.option("axis")
        return xp.roll(arrays[0], (made.option("shift"),) * len(axis), axis=axis)

    def made_of(self, y: Node, x: Node) -> Node:
        for k in y.option("axis"):
            first = -y.option("shift") % x.shape[k]
            every = ((None, None, None),) * (x.ndim + k)
            parts = [apply("index", x, at=(*every, ends)) for ends in ((first, None, None), (None, first, None))]
            x = apply("concat", *parts, axis=k) if first else x
        return x

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (self.by(g, -y.option("shift"), y.option("axis")),)
