"""diag(v): the matrix with v on its diagonal; diag(A): the diagonal of a matrix."""

from typing import Any

from ..program.function import Composed, as_float, reshaped
from ..program.node import Node, Wrong, apply
from .index import UNINDEX


class Diag(Composed):
    """Of a vector the square matrix that has it on the diagonal and zeros elsewhere; of a matrix, which need not be square, its diagonal."""

    name = "diag"
    examples = ("diag(v)", "diag(A)", "diag(x*z)", "diag(T(x))", "x @ diag(v*w)")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        (x,) = args
        if x.ndim == 1:
            n = x.size
            return reshaped(UNINDEX.to(as_float(x), (n * n,), ((0, n * n, n + 1),)), (n, n))
        if x.ndim != 2:
            raise Wrong("diag takes a vector or a matrix, and {0} is neither", x)
        n = min(x.shape)
        part = apply("index", x, at=((0, n, None), (0, n, None)))
        return apply("index", reshaped(part, (n * n,)), at=((None, None, n + 1),))
