"""exponential(margin): exp(-margin), the loss of boosting."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, apply


class Exponential(Composed):
    """exp(-m), entry by entry, where m is y f(x) for labels y of -1 and 1; infinite where that overflows. Source: Freund and Schapire 1997,
    doi:10.1006/jcss.1997.1504."""

    name = "exponential"
    group = "losses"
    examples = ("exponential(x)",)

    def build(self, *args: Node, **options: Any) -> Node:
        (margin,) = args
        return apply("exp", -margin)
