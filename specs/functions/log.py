"""log(x): the natural logarithm."""

from ..program.function import Elementwise
from ..program.node import Node


class Log(Elementwise):
    """The natural logarithm. Its slope is 1/x; NaN below 0, -inf at 0."""

    name = "log"
    ufunc = "log"
    examples = ("log(abs(x))",)
    count = 1

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 / x,)
