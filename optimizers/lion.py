"""Lion."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class Lion(ElementwiseOptimizer):
    """Steps by the sign of an interpolated momentum: x <- x - lr (sign(b1 m + (1-b1) g) + weight_decay x);  m <- b2 m + (1-b2) g.

    The sign uses m before it is updated; sign(0) = 0; the weight decay is decoupled. Source: arXiv:2302.06675, Algorithm 2.
    """

    kind: Literal["lion"] = "lion"
    lr: Swept[NonNegative] = 1e-4
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.99
    weight_decay: Swept[NonNegative] = 0.0

    state = ("m",)
    source = "arXiv:2302.06675"

    @staticmethod
    def update(x, g, m, lr, beta1, beta2, weight_decay):
        step = np.sign(beta1 * m + (1 - beta1) * g) + weight_decay * x
        m = beta2 * m + (1 - beta2) * g
        return x - lr * step, m
