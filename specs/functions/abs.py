"""The absolute value. Its slope is the sign, 0 at 0."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Abs(Elementwise):
    """The absolute value. Its slope is the sign, 0 at 0."""

    name = "abs"
    examples = ("abs(x)",)
    count = 1

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.abs(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sign", x),)
