"""minimum(a, b): the smaller of two arrays, entry by entry."""

from ..program.function import Elementwise, as_float
from ..program.node import Node


class Minimum(Elementwise):
    """The smaller of a and b. Where they are equal each has half of the slope; NaN if either is, whose slopes count as at a tie."""

    name = "minimum"
    ufunc = "minimum"
    keeps_sign = True
    examples = ("minimum(x, z)", "min(x, v)")
    count = 2
    rough = False

    def fold(self, *numbers: float) -> float | None:
        return min(numbers)

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        share = 0.5 + 0.5 * (as_float(a < b) - as_float(b < a))
        return share, 1.0 - share
