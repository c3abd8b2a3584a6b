"""exp(x): the exponential, e**x."""

from ..program.function import Elementwise
from ..program.node import Node


class Exp(Elementwise):
    """e**x. Its slope is itself."""

    name = "exp"
    ufunc = "exp"
    examples = ("exp(x)",)
    count = 1

    def least(self, y: Node) -> int:
        return 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (y,)
