"""gelu(x): x times the normal distribution function, exactly, without the tanh approximation."""

import math

from ..program.function import Composed
from ..program.node import Node, apply


class Gelu(Composed):
    """x Phi(x) = x erfc(-x/sqrt(2))/2, whose small values at negative x keep their digits. NaN at -inf, where it is infinity times 0.
    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415."""

    name = "gelu"
    group = "elementwise"
    examples = ("gelu(x)",)
    count = 1

    def build(self, *args: Node) -> Node:
        (x,) = args
        return 0.5 * x * apply("erfc", x * -math.sqrt(0.5))
