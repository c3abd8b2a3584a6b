"""std(x), std(x, axis, ddof=0): the square root of the mean square distance from the mean."""

import math
from typing import Any

from ..program.function import Composed
from ..program.node import Node, apply
from .var import centred


class Std(Composed):
    """norm(x - mean(x))/sqrt(n - ddof) over n entries. Where all are equal it is 0, with the slope 0 of norm."""

    name = "std"
    group = "reductions"
    examples = ("std(x)", "std(x, axis=0)", "std(x, axis=1, ddof=1)")
    count = 1

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Node:
        (x,) = args
        apart, count = centred(x, axis, ddof, "std")
        return apply("norm", apart, axis=axis, keepdims=keepdims) / math.sqrt(count)
