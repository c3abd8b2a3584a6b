"""logical_not(a): whether the condition does not hold, entry by entry."""

from ..program.function import Elementwise
from ..program.node import Node


class LogicalNot(Elementwise):
    """Whether it does not hold. Written `not a`."""

    name = "logical_not"
    ufunc = "logical_not"
    group = "comparisons"
    examples = ("logical_not(c)", "not x > 0")
    result = "bool"
    takes = ("bool",)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
