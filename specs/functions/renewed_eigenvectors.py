"""renewed_eigenvectors(A, old, when): the eigenvectors of a symmetric matrix where a condition holds, and old ones elsewhere."""

from typing import Any

from ..program.derivative import pulled
from ..program.function import IDENTITY, Function, as_float
from ..program.node import Node, Wrong, apply, node
from ._matrices import each_matrix, square


class RenewedEigenvectors(Function):
    """where(when, eigenvectors of A, old), for a number `when`, which computes none while no run needs them: what takes long is done every so many
    steps. A counts as what stands on and below its diagonal; where it is not finite as the unit matrix."""

    name = "renewed_eigenvectors"
    examples = (
        "renewed_eigenvectors(A, B, s > 0)**2",
        "renewed_eigenvectors(A + B, A, s < 0)",
        "renewed_eigenvectors(stack(A, B), stack(A, A), s > 0)**2",
    )
    count = 3

    def build(self, *args: Node, **options: Any) -> Node:
        A, old, when = square("renewed_eigenvectors", args[0], *args[1:]), as_float(args[1]), args[2]
        if old.shape != A.shape:
            raise Wrong(
                "renewed_eigenvectors takes old eigenvectors of the same shape as the matrix, and {0} and {1} differ in shape", *args
            )
        if when.kind != "bool" or when.shape:
            raise Wrong("renewed_eigenvectors takes one truth value as its last argument, and {2} is something else", *args)
        return node(self, (A, old, when), A.shape, axes=A.axes)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        A, old, when = arrays
        if not xp.any(when):
            return old
        new = eigenvectors(xp, A)
        return new if xp.all(when) else xp.where(xp.reshape(when, (*when.shape, *(1,) * made.ndim)), new, old)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        A, old, when = args
        own = [IDENTITY(A, by=self.name), IDENTITY(old, by=self.name)]  # by which a gradient can be taken, whatever they are made of
        made = apply("where", when, apply("eigh", own[0], lower=True), own[1])
        return (*pulled(made, g, own), None)


def eigenvectors(xp: Any, A: Any) -> Any:
    """The eigenvectors of symmetric matrices (..., n, n), as columns; of what is not finite those of the unit matrix."""
    finite = xp.all(xp.isfinite(A), axis=(-2, -1), keepdims=True)
    held = xp.where(finite, A, xp.eye(A.shape[-1], dtype=A.dtype))
    return each_matrix(xp, lambda B: xp.linalg.eigh(B)[1], A.shape[-2:], held)
