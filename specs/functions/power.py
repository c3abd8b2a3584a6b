"""a**b: the power, entry by entry. A whole exponent up to 8 is computed as a product, so 0**2 has slope 0 and negative numbers have powers too."""

import math
from typing import Any

from ..program.function import Elementwise, number
from ..program.node import Node, apply

PRODUCT = 8


class Power(Elementwise):
    """a**b; 0**0 is 1. Its slopes are b a**(b - 1), 0 where b = 0, and a**b log(a), which counts as 0 at a = 0 where b is not negative. With b
    between 0 and 1 the slope by a at 0 is that of sqrt: infinite, but 0 if a can never be negative."""

    name = "power"
    examples = ("x**3", "abs(x)**1.5", "abs(x)**v", "x**2", "2**x")
    count = 2

    def fold(self, *numbers: float) -> float | None:
        try:
            made = numbers[0] ** numbers[1]
        except (OverflowError, ZeroDivisionError):
            return math.inf
        return made if isinstance(made, float) else math.nan

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        if b.is_number and not a.is_number and b.number in range(1, PRODUCT + 1):
            return product(a, int(b.number))
        return super().build(a, b)

    def least(self, y: Node) -> int:
        a, b = y.args
        return 1 if a.least or (b.is_number and b.number % 2 == 0) else 0

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return a**b

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        by_base = b * a ** (b - 1.0)
        if a.least == 1 and (not b.is_number or 0 < b.number < 1):
            lowest = apply("equal", a, 0.0)
            if not b.is_number:
                lowest = apply("logical_and", lowest, apply("logical_and", b > 0.0, b < 1.0))
            by_base = apply("where", lowest, 0.0, b * apply("where", lowest, 1.0, a) ** (b - 1.0))
        if b.is_number:
            return by_base if b.number else None, None
        by_base = apply("where", apply("equal", b, 0.0), 0.0, by_base)
        if a.is_number:
            return by_base, y * (math.log(a.number) if a.number > 0 else math.nan if a.number < 0 else 0.0)
        zero = apply("logical_and", apply("equal", a, 0.0), b >= 0.0)
        return by_base, apply("where", zero, 0.0, y * apply("log", apply("where", zero, number(1.0), a)))


def product(a: Node, times: int) -> Node:
    """a**times by squaring."""
    if times == 1:
        return a if a.kind == "float" else 1.0 * a
    half = product(a, times // 2)
    square = half * half
    return square if times % 2 == 0 else square * a
