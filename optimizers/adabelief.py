"""AdaBelief."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class AdaBelief(ElementwiseOptimizer):
    """Adam scaled by the gradient's surprise: v <- b2 v + (1-b2) (g - m)^2 + eps_root;  x <- x - lr m^ / (sqrt(v^) + eps).

    m, m^ and v^ are those of Adam, and m is updated before the surprise g - m is computed. eps_root is added to v at every update, as in optax
    and in the paper, which uses the same eps in both places. Source: arXiv:2010.07468, Algorithm 2.
    """

    kind: Literal["adabelief"] = "adabelief"
    lr: Swept[NonNegative] = 1e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-16
    eps_root: Swept[NonNegative] = 1e-16

    state = ("m", "v")
    source = "arXiv:2010.07468"

    @staticmethod
    def update(x, g, m, v, t, lr, beta1, beta2, eps, eps_root):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g - m) * (g - m) + eps_root
        mhat = m / (1 - beta1**t)
        vhat = v / (1 - beta2**t)
        return x - lr * mhat / (np.sqrt(vhat) + eps), m, v
