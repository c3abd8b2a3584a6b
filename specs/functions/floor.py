"""floor(x): the largest whole number that is not above x; its slope counts as 0."""

from ..program.function import Elementwise
from ..program.node import Node


class Floor(Elementwise):
    """The largest whole number that is not above x, as a number. Its slope counts as 0, also at the jumps."""

    name = "floor"
    ufunc = "floor"
    examples = ("floor(3*x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (None,)
