"""The natural logarithm. Its slope is 1/x; NaN below 0, -inf at 0."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class Log(Elementwise):
    """The natural logarithm. Its slope is 1/x; NaN below 0, -inf at 0."""

    name = "log"
    examples = ("log(abs(x))",)
    count = 1

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.log(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 / x,)
