"""cholesky(A): the lower triangular L with L L.T = A, of a symmetric positive definite matrix."""

from typing import Any

import numpy as np

from ..program.function import Function
from ..program.node import Node, apply, node
from ._matrices import each_matrix, square, symmetric


class Cholesky(Function):
    """The factor of (A + A.T)/2, zero above the diagonal; NaN where that is not positive definite or not finite. The adjoint is
    L^-T phi(L.T g) L^-1, where phi keeps the lower triangle and halves the diagonal. Source: Murray 2016, arXiv:1602.07527."""

    name = "cholesky"
    group = "products"
    examples = ("cholesky(A)", "cholesky(A + B) @ v", "cholesky(stack(A, B))", "cholesky(reshape(exp(s), [1, 1]))")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        A = square("cholesky", args[0])
        return node(self, (symmetric(A),), A.shape, axes=A.axes)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return each_matrix(xp, xp.linalg.cholesky, made.shape[-2:], arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        turned, n = apply("T", y), y.shape[-1]
        phi = (np.tril(np.ones((n, n))) - np.eye(n) / 2) * (turned @ g)
        return (apply("T", apply("solve", turned, apply("T", apply("solve", turned, phi)))),)
