"""all(a), all(a, axis): whether all entries are true."""

from typing import Any

from ..program.node import Node, Wrong
from ..program.reduction import Reduction


class AllOf(Reduction):
    """Whether every entry is true, of all entries or along some axes; True for no entries."""

    name = "all"
    examples = ("all(x > 1)", "all(c, axis=1)", "all(c, axis=0, keepdims=True)")

    def prepared(self, x: Node) -> Node:
        if x.kind != "bool":
            raise Wrong("all takes truth values, such as a comparison, and {0} is something else", x)
        return x

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.all(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
