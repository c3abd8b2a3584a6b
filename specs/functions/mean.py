"""mean(x), mean(x, axis): the mean of all entries, or along axes given by number or by the name of a size."""

import math
from typing import Any

from ..program.axes import from_end
from ..program.function import Composed
from ..program.node import Node, Wrong, apply


class Mean(Composed):
    """The sum over the number of entries: mean(x == y) is a share."""

    name = "mean"
    group = "reductions"
    examples = ("mean(x*x)", "mean(x, axis=0)", "mean(x > 0)")
    count = 1

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, **options: Any) -> Node:
        (x,) = args
        axes = from_end(x, axis)
        count = math.prod(x.shape[k] for k in axes)
        if not count:
            raise Wrong("the mean of nothing: {0} has no entries there", x)
        return apply("sum", x, axis=axes, keepdims=keepdims) / float(count)
