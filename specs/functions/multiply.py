"""a b, entry by entry."""

from typing import Any

from ..program.function import Elementwise, is_one
from ..program.node import Node


class Multiply(Elementwise):
    """a b, entry by entry."""

    name = "multiply"
    examples = ("x * v", "s * x")
    count = 2

    def fold(self, *numbers: float) -> float | None:
        return numbers[0] * numbers[1]

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        if is_one(a) and b.kind == "float":
            return b
        if is_one(b) and a.kind == "float":
            return a
        return super().build(a, b)

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return a * b

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return b, a
