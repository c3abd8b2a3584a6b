"""sinh(x): the hyperbolic sine."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Sinh(Elementwise):
    """(exp(x) - exp(-x))/2. Its slope is cosh(x)."""

    name = "sinh"
    examples = ("sinh(x)",)

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.sinh(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("cosh", x),)
