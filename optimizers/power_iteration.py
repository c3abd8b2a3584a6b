"""Power iteration."""

from typing import Literal

from ..specs.base import Probability
from ..specs.sweep import Swept
from .base import VectorOptimizer, unit


class PowerIteration(VectorOptimizer):
    """x <- -g / |g|: for f = -<S, x^(k)>, the (tensor) power iteration x <- S[x, ..., x, .] / |S[x, ..., x, .]|.

    `lr` below 1 mixes in the old point, x <- Pi((1 - lr) x - lr g / |g|). For a symmetric matrix (k = 2) it converges to the eigenvector of
    the largest absolute eigenvalue; the tangent of the angle shrinks by |l_2 / l_1| per step. Source: arXiv:1411.1076, section 3 (tensors).
    """

    kind: Literal["power_iteration"] = "power_iteration"
    lr: Swept[Probability] = 1.0

    source = "arXiv:1411.1076"

    @staticmethod
    def update(x, g, lr):
        return unit((1 - lr) * x - lr * unit(g))
