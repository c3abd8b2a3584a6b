"""arctan(x): the inverse of the tangent, between -pi/2 and pi/2."""

from ..program.function import Elementwise
from ..program.node import Node


class Arctan(Elementwise):
    """The inverse of the tangent: -pi/2 and pi/2 at the infinities. Its slope is 1/(1 + x**2)."""

    name = "arctan"
    ufunc = "atan"
    examples = ("arctan(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 / (1.0 + x * x),)
