"""tanh(x): the hyperbolic tangent."""

from ..program.function import Elementwise
from ..program.node import Node


class Tanh(Elementwise):
    """(exp(x) - exp(-x))/(exp(x) + exp(-x)). Its slope is 1 - tanh(x)**2."""

    name = "tanh"
    ufunc = "tanh"
    examples = ("tanh(x)",)
    count = 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 - y * y,)
