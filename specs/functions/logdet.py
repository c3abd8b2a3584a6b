"""logdet(A): the logarithm of the absolute value of the determinant, even where the determinant itself is too large or too small for a number."""

from typing import Any

from ..program.function import Function, reshaped
from ..program.node import Node, apply, node
from ._matrices import each_matrix, square


class Logdet(Function):
    """log |det A|, by elimination; -inf for a singular matrix, NaN for one that is not finite. Its slope is A^-T, NaN where A is singular.
    Source: Giles 2008, doi:10.1007/978-3-540-68942-3_4."""

    name = "logdet"
    group = "products"
    examples = ("logdet(A)", "logdet(A - 5*B)", "logdet(eye(3) + x @ z.T)", "logdet(stack(A, B))")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = square("logdet", args[0])
        return node(self, (A,), A.shape[:-2], axes=A.axes[:-2])

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, lambda A: xp.linalg.slogdet(A)[1], (), arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (reshaped(g, (*g.shape, 1, 1)) * apply("T", apply("inv", args[0])),)
