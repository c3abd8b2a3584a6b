"""a - b."""

from typing import Any

from ..program.function import Elementwise, number
from ..program.node import Node


class Subtract(Elementwise):
    """a - b."""

    name = "subtract"
    examples = ("x - v", "1 - x")
    count = 2
    rough = False

    def fold(self, *numbers: float) -> float | None:
        return numbers[0] - numbers[1]

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return a - b

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return number(1.0), number(-1.0)
