"""svdvals(A): the singular values of a matrix, the largest first."""

from typing import Any

from ..program.function import Function, as_float
from ..program.node import Node, Wrong, apply, node
from ._matrices import columns, each_matrix, inverse_gaps, rows


class Svdvals(Function):
    """The singular values; NaN where the matrix is not finite. The slope of one is the outer product of its singular vectors; of equal ones, or
    at 0, where there is no slope, that of some vectors of theirs. Second derivatives are NaN or infinite where two are equal, or one is 0 and
    the matrix not square. Source: Townsend 2016, Differentiating the singular value decomposition."""

    name = "svdvals"
    group = "products"
    examples = (
        "svdvals(x)",
        "svdvals(T(x) * v[:3])",
        "svdvals(A + B)",
        "svdvals(A)[0]",
        "svdvals(reshape(v*w, [1, 4]))",
        "svdvals(stack(x, z))",
    )
    count = 1

    def least(self, y: Node) -> int:
        return 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = as_float(args[0])
        if A.ndim < 2:
            raise Wrong("svdvals takes a matrix, and {0} is none", A)
        return node(self, (A,), (*A.shape[:-2], min(A.shape[-2:])))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        alone = getattr(xp.linalg, "svdvals", None) or (lambda A: xp.linalg.svd(A, compute_uv=False))  # CuPy has no svdvals
        return each_matrix(xp, alone, made.shape[-1:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (A,) = args
        left, right = halves(node(VECTORS, args, (*A.shape[:-2], sum(A.shape[-2:]), y.shape[-1])), A)
        return (columns(left, g) @ apply("T", right),)


class SingularVectors(Function):
    """The left singular vectors as columns, and below them the right ones, in the order of svdvals; their signs are the routine's."""

    name = "singular_vectors"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        def both(A: Any) -> Any:
            left, _, right = xp.linalg.svd(A, full_matrices=False)
            return xp.concat([left, xp.matrix_transpose(right)], axis=-2)

        return each_matrix(xp, both, made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (A,) = args
        values = node(SVDVALS, args, (*y.shape[:-2], y.shape[-1]))
        left, right = halves(y, A)
        by_left, by_right = halves(g, A)
        gaps = inverse_gaps(values, lambda here, there: (there - here) * (there + here))
        turns, others = gaps * (apply("T", left) @ by_left), gaps * (apply("T", right) @ by_right)
        total = left @ (columns(turns + apply("T", turns), values) + rows(others + apply("T", others), values)) @ apply("T", right)
        if A.shape[-2] > A.shape[-1]:
            total = total + columns(outside(by_left, left), 1.0 / values) @ apply("T", right)
        if A.shape[-1] > A.shape[-2]:
            total = total + left @ apply("T", columns(outside(by_right, right), 1.0 / values))
        return (total,)


def halves(both: Node, A: Node) -> tuple[Node, Node]:
    """What belongs to the rows of A, and what to its columns."""
    every, m = ((None, None, None),) * (both.ndim - 2), A.shape[-2]
    return apply("index", both, at=(*every, (0, m, None))), apply("index", both, at=(*every, (m, both.shape[-2], None)))


def outside(g: Node, vectors: Node) -> Node:
    """The part of g at right angles to the vectors."""
    return g - vectors @ (apply("T", vectors) @ g)


SVDVALS, VECTORS = Svdvals(), SingularVectors()
