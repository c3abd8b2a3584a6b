"""any(a), any(a, axis): whether at least one entry is true."""

from typing import Any

from ..program.node import Node, Wrong
from ..program.reduction import Reduction


class AnyOf(Reduction):
    """Whether at least one entry is true, of all entries or along some axes; False for no entries."""

    name = "any"
    examples = ("any(x > 1)", "any(c, axis=1)", "any(c, axis=0, keepdims=True)")

    def prepared(self, x: Node) -> Node:
        if x.kind != "bool":
            raise Wrong("any takes truth values, such as a comparison, and {0} is something else", x)
        return x

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.any(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
