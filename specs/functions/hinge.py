"""hinge(margin): max(0, 1 - margin), the loss of support vector machines."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, apply


class Hinge(Composed):
    """max(0, 1 - m), entry by entry, where m is y f(x) for labels y of -1 and 1. At m = 1 its slope counts as -1/2, half of either side.
    Source: Cortes and Vapnik 1995, doi:10.1007/BF00994018."""

    name = "hinge"
    group = "losses"
    examples = ("hinge(x)", "hinge(x * v)")

    def build(self, *args: Node, **options: Any) -> Node:
        (margin,) = args
        return apply("maximum", 0.0, 1.0 - margin)
