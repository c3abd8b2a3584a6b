"""inv(A): the inverse of a square matrix, or of each in a stack. Where a solution is wanted, solve(A, b) is faster and more accurate."""

from typing import Any

from ..program.function import Function
from ..program.node import Node, apply, node
from ._matrices import each_matrix, square


class Inv(Function):
    """The inverse Y, whose derivative is -Y dA Y; NaN for a singular matrix and for one that is not finite. Source: Giles 2008,
    doi:10.1007/978-3-540-68942-3_4."""

    name = "inv"
    group = "products"
    examples = ("inv(A)", "v @ inv(A + B) @ w", "inv(reshape(v, [4, 1, 1]))")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = square("inv", args[0])
        return node(self, (A,), A.shape, axes=(*A.axes[:-2], A.axes[-1], A.axes[-2]))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, xp.linalg.inv, made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        turned = apply("T", y)
        return (-(turned @ g @ turned),)
