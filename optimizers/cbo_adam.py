"""Consensus-based optimization with adaptive momentum."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative, Positive
from ..specs.sweep import Swept
from ._particles import ParticleOptimizer, consensus


class CboAdam(ParticleOptimizer):
    """CBO whose drift is replaced by an Adam step: with z_i = x_i - c, m <- beta1 m + (1 - beta1) z, v <- beta2 v + (1 - beta2) z^2,

        x <- x - lr m/(1 - beta1^t) / (sqrt(v/(1 - beta2^t)) + eps) + sigma sigma_decay^t xi

    The noise does not shrink with the swarm; `sigma_decay` below 1 reduces it over time. Source: arXiv:2012.04827.
    """

    kind: Literal["cbo_adam"] = "cbo_adam"
    lr: Swept[Positive] = 0.1
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.99
    eps: Swept[Positive] = 1e-8
    sigma: Swept[NonNegative] = 0.1
    sigma_decay: Swept[Positive] = 0.99

    state = ("m", "v")
    needs_spread_start = False
    source = "arXiv:2012.04827"

    @staticmethod
    def update(x, f, m, v, t, xi, lr, alpha, beta1, beta2, eps, sigma, sigma_decay):
        z = x - consensus(x, f, alpha)
        m = beta1 * m + (1 - beta1) * z
        v = beta2 * v + (1 - beta2) * z * z
        step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        return x - lr * step + sigma * sigma_decay**t * xi, m, v
