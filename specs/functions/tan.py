"""tan(x): the tangent."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class Tan(Elementwise):
    """The tangent of x in radians. Its slope is 1 + tan(x)**2; NaN at infinity."""

    name = "tan"
    examples = ("tan(x / 2)",)

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.tan(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (1.0 + y * y,)
