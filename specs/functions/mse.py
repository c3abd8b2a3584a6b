"""mse(prediction, target): the mean of (prediction - target)**2 over all entries."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, Wrong, apply


class Mse(Composed):
    """sum (p - t)**2 / n over all n entries. Both have one shape, or one is a number: (n,) and (n, 1) would make n x n differences.
    Source: Gauss 1823, doi:10.1137/1.9781611971248."""

    name = "mse"
    group = "losses"
    examples = ("mse(x, z)", "mse(x @ v, y)", "mse(x, s)")

    def build(self, *args: Node, **options: Any) -> Node:
        prediction, target = args
        if prediction.shape and target.shape and prediction.shape != target.shape:
            raise Wrong("mse takes two arrays of one shape, and {0} and {1} differ in shape", prediction, target)
        difference = prediction - target
        return apply("mean", difference * difference)
