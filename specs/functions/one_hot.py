"""one_hot(y, count): for each whole number a row of zeros with a 1 at its place."""

from typing import Any

from ..program.function import Composed, as_float, reshaped
from ..program.node import Node, Wrong, apply
from ._written import whole


class OneHot(Composed):
    """1 at [..., y], 0 elsewhere, along a new last axis of this size; a row of zeros where y is not one of 0, ..., count - 1."""

    name = "one_hot"
    examples = ("one_hot(y, 4)", "one_hot(y, 4) * x", "one_hot(k, 3)")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        y, count = args
        size = whole("one_hot", "a count", count, least=0)
        if y.kind != "int":
            raise Wrong("one_hot takes whole numbers, and {0} is something else", y, count)
        return as_float(apply("equal", reshaped(y, (*y.shape, 1)), apply("arange", size)))
