"""AdamW."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class AdamW(ElementwiseOptimizer):
    """Adam with decoupled weight decay: x <- (1 - lr weight_decay) x - lr m^ / (sqrt(v^) + eps).

    m^ and v^ are Adam's corrected moments of the gradient without the decay. The decay is multiplied by the scheduled learning rate, as
    in torch; the paper multiplies it only by the factor of the schedule. Source: arXiv:1711.05101, Algorithm 2.
    """

    kind: Literal["adamw"] = "adamw"
    lr: Swept[NonNegative] = 1e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-8
    weight_decay: Swept[NonNegative] = 0.01

    state = ("m", "v")
    source = "arXiv:1711.05101"

    @staticmethod
    def update(x, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        mhat = m / (1 - beta1**t)
        vhat = v / (1 - beta2**t)
        return (1 - lr * weight_decay) * x - lr * mhat / (np.sqrt(vhat) + eps), m, v
