"""svd(A, part="left"): the singular vectors of a matrix, or its singular values."""

from typing import Any

from ..program.function import Function, as_float, reshaped
from ..program.node import Node, Wrong, apply, node
from ._matrices import columns, each_matrix, inverse_gaps, rows

PARTS = ("left", "values", "right")


class Svd(Function):
    """A = U diag(s) V with the largest singular value first: `part` left is U, values s, right V, whose rows are the right singular vectors. The
    signs of pairs of vectors are the routine's. NaN where the matrix is not finite. Slopes of vectors are infinite or NaN where two values are
    equal; of a value it is the outer product of its vectors. Source: Townsend 2016, Differentiating the singular value decomposition."""

    name = "svd"
    examples = (
        'svd(x, part="left") @ svd(x, part="right")',
        "svd(A)[:, 0]**2",
        'svd(T(x) * v[:3], part="right")[0]**2',
        'svd(A + B, part="values")',
        'svd(stack(A, B), part="left")**2',
    )
    count = 1

    def build(self, *args: Node, part: str = "left") -> Node:
        A = as_float(args[0])
        if A.ndim < 2:
            raise Wrong("svd takes a matrix, and {0} is not one", A)
        if part not in PARTS:
            raise Wrong(f"the part of svd must be one of {', '.join(PARTS)}")
        both = decomposed(A)
        left, values, right = parts(both, A)
        return {"left": left, "values": values, "right": apply("T", right)}[part]

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        def all_of(A: Any) -> Any:
            left, values, right = xp.linalg.svd(A, full_matrices=False)
            return xp.concat([left, values[..., None, :], xp.matrix_transpose(right)], axis=-2)

        return each_matrix(xp, all_of, made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (A,) = args
        left, values, right = parts(y, A)
        by_left, by_values, by_right = parts(g, A)
        gaps = inverse_gaps(values, lambda here, there: (there - here) * (there + here))
        turns, others = gaps * (apply("T", left) @ by_left), gaps * (apply("T", right) @ by_right)
        inner = columns(turns + apply("T", turns), values) + rows(others + apply("T", others), values)
        total = (columns(left, by_values) + left @ inner) @ apply("T", right)
        if A.shape[-2] > A.shape[-1]:
            total = total + columns(outside(by_left, left), 1.0 / values) @ apply("T", right)
        if A.shape[-1] > A.shape[-2]:
            total = total + left @ apply("T", columns(outside(by_right, right), 1.0 / values))
        return (total,)


SVD = Svd()


def decomposed(A: Node) -> Node:
    """The whole decomposition in one array: the left singular vectors as columns, below them the values, below them the right ones as columns."""
    return node(SVD, (A,), (*A.shape[:-2], sum(A.shape[-2:]) + 1, min(A.shape[-2:])))


def parts(both: Node, A: Node) -> tuple[Node, Node, Node]:
    """What belongs to the rows of A, the values, and what belongs to its columns."""
    every, m, last = ((None, None, None),) * (both.ndim - 2), A.shape[-2], both.shape[-2]
    left, values, right = (apply("index", both, at=(*every, (a, b, None))) for a, b in ((0, m), (m, m + 1), (m + 1, last)))
    return left, reshaped(values, (*values.shape[:-2], values.shape[-1])), right


def outside(g: Node, vectors: Node) -> Node:
    """The part of g at right angles to the vectors."""
    return g - vectors @ (apply("T", vectors) @ g)
