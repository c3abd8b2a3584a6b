"""focal(logits, y, gamma): cross-entropy times (1 - p)**gamma, where p is the probability of the class y; gamma is 2 if not given."""

from typing import Any

from ..program.function import Composed, as_node
from ..program.node import Node, apply
from .cross_entropy import cross_entropy


class Focal(Composed):
    """-(1 - p)**gamma log(p) with p = softmax(z)[y], one number a row; p is exp(-c) for the cross-entropy c, and 1 - p is -expm1(-c). Where p
    rounds to 1 its value and slopes are 0 (for gamma = 0 those of cross-entropy). Source: Lin, Goyal, Girshick, He and Dollar 2017,
    arXiv:1708.02002."""

    name = "focal"
    group = "losses"
    examples = ("focal(x, y)", "focal(x, y, gamma=0.5)", "focal(x, y, 0)", "focal(x, y, s)")

    def build(self, *args: Node, gamma: float = 2.0, **options: Any) -> Node:
        z, y, power = args if len(args) == 3 else (*args, as_node(gamma))
        c = cross_entropy(self.name, z, y)
        unsure = c > 0.0
        missing = -apply("expm1", -apply("where", unsure, c, 1.0))
        return apply("where", unsure, missing**power, 0.0**power) * c
