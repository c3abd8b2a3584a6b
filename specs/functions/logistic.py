"""logistic(margin): log(1 + exp(-margin)), the loss of logistic regression."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, apply


class Logistic(Composed):
    """softplus(-m), entry by entry, where m is y f(x) for labels y of -1 and 1: -m far below 0, exp(-m) far above. Source: Cox 1958,
    doi:10.1111/j.2517-6161.1958.tb00292.x."""

    name = "logistic"
    group = "losses"
    examples = ("logistic(x)", "logistic(50*x)")

    def build(self, *args: Node, **options: Any) -> Node:
        (margin,) = args
        return apply("softplus", -margin)
