"""kron(A, B): the Kronecker product of two matrices, or of two vectors."""

from typing import Any

from ..program.function import Composed, reshaped
from ..program.node import Node, Wrong


class Kron(Composed):
    """The blocks a_ij B, set as A is."""

    name = "kron"
    group = "products"
    examples = ("kron(A, B)", "kron(x, A)", "kron(v, w)")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        a, b = args
        if a.ndim != b.ndim or a.ndim not in (1, 2):
            raise Wrong("kron takes two matrices or two vectors, and {0} and {1} are neither", a, b)
        wide = reshaped(a, tuple(m for n in a.shape for m in (n, 1)))
        deep = reshaped(b, tuple(m for n in b.shape for m in (1, n)))
        return reshaped(wide * deep, tuple(n * m for n, m in zip(a.shape, b.shape, strict=True)))
