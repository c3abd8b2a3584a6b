"""clip(x, low, high): x, but at least low and at most high."""

from ..program.function import Composed, aligned
from ..program.node import Node, apply


class Clip(Composed):
    """min(max(x, low), high), with the conventions of these: at a bound half of the slope is that of x, half that of the bound; NaN if one is; high
    where low is above high."""

    name = "clip"
    group = "elementwise"
    examples = ("clip(x, -1, 1)", "clip(x, v, 1.5)", "clip(x, -s, s)")
    count = 3

    def build(self, *args: Node) -> Node:
        x, low, high = aligned(*args)
        return apply("minimum", apply("maximum", x, low), high)
