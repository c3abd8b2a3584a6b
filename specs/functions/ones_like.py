"""ones_like(x): an array of ones in the shape of x."""

from typing import Any

from ..program.derivative import full
from ..program.function import Composed, number
from ..program.node import Node


class OnesLike(Composed):
    """Ones in the shape of x."""

    name = "ones_like"
    examples = ("ones_like(x)", "ones_like(v) + v")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        return full(number(1.0), args[0].shape)
