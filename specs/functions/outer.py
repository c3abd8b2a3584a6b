"""outer(a, b): the products of every entry of a vector with every entry of another."""

from typing import Any

from ..program.function import Composed, reshaped
from ..program.node import Node, Wrong


class Outer(Composed):
    """The matrix a_i b_j."""

    name = "outer"
    group = "products"
    examples = ("outer(v, w)", "outer(v, x[:, 0])", "outer(v, v)")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        if a.ndim != 1 or b.ndim != 1:
            raise Wrong("outer takes two vectors, and {0} and {1} are not both vectors", a, b)
        return reshaped(a, (*a.shape, 1)) * b
