"""zeros_like(x): an array of zeros in the shape of x."""

from typing import Any

from ..program.derivative import full
from ..program.function import Composed, number
from ..program.node import Node


class ZerosLike(Composed):
    """Zeros in the shape of x."""

    name = "zeros_like"
    examples = ("zeros_like(x)", "zeros_like(v) + v")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        return full(number(0.0), args[0].shape)
