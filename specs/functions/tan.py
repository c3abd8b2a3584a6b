"""tan(x): the tangent."""

from ..program.function import Elementwise
from ..program.node import Node


class Tan(Elementwise):
    """The tangent of x in radians. Its slope is 1 + tan(x)**2; NaN at infinity."""

    name = "tan"
    ufunc = "tan"
    examples = ("tan(x / 2)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 + y * y,)
