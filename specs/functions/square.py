"""square(x): x times x."""

from ..program.function import Composed
from ..program.node import Node


class Square(Composed):
    """x x."""

    name = "square"
    group = "elementwise"
    examples = ("square(x)",)
    count = 1

    def build(self, *args: Node) -> Node:
        (x,) = args
        return x * x
