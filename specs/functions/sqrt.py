"""sqrt(x): the square root."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Sqrt(Elementwise):
    """The square root; NaN below 0. Its slope is 1/(2 sqrt(x)), infinite at 0, but 0 there if x can never be negative, as a sum of squares, since
    it does not change where it is lowest: sqrt(x**2 + y**2) has the slope of norm."""

    name = "sqrt"
    ufunc = "sqrt"
    keeps_sign = True
    examples = ("sqrt(abs(x))",)
    count = 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        if x.least != 1:
            return (0.5 / y,)
        lowest = apply("equal", y, 0.0)
        return (apply("where", lowest, 0.0, 0.5 / apply("where", lowest, 1.0, y)),)
