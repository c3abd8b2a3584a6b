"""sqrt(x): the square root."""

from ..program.function import Elementwise
from ..program.node import Node


class Sqrt(Elementwise):
    """The square root. Its slope is 1/(2 sqrt(x)), infinite at 0; NaN below."""

    name = "sqrt"
    ufunc = "sqrt"
    examples = ("sqrt(abs(x))",)
    count = 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (0.5 / y,)
