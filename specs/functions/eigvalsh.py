"""eigvalsh(A): the eigenvalues of a symmetric matrix, the smallest first."""

from typing import Any

from ..program.function import Function
from ..program.node import Node, apply, node
from ._matrices import columns, each_matrix, square, symmetric
from .eigh import decomposed, parts


class Eigvalsh(Function):
    """The eigenvalues of (A + A.T)/2; NaN where it is not finite. The slope of one is the outer product of its eigenvector with itself; of
    equal eigenvalues, where there is no slope, that of some orthonormal eigenvectors. Second derivatives are NaN or infinite where two
    eigenvalues are equal. Source: Giles 2008, doi:10.1007/978-3-540-68942-3_4."""

    name = "eigvalsh"
    group = "products"
    examples = ("eigvalsh(A)", "eigvalsh(A - B)[-1]", "sum(eigvalsh(A)**3)", "eigvalsh(stack(A, B))", "eigvalsh(reshape(s, [1, 1]))")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = square("eigvalsh", args[0])
        return node(self, (symmetric(A),), A.shape[:-1])

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, xp.linalg.eigvalsh, made.shape[-1:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        _, vectors = parts(decomposed(args[0]))
        return (columns(vectors, g) @ apply("T", vectors),)
