"""Langevin dynamics on the sphere."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative
from ..specs.sweep import Swept
from .base import VectorOptimizer, unit


class SphericalLangevin(VectorOptimizer):
    """Langevin dynamics on the unit sphere: x <- Pi(x - lr inverse_temperature P g + sqrt(lr) P xi), P = I - x x^T, Pi(y) = y / |y|.

    The retraction Pi supplies the drift -(d-1)/2 x of spherical Brownian motion; lr is the time step, lr <= 0.1/d keeps its error small.
    At inverse_temperature 0 the stationary law is uniform on the sphere, E (x.v)^2 = 1/d for a unit vector v (derived). Give it an
    `average` to estimate by the mean iterate. Source: arXiv:2603.06028, Algorithm 1.
    """

    kind: Literal["spherical_langevin"] = "spherical_langevin"
    lr: Swept[NonNegative] = 1e-3
    inverse_temperature: Swept[NonNegative] = 1.0

    source = "arXiv:2603.06028"

    @staticmethod
    def update(x, g, xi, lr, inverse_temperature):
        step = np.sqrt(lr) * xi - lr * inverse_temperature * g
        return unit(x + step - x * np.sum(x * step, axis=-1, keepdims=True))
