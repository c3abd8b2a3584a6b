"""The absolute value. Its slope is the sign, 0 at 0."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Abs(Elementwise):
    """The absolute value. Its slope is the sign, 0 at 0."""

    name = "abs"
    ufunc = "abs"
    examples = ("abs(x)",)
    count = 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sign", x),)
