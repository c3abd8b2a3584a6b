"""var(x), var(x, axis, ddof=0): the mean square distance from the mean."""

import math
from typing import Any

from ..program.axes import from_end
from ..program.function import Composed
from ..program.node import Node, Wrong, apply


class Var(Composed):
    """sum((x - mean(x))**2)/(n - ddof) over n entries; of one entry 0. ddof=1 is the unbiased estimate, which needs two entries."""

    name = "var"
    group = "reductions"
    examples = ("var(x)", "var(x, axis=0)", "var(x, axis=1, ddof=1)")
    count = 1

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Node:
        (x,) = args
        apart, count = centred(x, axis, ddof, "var")
        return apply("sum", apart * apart, axis=axis, keepdims=keepdims) / float(count)


def centred(x: Node, axis: Any, ddof: Any, name: str) -> tuple[Node, int]:
    """x without its mean, and by what the sum of squares is divided."""
    if isinstance(ddof, bool) or not isinstance(ddof, int) or ddof < 0:
        raise Wrong(f"ddof must be a whole number from 0, not {ddof!r:.60}")
    count = math.prod(x.shape[k] for k in from_end(x, axis))
    if count <= ddof:
        raise Wrong(f"{name} with ddof={ddof} needs more than {ddof} entries, and {{0}} has {count} there", x)
    return x - apply("mean", x, axis=axis, keepdims=True), count - ddof
