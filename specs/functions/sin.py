"""sin(x): the sine."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Sin(Elementwise):
    """The sine of x in radians. Its slope is cos(x); NaN at infinity."""

    name = "sin"
    ufunc = "sin"
    examples = ("sin(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("cos", x),)
