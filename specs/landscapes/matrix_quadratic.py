"""A quadratic of a matrix with chosen conditioning on both sides."""

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, Index, Real
from ..init import Init, Normal
from ..sweep import Structural, Swept, resolved
from ._rotation import rotation
from .base import Arrays, Landscape, Minimum

Condition = Annotated[Real, Field(ge=1)]


class MatrixQuadratic(Landscape):
    r"""f(W) = 1/2 tr((W - C)^T A (W - C) B), the eigenvalues of A (rows) and B (cols) falling geometrically from 1.

    A and B are diagonal, or with `rotation_seed` have random orthogonal eigenvectors (Haar distributed). cond(A) is `left`, cond(B) `right`; C has `center` on its diagonal, 0 elsewhere. The Hessian's eigenvalues are the products A_i B_j, so
    its condition number is left * right. Observables: `spectral` and `nuclear`, the largest and the sum of the singular values of
    W - C, and gradient_nuclear, the sum of the gradient's. Source: derived; the matrix form is Muon's and FISMO's own test bed.
    """

    kind: Literal["matrix_quadratic"] = "matrix_quadratic"
    rows: Structural[Count] = 16
    cols: Structural[Count] = 16
    left: Swept[Condition] = 10.0
    right: Swept[Condition] = 10.0
    center: Swept[Real] = 0.0
    rotation_seed: Structural[Index | None] = None

    source = "arXiv:2601.21750"

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {"params": (resolved(self.rows), resolved(self.cols))}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("spectral", "nuclear", "gradient_nuclear")

    def start(self) -> Init:
        return Normal(std=1.0)

    def minima(self, values: Mapping[str, float]) -> list[Minimum]:
        rows, cols = self.blocks["params"]
        return [Minimum(tuple(values["center"] * (i == j) for i in range(rows) for j in range(cols)), 0.0)]

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        return self.value_and_grad(x, p, xp)[0]

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        away = self._away(x, p, xp)
        along = self._turned(away, True, xp)
        left, right = self._spectrum("left", 0, p, x.dtype, xp), self._spectrum("right", 1, p, x.dtype, xp)
        force = along * (left[..., :, None] * right[..., None, :])
        return xp.sum(along * force, axis=(-2, -1)) / 2, xp.reshape(self._turned(force, False, xp), x.shape)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        away, gradient = self._away(x, p, xp), xp.reshape(self.value_and_grad(x, p, xp)[1], (*x.shape[:-1], *self.blocks["params"]))
        sigma, slopes = (_singular_values(m, xp) for m in (away, gradient))
        return {"spectral": sigma[..., 0], "nuclear": xp.sum(sigma, axis=-1), "gradient_nuclear": xp.sum(slopes, axis=-1)}

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"rows": 3, "cols": 5, "left": 4.0, "right": 7.0, "center": 0.5, "rotation_seed": 1}

    def _away(self, x: Any, p: Arrays, xp: Any) -> Any:
        rows, cols = self.blocks["params"]
        center = xp.asarray(p["center"], dtype=x.dtype)[..., None, None]
        return xp.reshape(x, (*x.shape[:-1], rows, cols)) - center * xp.eye(rows, cols, dtype=x.dtype)

    def _turned(self, m: Any, back: bool, xp: Any) -> Any:
        """Q_A m Q_B^T, or Q_A^T m Q_B if `back`."""
        seed = resolved(self.rotation_seed)
        if seed is None:
            return m
        left, right = (xp.asarray(q, dtype=m.dtype) for q in _rotations(seed, *self.blocks["params"]))
        if back:
            return xp.matmul(xp.matmul(left.T, m), right)
        return xp.matmul(xp.matmul(left, m), right.T)

    def _spectrum(self, name: str, axis: int, p: Arrays, dtype: Any, xp: Any) -> Any:
        """The eigenvalues of A or B, (..., n)."""
        n = self.blocks["params"][axis]
        return xp.exp(-xp.log(xp.asarray(p[name], dtype=dtype))[..., None] * xp.arange(n, dtype=dtype) / max(n - 1, 1))


@functools.lru_cache(maxsize=16)
def _rotations(seed: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Q_A and Q_B."""
    rng = np.random.default_rng(seed)
    return rotation(rng, rows), rotation(rng, cols)


def _singular_values(a: Any, xp: Any) -> Any:
    """Singular values, the largest first; NaN for matrices with NaN or infinity."""
    finite = xp.all(xp.isfinite(a), axis=(-2, -1), keepdims=True)
    found = xp.linalg.svd(xp.where(finite, a, xp.zeros_like(a)), full_matrices=False)[1]
    return xp.where(finite[..., 0], found, xp.asarray(float("nan"), dtype=a.dtype))
