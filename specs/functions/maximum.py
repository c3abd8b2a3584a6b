"""maximum(a, b): the larger of two arrays, entry by entry."""

from ..program.function import Elementwise, as_float
from ..program.node import Node


class Maximum(Elementwise):
    """The larger of a and b. Where they are equal each has half of the slope; NaN if either is, whose slopes count as at a tie."""

    name = "maximum"
    ufunc = "maximum"
    examples = ("maximum(x, z)", "max(x, 0)")
    count = 2
    rough = False

    def fold(self, *numbers: float) -> float | None:
        return max(numbers)

    def least(self, y: Node) -> int:
        return max(a.least for a in y.args)

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        share = 0.5 + 0.5 * (as_float(b < a) - as_float(a < b))
        return share, 1.0 - share
