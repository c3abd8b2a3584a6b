"""leaky_relu(x, slope=0.01): x above 0, slope x below."""

from typing import Any

from ..program.function import Elementwise, number
from ..program.node import Node, Wrong, apply


class LeakyRelu(Elementwise):
    """x above 0, slope x below: max(x, slope x) where the slope is at most 1. At 0 its slope is the mean of both, as at a tie of max.
    Source: Maas, Hannun and Ng 2013, Rectifier nonlinearities improve neural network acoustic models."""

    name = "leaky_relu"
    examples = ("leaky_relu(x)", "leaky_relu(x, slope=0.2)")
    rough = False

    def build(self, *args: Node, slope: float = 0.01) -> Node:
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise Wrong(f"the slope of leaky_relu must be a number, not {slope!r:.60}")
        return super().build(*args, slope=float(slope))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (x,) = arrays
        return xp.where(x > 0, x, made.option("slope") * x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        below = y.option("slope")
        return (apply("where", x > 0.0, 1.0, apply("where", x < 0.0, below, number((1.0 + below) / 2))),)
