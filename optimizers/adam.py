"""Adam."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class Adam(ElementwiseOptimizer):
    """Steps by the ratio of running moments: m <- b1 m + (1-b1) g;  v <- b2 v + (1-b2) g^2;  x <- x - lr m^ / (sqrt(v^) + eps).

    Both moments are corrected for their initialisation at zero: m^ = m / (1 - b1^t), v^ = v / (1 - b2^t). `weight_decay` adds to the gradient,
    g <- g + weight_decay x, as in torch; for decoupled decay see adamw. Source: arXiv:1412.6980, Algorithm 1.
    """

    kind: Literal["adam"] = "adam"
    lr: Swept[NonNegative] = 1e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-8
    weight_decay: Swept[NonNegative] = 0.0

    state = ("m", "v")
    source = "arXiv:1412.6980"

    @staticmethod
    def update(x, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
        g = g + weight_decay * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        mhat = m / (1 - beta1**t)
        vhat = v / (1 - beta2**t)
        return x - lr * mhat / (np.sqrt(vhat) + eps), m, v
