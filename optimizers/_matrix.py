"""What optimizers of matrices share: their contract, and orthogonalisation."""

from typing import Any, ClassVar

import numpy as np

from .adamw import AdamW
from .base import RuleOptimizer

MUON = (3.4445, -4.7750, 2.0315)
"""Coefficients of Jordan's quintic Newton-Schulz iteration, tuned for speed: singular values end in [0.68, 1.13], not at 1."""


class MatrixOptimizer(RuleOptimizer):
    """An optimizer whose rule acts on a matrix: x and g are (..., rows, cols). Blocks that are no matrices go by AdamW, `rest`.

    States are shaped as x; those in `square` are (..., rows, rows) (axis 0) or (..., cols, cols) (axis 1) and start at the identity.
    `rest` has the optimizer's schedule.
    """

    rest: AdamW = AdamW(lr=3e-4, beta2=0.95, eps=1e-10, weight_decay=0.0)

    square: ClassVar[dict[str, int]] = {}


def transposed(a: Any) -> Any:
    """The last two axes exchanged."""
    return np.moveaxis(a, -1, -2)


def newton_schulz(g: Any, steps: int, coefficients: tuple[float, float, float] = MUON, eps: Any = 1e-7, clamp: bool = False) -> Any:
    """Orthogonalisation by matrix products alone: X <- a X + (b A + c A^2) X with A = X X^T, from X = G / (|G|_F + eps), or with
    `clamp` G / max(|G|_F, eps).

    g (..., rows, cols), wide or tall. It maps each singular value s by a s + b s^3 + c s^5, `steps` times. Source: Jordan et al. 2024,
    https://kellerjordan.github.io/posts/muon/.
    """
    a, b, c = coefficients
    tall = g.shape[-2] > g.shape[-1]
    x = transposed(g) if tall else g
    size = np.sqrt(np.sum(x * x, axis=(-2, -1), keepdims=True))
    x = x / (np.where(size < eps, eps, size) if clamp else size + eps)
    for _ in range(steps):
        gram = np.matmul(x, transposed(x))
        polynomial = np.matmul(gram, gram)
        polynomial *= c  # in place: sums of large matrices cost memory traffic
        gram *= b
        polynomial += gram
        bent = np.matmul(polynomial, x)
        x *= a
        x += bent
    return transposed(x) if tall else x


def polar(g: Any) -> Any:
    """The orthogonal polar factor U V^T of G = U S V^T: all its singular values are 1 (of a singular G, some such factor)."""
    finite = np.all(np.isfinite(g), axis=(-2, -1), keepdims=True)
    u, _, v = np.linalg.svd(np.where(finite, g, 0.0), full_matrices=False)
    return np.where(finite, np.matmul(u, v), np.nan)


def powers(p: Any, *exponents: float) -> tuple[Any, ...]:
    """Powers of symmetric positive definite matrices (..., n, n), from one eigendecomposition."""
    finite = np.all(np.isfinite(p), axis=(-2, -1), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(finite, p, np.eye(p.shape[-1], dtype=p.dtype)))
    values = np.maximum(values, np.finfo(p.dtype).smallest_normal)[..., None, :]
    return tuple(np.where(finite, np.matmul(vectors * values**e, transposed(vectors)), np.nan) for e in exponents)
