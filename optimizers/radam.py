"""RAdam."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class RAdam(ElementwiseOptimizer):
    """Adam with a rectified step size: x <- x - lr r m^ sqrt(1 - b2^t) / (sqrt(v) + eps) if rho > 5, else x <- x - lr m^.

    m, v and m^ are those of Adam; r^2 = (rho-4)(rho-2) rho_inf / ((rho_inf-4)(rho_inf-2) rho), rho_inf = 2/(1-b2) - 1, and
    rho = rho_inf - 2 t b2^t / (1 - b2^t). That difference loses all precision in float32, so rho is computed as 2 q/s - 1, which is equal to it, from
    s = sum_{j<t} b2^j and q = sum_{j<t} (j+1) b2^j. As in torch, eps is added to sqrt(v) and `weight_decay` adds to the gradient.
    Source: arXiv:1908.03265, Algorithm 2 (whose threshold is 4).
    """

    kind: Literal["radam"] = "radam"
    lr: Swept[NonNegative] = 1e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-8
    weight_decay: Swept[NonNegative] = 0.0

    state = ("m", "v", "s", "q")
    source = "arXiv:1908.03265"

    @staticmethod
    def update(x, g, m, v, s, q, t, lr, beta1, beta2, eps, weight_decay):
        g = g + weight_decay * x
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        s = beta2 * s + 1
        q = beta2 * q + s
        mhat = m / (1 - beta1**t)
        rho = 2 * q / s - 1
        safe = np.maximum(rho, 5.0)
        limit = np.maximum(2 / (1 - beta2) - 1, 5.0)
        r = np.sqrt((safe - 4) / (limit - 4) * ((safe - 2) / (limit - 2)) * (limit / safe))
        adaptive = r * np.sqrt(1 - beta2**t) / (np.sqrt(v) + eps)
        return x - lr * mhat * np.where(rho > 5, adaptive, 1 + 0 * rho), m, v, s, q
