"""abs(x): the absolute value."""

from ..program.function import Elementwise
from ..program.node import Node, apply


class Abs(Elementwise):
    """|x|. Its slope is the sign of x, 0 at 0."""

    name = "abs"
    ufunc = "abs"
    examples = ("abs(x)",)
    count = 1

    def least(self, y: Node) -> int:
        return 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sign", x),)
