"""cosh(x): the hyperbolic cosine."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Cosh(Elementwise):
    """(exp(x) + exp(-x))/2. Its slope is sinh(x)."""

    name = "cosh"
    ufunc = "cosh"
    examples = ("cosh(x)",)

    def least(self, y: Node) -> int:
        return 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sinh", x),)
