"""Consensus-based optimization."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Positive
from ..specs.sweep import Structural, Swept
from ._particles import ParticleOptimizer, consensus
from .base import norm


class Cbo(ParticleOptimizer):
    """Consensus-based optimization: x_i <- x_i - lambda dt (x_i - c) + sigma sqrt(dt) D_i xi_i, c the consensus, weights exp(-alpha f).

    `noise` isotropic: D_i = |x_i - c|; anisotropic: D_i = diag(x_i - c). `truncate` bounds |x_i - c| in the noise (0: no bound). `convention`
    sqrt_2dt uses sqrt(2 dt) in the noise, as ConsensusBasedX.jl does. With `heaviside` only particles worse than c drift. lr is dt, and `drift`
    is lambda. With c fixed, one step multiplies E|x_i - c|^2 by (1 - lambda dt)^2 + kappa sigma^2 dt, kappa = d (isotropic) or 1 (derived).
    Sources: arXiv:1604.05648 (isotropic), arXiv:1909.09249 (anisotropic), arXiv:2310.16610 (truncated noise).
    """

    kind: Literal["cbo"] = "cbo"
    lr: Swept[Positive] = 0.01
    drift: Swept[NonNegative] = 1.0
    sigma: Swept[NonNegative] = 1.0
    truncate: Swept[NonNegative] = 0.0
    noise: Structural[Literal["isotropic", "anisotropic"]] = "isotropic"
    convention: Structural[Literal["sqrt_dt", "sqrt_2dt"]] = "sqrt_dt"
    heaviside: Structural[bool] = False

    source = "arXiv:1604.05648"

    @staticmethod
    def update(x, f, xi, loss, lr, alpha, drift, sigma, truncate, noise, convention, heaviside):
        away = x - consensus(x, f, alpha)
        spread = np.abs(away) if noise == "anisotropic" else norm(away)
        spread = np.where(truncate > 0, np.minimum(spread, truncate), spread)
        time = 2 * lr if convention == "sqrt_2dt" else lr
        pulled = np.where(f > loss, away, 0.0) if heaviside else away
        return x - drift * lr * pulled + sigma * np.sqrt(time) * spread * xi
