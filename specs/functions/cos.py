"""cos(x): the cosine."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Cos(Elementwise):
    """The cosine of x in radians. Its slope is -sin(x); NaN at infinity."""

    name = "cos"
    ufunc = "cos"
    examples = ("cos(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (-apply("sin", x),)
