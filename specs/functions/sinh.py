"""sinh(x): the hyperbolic sine."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Sinh(Elementwise):
    """(exp(x) - exp(-x))/2. Its slope is cosh(x)."""

    name = "sinh"
    ufunc = "sinh"
    examples = ("sinh(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("cosh", x),)
