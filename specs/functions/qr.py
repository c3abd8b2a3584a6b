"""qr(A, part="q"): an orthonormal basis of the columns of a matrix, or the triangular factor."""

from typing import Any

import numpy as np

from ..program.function import Function, as_float
from ..program.node import Node, Wrong, apply, node
from ._matrices import each_matrix

PARTS = ("q", "r")


class Qr(Function):
    """A = Q R with orthonormal columns of Q and R upper triangular, of a matrix with at least as many rows as columns. The signs of R's
    diagonal are the routine's. NaN where the matrix is not finite; slopes are infinite or NaN where its columns depend on each other. Source:
    Walter and Lehmann 2013, doi:10.1080/02331888.2010.537356."""

    name = "qr"
    examples = ('qr(T(x), part="q") @ qr(T(x), part="r")', "qr(A)**2", 'qr(A + B, part="r")**2', 'qr(stack(A, B), part="q")**2')
    count = 1

    def build(self, *args: Node, part: str = "q") -> Node:
        A = as_float(args[0])
        if A.ndim < 2 or A.shape[-2] < A.shape[-1]:
            raise Wrong("qr takes a matrix with at least as many rows as columns, and {0} is not one", A)
        if part not in PARTS:
            raise Wrong(f"the part of qr must be one of {', '.join(PARTS)}")
        both = node(self, (A,), (*A.shape[:-2], sum(A.shape[-2:]), A.shape[-1]))
        return parts(both)[PARTS.index(part)]

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, lambda A: xp.concat(list(xp.linalg.qr(A)), axis=-2), made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (q, r), (by_q, by_r) = parts(y), parts(g)
        n = r.shape[-1]
        inner = r @ apply("T", by_r) - apply("T", by_q) @ q
        below = np.tril(np.ones((n, n)), -1)
        both = below * inner
        whole = both + apply("T", both) + np.eye(n) * inner
        return (apply("T", apply("solve", r, apply("T", by_q + q @ whole))),)


def parts(both: Node) -> tuple[Node, Node]:
    """Q, and below it R."""
    every, n = ((None, None, None),) * (both.ndim - 2), both.shape[-1]
    m = both.shape[-2] - n
    return apply("index", both, at=(*every, (0, m, None))), apply("index", both, at=(*every, (m, m + n, None)))
