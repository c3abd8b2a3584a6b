"""expm(A): the exponential of a square matrix, the sum of A**k / k!."""

import math
from typing import Any

from ..program.function import Function
from ..program.node import Node, apply, node
from ._matrices import square

DEGREE, LARGEST = 16, 0.78
"""Of the Taylor polynomial, and the 1-norm up to which it is exact to double precision (Al-Mohy and Higham 2011, doi:10.1137/100788860)."""
EVERY = (None, None, None)


class Expm(Function):
    """The polynomial of A / 2**s, squared s times, by products alone; each matrix has its own s. The adjoint is the derivative at A.T along g,
    which stands in a corner of the exponential of [[A.T, g], [0, A.T]]. Sources: Bader, Blanes and Casas 2019, doi:10.3390/math7121174;
    Najfeld and Havel 1995, doi:10.1006/aama.1995.1017."""

    name = "expm"
    group = "products"
    examples = ("expm(A/10)", "expm(eye(3) - x @ z.T) @ x", "expm(reshape(v, [4, 1, 1]))", "expm(-A)")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = square("expm", args[0])
        return node(self, (A,), A.shape, axes=A.axes) if A.size else A

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (A,) = arrays
        norm = xp.max(xp.sum(xp.abs(A), axis=-2, keepdims=True), axis=-1, keepdims=True) / LARGEST
        halvings = xp.ceil(xp.log2(xp.where((norm > 1) & xp.isfinite(norm), norm, xp.ones_like(norm))))
        made_of = polynomial(xp, A * 2.0 ** (-halvings))
        for k in range(int(xp.max(halvings))):
            made_of = xp.where(halvings > k, xp.matmul(made_of, made_of), made_of)
        return made_of

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        A, n = apply("T", args[0]), y.shape[-1]
        largest = apply("stop_gradient", apply("max", abs(g), axis=(-2, -1), keepdims=True))
        scale = apply("where", largest > 0.0, largest, 1.0)  # a large g would be halved too often, a loss of accuracy for A
        above = apply("concat", A, g / scale, axis=-1)
        below = apply("concat", apply("zeros_like", A), A, axis=-1)
        both = apply("expm", apply("concat", above, below, axis=-2))
        return (scale * apply("index", both, at=(*(EVERY,) * (y.ndim - 2), (0, n, None), (n, 2 * n, None))),)


def polynomial(xp: Any, A: Any) -> Any:
    """The Taylor polynomial of degree 16 in six products, after Paterson and Stockmeyer 1973, doi:10.1137/0202007."""
    square = xp.matmul(A, A)
    powers = [xp.eye(A.shape[-1], dtype=A.dtype), A, square, xp.matmul(square, A), xp.matmul(square, square)]
    total = powers[4] / math.factorial(DEGREE)
    for lowest in range(DEGREE - 4, -1, -4):
        if lowest < DEGREE - 4:
            total = xp.matmul(total, powers[4])
        for k in range(4):
            total = total + powers[k] / math.factorial(lowest + k)
    return total
