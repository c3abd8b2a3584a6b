"""The larger of two arrays, entry by entry."""

from typing import Any

from ..program.function import Elementwise, as_float
from ..program.node import Node, apply


class Maximum(Elementwise):
    """The larger of a and b. Where they are equal each has half of the slope; NaN if either is."""

    name = "maximum"
    examples = ("maximum(x, z)", "max(x, 0)")
    count = 2
    rough = False

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.maximum(a, b)

    def slopes(self, y: Node, a: Node, b: Node) -> tuple[Node | None, ...]:
        share = as_float(apply("less", b, a)) + 0.5 * as_float(apply("equal", a, b))
        return share, 1.0 - share
