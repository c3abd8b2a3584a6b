"""a * b: the product, entry by entry."""

from collections.abc import Callable
from typing import Any

from ..program.function import Elementwise, is_one, number, summed
from ..program.node import Node

PLAIN = 1e290
"""Numbers between 1/PLAIN and PLAIN, whose products neither overflow nor vanish soon, are multiplied when the formula is read."""


class Multiply(Elementwise):
    """a b, entry by entry. Its slopes are b and a."""

    name = "multiply"
    ufunc = "multiply"
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
        if a.is_number and b.function is self and b.args[0].is_number:
            product = abs(a.number * b.args[0].number)
            if 1 / PLAIN < product < PLAIN:
                return number(a.number * b.args[0].number) * b.args[1]
        return super().build(b, a) if b.is_number else super().build(a, b)

    def times_slopes(self, g: Node, y: Node, args: tuple[Node, ...], mask: Callable[[Node], Node]) -> tuple[Node | None, ...]:
        a, b = args
        if a is b:
            return summed(mask((2.0 * g) * a), y.shape, a.shape), None
        return super().times_slopes(g, y, args, mask)

    def least(self, y: Node) -> int:
        a, b = y.args
        return 1 if a is b else min(1, a.least, b.least)  # a product of small numbers may be 0

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return b, a
