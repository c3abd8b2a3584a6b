"""RMSprop."""

from typing import Literal

import numpy as np

from ..specs.base import Fraction, NonNegative
from ..specs.sweep import Structural, Swept
from .base import ElementwiseOptimizer


class RMSprop(ElementwiseOptimizer):
    """Divides the gradient by its running root mean square: v <- alpha v + (1-alpha) g^2;  b <- momentum b + g / (sqrt(v) + eps);  x <- x - lr b.

    `centered` uses the running variance v - a^2, with a <- alpha a + (1-alpha) g, instead of v; a variance that is negative due to rounding
    counts as 0. As in torch, eps is outside the root, v is not corrected for its initialisation at zero, and `weight_decay` adds to the
    gradient. Source: Tieleman and Hinton 2012, Coursera lecture 6.5; centered: arXiv:1308.0850.
    """

    kind: Literal["rmsprop"] = "rmsprop"
    lr: Swept[NonNegative] = 1e-2
    alpha: Swept[Fraction] = 0.99
    eps: Swept[NonNegative] = 1e-8
    momentum: Swept[Fraction] = 0.0
    weight_decay: Swept[NonNegative] = 0.0
    centered: Structural[bool] = False

    state = ("v", "a", "b")
    source = "arXiv:1308.0850"

    @staticmethod
    def update(x, g, v, a, b, lr, alpha, eps, momentum, weight_decay, centered):
        g = g + weight_decay * x
        v = alpha * v + (1 - alpha) * g * g
        spread = v
        if centered:
            a = alpha * a + (1 - alpha) * g
            spread = np.maximum(v - a * a, 0 * v)
        b = momentum * b + g / (np.sqrt(spread) + eps)
        return x - lr * b, v, a, b
