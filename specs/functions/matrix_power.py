"""matrix_power(A, k): the product of k copies of a square matrix; for a negative k, of -k copies of its inverse."""

from typing import Any

from ..program.derivative import full
from ..program.function import Composed
from ..program.node import Node, apply
from ._matrices import square
from ._written import whole


class MatrixPower(Composed):
    """A @ A @ ... by squaring; the unit matrix for k = 0."""

    name = "matrix_power"
    group = "products"
    examples = ("matrix_power(A/4, 3)", "matrix_power(A, -2)", "matrix_power(A, 0) + A", "matrix_power(A, 1)", "matrix_power(A/9, 6)")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        A, k = square("matrix_power", *args), whole("matrix_power", "a power", args[1])
        if k == 0:
            return full(apply("eye", A.shape[-1]), A.shape)
        return power(A, k) if k > 0 else power(apply("inv", A), -k)


def power(A: Node, k: int) -> Node:
    """A to a power of at least 1."""
    if k == 1:
        return A
    half = power(A, k // 2)
    return half @ half if k % 2 == 0 else half @ half @ A
