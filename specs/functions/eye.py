"""eye(n): the unit matrix."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, apply
from ._written import whole


class Eye(Composed):
    """1 on the diagonal of an n by n matrix, 0 elsewhere."""

    name = "eye"
    examples = ("eye(3)", "A + s*eye(4)", "eye(1)")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        n = whole("eye", "a size", args[0], least=0)
        return apply("one_hot", apply("arange", n), n)
