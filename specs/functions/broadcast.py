"""broadcast(x, shape): x repeated along its axes of size 1, and along new axes in front."""

from typing import Any

from ..program.function import Function, reshaped, summed
from ..program.node import Node, Wrong, broadcast, node


class Broadcast(Function):
    """x repeated to a larger shape, by NumPy's rules."""

    name = "broadcast"
    keeps_sign = True
    examples = ("broadcast(v, [3, 4])",)
    count = 1
    lazy = True

    def build(self, *args: Node, shape: tuple[int, ...] = (), **options: Any) -> Node:
        (x,) = args
        if broadcast([x.shape, shape]) != tuple(shape):
            raise Wrong(f"{{0}} cannot be repeated to {shape}", x)
        return self.to(x, tuple(shape))

    def to(self, x: Node, shape: tuple[int, ...]) -> Node:
        """x in this shape."""
        if not x.is_number:
            x = reshaped(x, (*(1,) * (len(shape) - x.ndim), *x.shape))
        return x if x.shape == shape else node(self, (x,), shape, x.kind)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,) = arrays
        return xp.broadcast_to(x, (*x.shape[: len(x.shape) - made.args[0].ndim], *made.shape))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (summed(g, y.shape, args[0].shape),)
