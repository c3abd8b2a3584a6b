"""expm1(x): exp(x) - 1, exact for small x."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Expm1(Elementwise):
    """exp(x) - 1, without the loss of digits near 0. Its slope is exp(x)."""

    name = "expm1"
    examples = ("expm1(x)",)

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.expm1(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("exp", x),)
