"""zeros([n, m]): an array of zeros of this shape."""

from typing import Any

from ..program.derivative import full
from ..program.function import Composed, number
from ..program.node import Node
from ._written import shape_of


class Zeros(Composed):
    """Zeros in this shape; zeros([]) is a number."""

    name = "zeros"
    examples = ("zeros([2, 3])", "zeros([3, 1]) + x", "zeros([]) * s", "zeros([0])")

    def build(self, *args: Node, shape: Any = None, **options: Any) -> Node:
        return full(number(0.0), shape_of("zeros", None if args else shape))
