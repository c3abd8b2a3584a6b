"""NAdam."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class NAdam(ElementwiseOptimizer):
    """Adam with Nesterov momentum: x <- x - lr ((1 - mu_t) g / c_t + mu_{t+1} m / c_{t+1}) / (sqrt(v^) + eps).

    m, v and v^ are those of Adam; mu_t = b1 (1 - 0.96^(t momentum_decay) / 2). c_t = 1 - mu_1 mu_2 ... mu_t corrects for the initialisation at
    zero. It is kept as a state in the form c <- mu c + 1 - mu, which starts at 0 and does not lose precision. `weight_decay` adds to the
    gradient, as in torch. Source: Dozat 2016, openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
    """

    kind: Literal["nadam"] = "nadam"
    lr: Swept[NonNegative] = 2e-3
    beta1: Swept[Fraction] = 0.9
    beta2: Swept[Fraction] = 0.999
    eps: Swept[NonNegative] = 1e-8
    momentum_decay: Swept[NonNegative] = 4e-3
    weight_decay: Swept[NonNegative] = 0.0

    state = ("m", "v", "c")
    source = "openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ"

    @staticmethod
    def update(x, g, m, v, c, t, lr, beta1, beta2, eps, momentum_decay, weight_decay):
        g = g + weight_decay * x
        half, next_half = 0.5 * beta1 * 0.96 ** (t * momentum_decay), 0.5 * beta1 * 0.96 ** ((t + 1) * momentum_decay)
        mu, ahead = beta1 - half, beta1 - next_half
        rest, rest_ahead = (1 - beta1) + half, (1 - beta1) + next_half  # 1 - mu, of which no digits are lost
        c = mu * c + rest
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        step = rest * g / c + ahead * m / (ahead * c + rest_ahead)
        return x - lr * step / (np.sqrt(v / (1 - beta2**t)) + eps), m, v, c
