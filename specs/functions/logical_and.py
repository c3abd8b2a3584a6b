"""logical_and(a, b): whether both hold, entry by entry."""

from ..program.function import Elementwise
from ..program.node import Node


class LogicalAnd(Elementwise):
    """Whether both hold. Written `a and b`; both are computed."""

    name = "logical_and"
    ufunc = "logical_and"
    group = "comparisons"
    examples = ("logical_and(c, x > v)", "x > 0 and z > 0")
    count = 2
    result = "bool"
    takes = ("bool",)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return None, None
