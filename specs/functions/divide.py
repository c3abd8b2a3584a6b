"""a / b: the quotient, entry by entry; by 0 it is infinite, 0/0 NaN, as IEEE arithmetic has it."""

import math
from typing import Any

from ..program.function import Elementwise, is_one
from ..program.node import Node


class Divide(Elementwise):
    """a / b, entry by entry. Its slopes are 1/b and -(a/b)/b. By 0 it is infinite, and 0/0 is NaN, as IEEE arithmetic has it."""

    name = "divide"
    ufunc = "divide"
    examples = ("x / v", "1 / x")
    count = 2

    def fold(self, *numbers: float) -> float | None:
        return numbers[0] / numbers[1] if numbers[1] else math.nan

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        return a if is_one(b) and a.kind == "float" else super().build(a, b)

    def least(self, y: Node) -> int:
        return min(1, *(a.least for a in y.args))

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        return 1.0 / b, -y / b
