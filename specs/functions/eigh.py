"""eigh(A, part="vectors"): the eigenvectors of a symmetric matrix, or its eigenvalues."""

from typing import Any

from ..program.function import Function, reshaped
from ..program.node import Node, Wrong, apply, node
from ._matrices import columns, each_matrix, inverse_gaps, square, symmetric

PARTS = ("values", "vectors")


class Eigh(Function):
    """Of (A + A.T)/2: `part` vectors is an orthonormal basis of eigenvectors as columns, values their eigenvalues, the smallest first. The signs of
    vectors are the routine's. NaN where the matrix is not finite. With `lower` the matrix is what stands on and below the diagonal, as NumPy
    has it. Slopes of vectors are infinite or NaN where two eigenvalues are equal. Source: Giles 2008, doi:10.1007/978-3-540-68942-3_4."""

    name = "eigh"
    examples = (
        "eigh(A)[:, 0]**2",
        'eigh(A - B, part="values")',
        "eigh(A) @ T(eigh(A) * v)",
        "eigh(stack(A, B))**2",
    )
    count = 1

    def build(self, *args: Node, part: str = "vectors", lower: bool = False) -> Node:
        A = square("eigh", args[0])
        if part not in PARTS:
            raise Wrong(f"the part of eigh must be one of {', '.join(PARTS)}")
        return parts(decomposed(A if lower else symmetric(A)))[PARTS.index(part)]

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        def all_of(A: Any) -> Any:
            values, vectors = xp.linalg.eigh(A)
            return xp.concat([values[..., None, :], vectors], axis=-2)

        return each_matrix(xp, all_of, made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        values, vectors = parts(y)
        by_values, by_vectors = parts(g)
        turned = apply("T", vectors)
        gaps = inverse_gaps(values, lambda here, there: there - here)
        return (symmetric((columns(vectors, by_values) + vectors @ (gaps * (turned @ by_vectors))) @ turned),)


EIGH = Eigh()


def decomposed(A: Node) -> Node:
    """The whole decomposition of a matrix that is symmetric, in one array: the eigenvalues, below them the eigenvectors as columns."""
    return node(EIGH, (A,), (*A.shape[:-2], A.shape[-1] + 1, A.shape[-1]))


def parts(both: Node) -> tuple[Node, Node]:
    """The values, and the vectors."""
    every = ((None, None, None),) * (both.ndim - 2)
    values = apply("index", both, at=(*every, (0, 1, None)))
    return reshaped(values, (*values.shape[:-2], values.shape[-1])), apply("index", both, at=(*every, (1, both.shape[-2], None)))
