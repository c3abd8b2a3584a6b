"""Polarized consensus-based optimization."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Positive
from ..specs.sweep import Structural, Swept
from ._matrix import transposed
from ._particles import ParticleOptimizer
from .base import norm


class CboPolar(ParticleOptimizer):
    """CBO with a separate consensus for every particle, in which nearby particles have more weight, so that it can find several minima at once:

        c_i = sum_j k_ij w_j x_j / sum_j k_ij w_j,  k_ij = exp(-|x_i - x_j|^2 / (2 kernel^2)),  w_j = exp(-alpha f_j)
        x_i <- x_i - drift dt (x_i - c_i) + sigma sqrt(dt) D(x_i - c_i) xi_i

    In the limit kernel -> infinity it is CBO. Memory grows with particles^2. lr is dt. Source: arXiv:2211.05238.
    """

    kind: Literal["cbo_polar"] = "cbo_polar"
    lr: Swept[Positive] = 0.01
    drift: Swept[NonNegative] = 1.0
    sigma: Swept[NonNegative] = 1.0
    kernel: Swept[Positive] = 1.0
    noise: Structural[Literal["isotropic", "anisotropic"]] = "isotropic"

    source = "arXiv:2211.05238"

    @staticmethod
    def update(x, f, xi, lr, alpha, drift, sigma, kernel, noise):
        size = np.sum(x * x, axis=-1, keepdims=True)
        squares = size + transposed(size) - 2 * np.matmul(x, transposed(x))
        power = -squares / (2 * kernel**2) - alpha * transposed(np.where(np.isfinite(f), f, np.inf))
        w = np.exp(power - np.max(power, axis=-1, keepdims=True))
        away = x - np.matmul(w, np.where(np.isfinite(f), x, 0.0)) / np.sum(w, axis=-1, keepdims=True)
        spread = np.abs(away) if noise == "anisotropic" else norm(away)
        return x - drift * lr * away + sigma * np.sqrt(lr) * spread * xi
