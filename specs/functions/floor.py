"""floor(x): the largest whole number that is not above x; its slope counts as 0."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class Floor(Elementwise):
    """The largest whole number that is not above x, as a number. Its slope counts as 0, also at the jumps."""

    name = "floor"
    examples = ("floor(3*x)",)

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.floor(x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (None,)
