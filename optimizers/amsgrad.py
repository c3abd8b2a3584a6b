"""AMSGrad."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class AMSGrad(ElementwiseOptimizer):
    """Adam whose second moment never shrinks: u <- max(u, v);  x <- x - lr m^ / (sqrt(u / (1 - b2^t)) + eps).

    m, v and m^ are those of Adam. As in torch, the maximum is taken before the correction for the initialisation at zero (the paper corrects neither
    moment), and `weight_decay` adds to the gradient. Source: arXiv:1904.09237, Algorithm 2.
    """

    kind: Literal["amsgrad"] = "amsgrad"
    lr: Swept[NonNegative] = 1e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-8
    weight_decay: Swept[NonNegative] = 0.0

    state = ("m", "v", "u")
    source = "arXiv:1904.09237"

    @staticmethod
    def update(x, g, m, v, u, t, lr, beta1, beta2, eps, weight_decay):
        g = g + weight_decay * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        u = np.maximum(u, v)
        mhat = m / (1 - beta1**t)
        uhat = u / (1 - beta2**t)
        return x - lr * mhat / (np.sqrt(uhat) + eps), m, v, u
