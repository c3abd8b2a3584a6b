"""Stochastic gradient Langevin dynamics."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative
from ..specs.sweep import Swept
from .base import ElementwiseOptimizer


class SGLD(ElementwiseOptimizer):
    """Gradient descent with thermal noise: x <- x - lr g + sqrt(2 lr temperature) xi, with xi standard normal.

    With the exact gradient of f this is the unadjusted Langevin algorithm, which samples exp(-f / temperature) up to a bias of order lr:
    on f = k x^2 / 2 its variance is temperature / (k (1 - lr k / 2)). Welling and Teh write lr / 2 where this rule has lr.
    spherical_langevin has an inverse_temperature e instead. It corresponds to temperature 1/(2 e) by default, and 1/e with `convention: sqrt_2dt`.
    Source: Welling and Teh 2011, ICML, icml.cc/2011/papers/398_icmlpaper.pdf.
    """

    kind: Literal["sgld"] = "sgld"
    lr: Swept[NonNegative] = 1e-3
    temperature: Swept[NonNegative] = 1.0

    source = "icml.cc/2011/papers/398_icmlpaper.pdf"

    @staticmethod
    def update(x, g, xi, lr, temperature):
        return (x - lr * g + np.sqrt(2 * lr * temperature) * xi,)
