"""trace(A): the sum of the diagonal of a square matrix."""

from typing import Any

from ..program.function import Composed
from ..program.node import Node, Wrong, apply


class Trace(Composed):
    """sum_i a_ii."""

    name = "trace"
    group = "products"
    examples = ("trace(A)", "trace(A @ B)", "trace(x @ z.T)")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        (A,) = args
        if A.ndim != 2 or A.shape[0] != A.shape[1]:
            raise Wrong("trace takes a square matrix, and {0} is not one", A)
        return apply("sum", apply("diag", A))
