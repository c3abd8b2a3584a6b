"""Stochastic gradient descent on the sphere."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative
from ..specs.sweep import Swept
from .base import VectorOptimizer, unit


class SphericalSgd(VectorOptimizer):
    """Gradient descent on the unit sphere: x <- Pi(x - lr P g), P = I - x x^T, Pi(y) = y / |y|.

    With `noise: {kind: online}` each step sees new samples, as in online SGD. With an `average` and minibatches it is the
    estimator that arXiv:2603.06028 conjectures to be as good as averaged Langevin dynamics. Source: arXiv:2003.10409 (online SGD).
    """

    kind: Literal["spherical_sgd"] = "spherical_sgd"
    lr: Swept[NonNegative] = 1e-3

    source = "arXiv:2003.10409"

    @staticmethod
    def update(x, g, lr):
        return unit(x - lr * (g - x * np.sum(x * g, axis=-1, keepdims=True)))
