"""logical_or(a, b): whether one or both hold, entry by entry."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class LogicalOr(Elementwise):
    """Whether one or both hold. Written `a or b`; both are computed."""

    name = "logical_or"
    examples = ("logical_or(c, x > v)", "x > 1 or z > 0")
    count = 2
    result = "bool"
    takes = ("bool",)

    def formula(self, xp: Any, a: Any, b: Any) -> Any:
        return xp.logical_or(a, b)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return None, None
