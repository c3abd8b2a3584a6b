"""expm1(x): exp(x) - 1, exact for small x."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Expm1(Elementwise):
    """exp(x) - 1, without the loss of digits near 0. Its slope is exp(x)."""

    name = "expm1"
    ufunc = "expm1"
    examples = ("expm1(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("exp", x),)
