"""Factorization of a matrix of low rank."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ..base import Count, Real
from ..init import Init, Normal
from ..sweep import Structural, Swept, resolved
from .base import Arrays, Landscape


class MatrixFactorization(Landscape):
    r"""f(U, V) = 1/2 |U V^T - M|^2, M diagonal with `rank` singular values from 1 down to 1 / condition, geometrically, then zeros.

    Blocks U (rows, width) and V (cols, width); width >= rank reaches 0. All balanced solutions U^T U = V^T V are minima, saddles lie where
    some directions of M are not learnt; from a small start the singular values of M are learnt one after the other, the largest first.
    Observables: error = |U V^T - M|, imbalance = |U^T U - V^T V|, which gradient flow conserves. The gradients are R V and R^T U with
    R = U V^T - M. Source: arXiv:1905.13655.
    """

    kind: Literal["matrix_factorization"] = "matrix_factorization"
    rows: Structural[Count] = 8
    cols: Structural[Count] = 8
    width: Structural[Count] = 3
    rank: Structural[Count] = 3
    condition: Swept[Annotated[Real, Field(ge=1)]] = 10.0

    source = "arXiv:1905.13655"
    domain = (-1.0, 1.0)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        width = resolved(self.width)
        return {"U": (resolved(self.rows), width), "V": (resolved(self.cols), width)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("error", "imbalance")

    def start(self) -> Init:
        return Normal(std=0.1)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        u, v, r = self._parts(x, p, xp)
        slopes = [xp.matmul(r, v), xp.matmul(xp.matrix_transpose(r), u)]
        flat = [xp.reshape(s, (*s.shape[:-2], s.shape[-2] * s.shape[-1])) for s in slopes]
        return 0.5 * xp.sum(r * r, axis=(-2, -1)), xp.concat(flat, axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        u, v, r = self._parts(x, p, xp)
        gap = xp.matmul(xp.matrix_transpose(u), u) - xp.matmul(xp.matrix_transpose(v), v)
        return {name: xp.sqrt(xp.sum(a * a, axis=(-2, -1))) for name, a in (("error", r), ("imbalance", gap))}

    def _parts(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any, Any]:
        """U, V and R."""
        (rows, width), (cols, _) = self.blocks.values()
        u = xp.reshape(x[..., : rows * width], (*x.shape[:-1], rows, width))
        v = xp.reshape(x[..., rows * width :], (*x.shape[:-1], cols, width))
        rank, k = min(resolved(self.rank), rows, cols), xp.arange(rows, dtype=x.dtype)
        fall = xp.exp(-xp.log(xp.asarray(p["condition"], dtype=x.dtype))[..., None] * k / max(rank - 1, 1))
        spectrum = xp.where(k < rank, fall, xp.zeros_like(fall))
        return u, v, xp.matmul(u, xp.matrix_transpose(v)) - spectrum[..., :, None] * xp.eye(rows, cols, dtype=x.dtype)

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"rows": 4, "cols": 3, "width": 2, "rank": 2}
