"""Signum."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class Signum(ElementwiseOptimizer):
    """Steps by the sign of a running mean of the gradient: m <- beta m + (1-beta) g;  x <- x - lr sign(m).

    beta = 0 is signSGD. Every component moves by exactly lr, or stays where m = 0. Source: arXiv:1802.04434, Algorithm 2.
    """

    kind: Literal["signum"] = "signum"
    lr: Swept[NonNegative] = 1e-4
    beta: Swept[Fraction] = 0.9

    state = ("m",)
    source = "arXiv:1802.04434"

    @staticmethod
    def update(x, g, m, lr, beta):
        m = beta * m + (1 - beta) * g
        return x - lr * np.sign(m), m
