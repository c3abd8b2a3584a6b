"""Adagrad."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class Adagrad(ElementwiseOptimizer):
    """Divides the gradient by the root of the sum of squared gradients: s <- s + g^2;  x <- x - lr_t g / (sqrt(s) + eps).

    lr_t = lr / (1 + (t - 1) lr_decay), and s starts at `initial_accumulator_value`. As in torch, eps is outside the root and
    `weight_decay` adds to the gradient, g <- g + weight_decay x.
    Source: Duchi, Hazan and Singer 2011, jmlr.org/papers/v12/duchi11a.html (the diagonal form).
    """

    kind: Literal["adagrad"] = "adagrad"
    lr: Swept[NonNegative] = 1e-2
    lr_decay: Swept[NonNegative] = 0.0
    initial_accumulator_value: Swept[NonNegative] = 0.0
    eps: Swept[NonNegative] = 1e-10
    weight_decay: Swept[NonNegative] = 0.0

    state = ("s",)
    initial = {"s": "initial_accumulator_value"}
    source = "jmlr.org/papers/v12/duchi11a.html"

    @staticmethod
    def update(x, g, s, t, lr, lr_decay, eps, weight_decay):
        g = g + weight_decay * x
        s = s + g * g
        return x - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps), s
