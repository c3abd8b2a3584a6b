"""ones([n, m]): an array of ones of this shape."""

from typing import Any

from ..program.derivative import full
from ..program.function import Composed, number
from ..program.node import Node
from ._written import shape_of


class Ones(Composed):
    """Ones in this shape; ones([]) is a number."""

    name = "ones"
    examples = ("ones([2, 3])", "ones([3, 1]) + x", "ones([]) * s", "ones([0])")

    def build(self, *args: Node, shape: Any = None, **options: Any) -> Node:
        return full(number(1.0), shape_of("ones", None if args else shape))
