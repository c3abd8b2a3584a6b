"""cosh(x): the hyperbolic cosine."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Cosh(Elementwise):
    """(exp(x) + exp(-x))/2. Its slope is sinh(x)."""

    name = "cosh"
    examples = ("cosh(x)",)

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.cosh(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sinh", x),)
