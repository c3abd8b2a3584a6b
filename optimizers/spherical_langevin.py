"""Langevin dynamics on the sphere."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative
from ..specs.sweep import Structural, Swept
from .base import VectorOptimizer, unit


class SphericalLangevin(VectorOptimizer):
    """Langevin dynamics on the unit sphere: x <- Pi(x - lr inverse_temperature P g + sqrt(lr) P xi), P = I - x x^T, Pi(y) = y / |y|.

    With `convention` sqrt_dt, that of the source, the noise is sqrt(lr) xi, and an inverse_temperature e samples exp(-2 e f), which is
    the distribution of sgld at temperature 1/(2 e). With sqrt_2dt, the noise is sqrt(2 lr) xi, and e samples exp(-e f), that of sgld at
    temperature 1/e. The retraction Pi supplies the drift -(d-1)/2 x of spherical Brownian motion, or twice that with sqrt_2dt. lr is the time
    step; lr <= 0.1/d keeps the error small. At inverse_temperature 0 the stationary law is uniform on the sphere, E (x.v)^2 = 1/d for a unit
    vector v (derived). To estimate by the mean iterate, set `average`. Source: arXiv:2603.06028, Algorithm 1.
    """

    kind: Literal["spherical_langevin"] = "spherical_langevin"
    lr: Swept[NonNegative] = 1e-3
    inverse_temperature: Swept[NonNegative] = 1.0
    convention: Structural[Literal["sqrt_dt", "sqrt_2dt"]] = "sqrt_dt"

    source = "arXiv:2603.06028"

    @staticmethod
    def update(x, g, xi, lr, inverse_temperature, convention):
        time = 2 * lr if convention == "sqrt_2dt" else lr
        step = np.sqrt(time) * xi - lr * inverse_temperature * g
        return unit(x + step - x * np.sum(x * step, axis=-1, keepdims=True))
