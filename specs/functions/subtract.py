"""a - b: the difference, entry by entry."""

from ..program.function import Elementwise, number
from ..program.node import Node


class Subtract(Elementwise):
    """a - b, entry by entry. Its slopes are 1 and -1."""

    name = "subtract"
    ufunc = "subtract"
    examples = ("x - v", "1 - x")
    count = 2
    rough = False

    def fold(self, *numbers: float) -> float | None:
        return numbers[0] - numbers[1]

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return number(1.0), number(-1.0)
