"""Stochastic gradient descent, with momentum."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative, Probability
from ..specs.sweep import Structural, Swept
from .base import ElementwiseOptimizer


class SGD(ElementwiseOptimizer):
    """Gradient descent with momentum: m <- momentum m + (1 - dampening) g;  x <- x - lr m.

    `nesterov` steps by g + momentum m instead of m. As in torch, the first update takes m = g, undampened; dampening has no effect without
    momentum; and `weight_decay` adds to the gradient, g <- g + weight_decay x.
    Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5; the Nesterov form from Sutskever et al. 2013 (PMLR 28:1139).
    """

    kind: Literal["sgd"] = "sgd"
    lr: Swept[NonNegative] = 1e-3
    momentum: Swept[Fraction] = 0.0
    dampening: Swept[Probability] = 0.0
    weight_decay: Swept[NonNegative] = 0.0
    nesterov: Structural[bool] = False

    state = ("m",)
    source = "doi:10.1016/0041-5553(64)90137-5"

    @staticmethod
    def update(x, g, m, t, lr, momentum, dampening, weight_decay, nesterov):
        g = g + weight_decay * x
        damped = np.where(momentum * (t - 1) > 0, dampening, 0 * dampening)
        m = momentum * m + (1 - damped) * g
        if nesterov:
            return x - lr * (g + momentum * m), m
        return x - lr * m, m
