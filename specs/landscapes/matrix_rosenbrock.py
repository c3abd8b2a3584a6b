"""Rosenbrock's function of matrices."""

from collections.abc import Mapping
from typing import Any, Literal

from ..base import Count, Positive
from ..init import Init, Normal
from ..sweep import Structural, Swept, resolved
from .base import Arrays, Landscape, Minimum


class MatrixRosenbrock(Landscape):
    r"""A curved valley of square matrices: f(X, Y) = |I - X|^2 + b |Y - X X^T|^2, Frobenius norms.

    Blocks X and Y, (rows, rows) each; b `steepness`. Minimum 0 at X = Y = I; the valley's floor is Y = X X^T. For one row it is
    Rosenbrock's function with a = 1. The gradients are 2 (X - I) - 2 b (R + R^T) X and 2 b R with R = Y - X X^T. Observable: floor = |R|.
    Source: derived, after Rosenbrock 1960, doi:10.1093/comjnl/3.3.175.
    """

    kind: Literal["matrix_rosenbrock"] = "matrix_rosenbrock"
    rows: Structural[Count] = 4
    steepness: Swept[Positive] = 10.0

    source = "https://doi.org/10.1093/comjnl/3.3.175"
    domain = (-1.5, 1.5)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        rows = resolved(self.rows)
        return {"X": (rows, rows), "Y": (rows, rows)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("floor",)

    def start(self) -> Init:
        return Normal(std=0.3)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        rows = resolved(self.rows)
        eye = tuple(float(i == j) for i in range(rows) for j in range(rows))
        return [Minimum((*eye, *eye), 0.0)]

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        first, rest = self._parts(x, xp)
        b = xp.asarray(p["steepness"], dtype=x.dtype)[..., None, None]
        away = first - xp.eye(first.shape[-1], dtype=x.dtype)
        slopes = [2 * away - 2 * b * xp.matmul(rest + xp.matrix_transpose(rest), first), 2 * b * rest]
        flat = [xp.reshape(s, (*s.shape[:-2], s.shape[-1] ** 2)) for s in slopes]
        return xp.sum(away * away + b * rest * rest, axis=(-2, -1)), xp.concat(flat, axis=-1)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        rest = self._parts(x, xp)[1]
        return {"floor": xp.sqrt(xp.sum(rest * rest, axis=(-2, -1)))}

    def _parts(self, x: Any, xp: Any) -> tuple[Any, Any]:
        """X and R = Y - X X^T."""
        rows = resolved(self.rows)
        first, second = (xp.reshape(part, (*x.shape[:-1], rows, rows)) for part in (x[..., : rows**2], x[..., rows**2 :]))
        return first, second - xp.matmul(first, xp.matrix_transpose(first))
