"""sign(x): -1, 0 or 1."""

from ..program.function import Elementwise
from ..program.node import Node


class Sign(Elementwise):
    """-1 below 0, 0 at 0, 1 above. Its slope counts as 0, also at the jump."""

    name = "sign"
    ufunc = "sign"
    in_place = False  # NumPy 2 takes seven times as long there
    examples = ("sign(x)",)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (None,)
