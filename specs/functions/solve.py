"""solve(A, b): the x with A x = b, for a vector b or each column of a matrix."""

from typing import Any

from ..program.function import Function, as_float, reshaped
from ..program.node import Node, Wrong, apply, broadcast, node
from ._matrices import each_matrix, square
from .matmul import stacked


class Solve(Function):
    """A^-1 b by elimination with row exchanges; NaN where A is singular or not finite. With x = A^-1 b the adjoints are A^-T g for b and minus
    its product with x for A. Source: Giles 2008, doi:10.1007/978-3-540-68942-3_4."""

    name = "solve"
    group = "products"
    examples = ("solve(A, v)", "solve(A, x.T)", "solve(A, B @ v)", "solve(stack(A, B), w)", "solve(A, reshape(x, [3, 4, 1]))")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        A, b = square("solve", *args), as_float(args[1])
        if not b.ndim or A.shape[-1] != b.shape[0 if b.ndim == 1 else -2]:
            raise Wrong("solve takes a matrix and a vector or matrix with as many rows: {0} and {1} do not go together", *args)
        right = reshaped(b, (*b.shape, 1)) if b.ndim == 1 else b
        front = broadcast([A.shape[:-2], right.shape[:-2]])
        if front is None:
            raise Wrong("the axes of {0} and {1} before the last two do not go together", *args)
        A, right = (reshaped(m, (*(1,) * (len(front) + 2 - m.ndim), *m.shape)) for m in (A, right))
        made = node(self, (A, right), (*front, *right.shape[-2:]), axes=(*("",) * len(front), A.axes[-1], right.axes[-1]))
        return reshaped(made, made.shape[:-1]) if b.ndim == 1 else made

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, xp.linalg.solve, made.shape[-2:], *arrays)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        A, b = args
        right = apply("solve", apply("T", A), g)
        return stacked(-(right @ apply("T", y)), A), stacked(right, b)
