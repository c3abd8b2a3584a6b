"""logical_not(a): whether it does not hold, entry by entry."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node


class LogicalNot(Elementwise):
    """Whether it does not hold. Written `not a`."""

    name = "logical_not"
    examples = ("logical_not(c)", "not x > 0")
    result = "bool"
    takes = ("bool",)

    def formula(self, xp: Any, a: Any) -> Any:
        return xp.logical_not(a)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
