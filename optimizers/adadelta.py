"""Adadelta."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class Adadelta(ElementwiseOptimizer):
    """Steps by d = g sqrt(u + eps) / sqrt(v + eps):  v <- rho v + (1-rho) g^2;  u <- rho u + (1-rho) d^2;  x <- x - lr d.

    d uses u before it is updated. The paper has no learning rate (lr = 1). As in torch, `weight_decay` adds to the gradient,
    g <- g + weight_decay x. Source: arXiv:1212.5701, Algorithm 1.
    """

    kind: Literal["adadelta"] = "adadelta"
    lr: Swept[NonNegative] = 1.0
    rho: Swept[Fraction] = 0.9
    eps: Swept[NonNegative] = 1e-6
    weight_decay: Swept[NonNegative] = 0.0

    state = ("v", "u")
    source = "arXiv:1212.5701"

    @staticmethod
    def update(x, g, v, u, lr, rho, eps, weight_decay):
        g = g + weight_decay * x
        v = rho * v + (1 - rho) * g * g
        d = np.sqrt(u + eps) / np.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d * d
        return x - lr * d, v, u
