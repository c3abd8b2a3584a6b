"""Consensus-based optimization with memory."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Positive
from ..specs.sweep import Structural, Swept
from ._particles import ParticleOptimizer, consensus
from .base import norm


class CboMemory(ParticleOptimizer):
    """CBO in which every particle remembers its best point y_i so far, and the consensus c is that of the y_i:

        x_i <- x_i - drift dt (x_i - c) + sigma sqrt(dt) D(x_i - c) xi_i - memory_drift dt (x_i - y_i)

    `noise` isotropic: D(z) = |z|; anisotropic: D(z) = diag(z). lr is dt. The recorded iterate is the consensus of the x_i, as for every
    particle optimizer. With memory_drift = 0, and as long as all values decrease, it is CBO. Source: arXiv:2211.12184 (without its
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
