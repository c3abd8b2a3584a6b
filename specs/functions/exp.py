"""The exponential, e**x. Its slope is itself."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class Exp(Elementwise):
    """The exponential, e**x. Its slope is itself."""

    name = "exp"
    examples = ("exp(x)",)
    count = 1

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.exp(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (y,)
