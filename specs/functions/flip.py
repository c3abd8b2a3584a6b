"""flip(x), flip(x, axis): the entries in reverse order, along all axes or some."""

from typing import Any

from ..program.axes import from_end
from ..program.function import Composed
from ..program.node import Node, apply


class Flip(Composed):
    """x[::-1] along these axes, given by number or by the name of a size."""

    name = "flip"
    examples = ("flip(x)", "flip(x*z, axis=0)", "flip(x, -1)")
    count = 1

    def build(self, *args: Node, axis: Any = None, **options: Any) -> Node:
        (x,) = args
        axes = from_end(x, axis)
        return apply("index", x, at=tuple((None, None, -1 if k - x.ndim in axes else None) for k in range(x.ndim)))
