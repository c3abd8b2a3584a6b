"""Consensus-based optimization with memory."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Positive
from ..specs.sweep import Structural, Swept
from ._particles import ParticleOptimizer, consensus
from .base import norm


class CboMemory(ParticleOptimizer):
    """CBO whose particles remember the best point they have seen, y_i, and whose consensus c is that of the y_i:

        x_i <- x_i - drift dt (x_i - c) + sigma sqrt(dt) D(x_i - c) xi_i - memory_drift dt (x_i - y_i)

    `noise` isotropic: D(z) = |z|; anisotropic: D(z) = diag(z). lr is dt. The run's recorded iterate is the consensus of the x_i, as of every
    optimizer of particles. With memory_drift = 0 and values that fall all the time it is CBO. Source: arXiv:2211.12184 (without its
    memory noise and gradient drift).
    """

    kind: Literal["cbo_memory"] = "cbo_memory"
    lr: Swept[Positive] = 0.01
    drift: Swept[NonNegative] = 1.0
    memory_drift: Swept[NonNegative] = 0.4
    sigma: Swept[NonNegative] = 1.0
    noise: Structural[Literal["isotropic", "anisotropic"]] = "isotropic"

    state = ("best", "value")
    source = "arXiv:2211.12184"

    @staticmethod
    def update(x, f, best, value, t, xi, lr, alpha, drift, memory_drift, sigma, noise):
        better = (f < value) | (t == 1)
        best, value = np.where(better, x, best), np.where(better, f, value)
        away = x - consensus(best, value[..., :1], alpha)
        spread = np.abs(away) if noise == "anisotropic" else norm(away)
        return x - lr * (drift * away + memory_drift * (x - best)) + sigma * np.sqrt(lr) * spread * xi, best, value
