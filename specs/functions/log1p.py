"""log1p(x): log(1 + x), exact for small x."""

from ..program.function import Elementwise
from ..program.node import Node


class Log1p(Elementwise):
    """log(1 + x), without the loss of digits near 0: -inf at -1, NaN below. Its slope is 1/(1 + x)."""

    name = "log1p"
    ufunc = "log1p"
    examples = ("log1p(abs(x))",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 / (1.0 + x),)
