"""arange(n): the whole numbers 0, 1, ..., n - 1."""

from typing import Any

from ..program.function import Function
from ..program.node import Node, node
from ._written import whole


class Arange(Function):
    """0, 1, ..., n - 1 as whole numbers, so they also serve as an index."""

    name = "arange"
    examples = ("arange(4)", "arange(4) * v", "take(A, arange(2))")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        return node(self, (), (whole("arange", "a count", args[0], least=0),), "int")

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.arange(made.shape[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return ()
