"""logical_or(a, b): whether at least one of the two holds, entry by entry."""

from ..program.function import Elementwise
from ..program.node import Node


class LogicalOr(Elementwise):
    """Whether one or both hold. Written `a or b`; both are computed."""

    name = "logical_or"
    ufunc = "logical_or"
    group = "comparisons"
    examples = ("logical_or(c, x > v)", "x > 1 or z > 0")
    count = 2
    result = "bool"
    takes = ("bool",)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return None, None
