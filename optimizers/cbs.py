"""Consensus-based sampling."""

from typing import Literal

import numpy as np

from ..specs.base import Positive
from ..specs.sweep import Structural, Swept
from ._matrix import powers, transposed
from ._particles import ParticleOptimizer, weights


class Cbs(ParticleOptimizer):
    """Consensus-based sampling: x_i <- c + b (x_i - c) + sqrt((1 - b^2) / l) C^(1/2) xi_i, b = exp(-dt),

    c and C the mean and covariance of the particles weighted by exp(-alpha f). `mode` sampling: l = 1 / (1 + alpha), so that a Gaussian
    target exp(-f) is stationary (derived: a swarm of covariance S has C = (S^-1 + alpha A)^-1 for f = x^T A x / 2, and (1 + alpha) C = S at
    S = A^-1); `mode` optimize: l = 1, with which the swarm shrinks to the minimum. lr is dt. Source: arXiv:2106.02519.
    """

    kind: Literal["cbs"] = "cbs"
    lr: Swept[Positive] = 0.1
    alpha: Swept[Positive] = 1.0
    mode: Structural[Literal["sampling", "optimize"]] = "sampling"

    source = "arXiv:2106.02519"

    @staticmethod
    def update(x, f, xi, lr, alpha, mode):
        w, held = weights(f, alpha), np.where(np.isfinite(f), x, 0.0)
        c = np.sum(w * held, axis=-2, keepdims=True)
        away = np.where(np.isfinite(f), x - c, 0.0)
        (root,) = powers(np.matmul(transposed(w * away), away), 0.5)
        b = np.exp(-lr)
        wide = (1 - b * b) * (1 + alpha) if mode == "sampling" else 1 - b * b
        return c + b * (x - c) + np.sqrt(wide) * np.matmul(xi, root)
