"""a + b: the sum, entry by entry."""

from typing import Any

from ..program.function import Elementwise, number
from ..program.node import Node


class Add(Elementwise):
    """a + b, entry by entry. Its slopes are 1."""

    name = "add"
    ufunc = "add"
    examples = ("x + v", "x + s")
    count = 2
    rough = False

    def fold(self, *numbers: float) -> float | None:
        return sum(numbers)

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        if a.is_number and a.number == 0 and b.kind == "float":
            return b
        if b.is_number and b.number == 0 and a.kind == "float":
            return a
        return super().build(a, b)

    def least(self, y: Node) -> int:
        a, b = y.args
        return max(a.least, b.least) if min(a.least, b.least) else 0

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return number(1.0), number(1.0)
