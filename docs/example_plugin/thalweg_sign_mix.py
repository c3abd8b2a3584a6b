"""An optimizer between SGD and signSGD."""

from typing import Literal

import numpy as np
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.base import Fraction, NonNegative, Probability
from thalweg.specs.sweep import Swept


class SignMix(ElementwiseOptimizer):
    """Steps by a mixture of momentum and its sign: m <- beta m + (1 - beta) g;  x <- x - lr ((1 - mix) m + mix sign(m)).

    mix = 0 is SGD with momentum, mix = 1 is Signum. Source: an example.
    """

    kind: Literal["sign_mix"] = "sign_mix"
    lr: Swept[NonNegative] = 0.01
    beta: Swept[Fraction] = 0.9
    mix: Swept[Probability] = 0.5

    state = ("m",)
    source = "an example"

    @staticmethod
    def update(x, g, m, lr, beta, mix):
        m = beta * m + (1 - beta) * g
        return x - lr * ((1 - mix) * m + mix * np.sign(m)), m
