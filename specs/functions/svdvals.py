"""svdvals(A): the singular values of a matrix, the largest first."""

from typing import Any

from ..program.function import Function, as_float
from ..program.node import Node, Wrong, apply, node
from ._matrices import columns, each_matrix
from .svd import decomposed, parts


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
            raise Wrong("svdvals takes a matrix, and {0} is not one", A)
        return node(self, (A,), (*A.shape[:-2], min(A.shape[-2:])))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        alone = getattr(xp.linalg, "svdvals", None) or (lambda A: xp.linalg.svd(A, compute_uv=False))  # CuPy has no svdvals
        return each_matrix(xp, alone, made.shape[-1:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        (A,) = args
        left, _, right = parts(decomposed(A), A)
        return (columns(left, g) @ apply("T", right),)
