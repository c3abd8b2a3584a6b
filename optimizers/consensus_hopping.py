"""Consensus hopping."""

from typing import Literal

from ..specs.base import Positive
from ..specs.sweep import Swept
from ._particles import ParticleOptimizer, consensus


class ConsensusHopping(ParticleOptimizer):
    """A derivative-free relaxation of gradient descent: y_j = c + lr xi_j around the consensus c, then c is the consensus of the y_j.

    lr is the hop size s. For N -> infinity and f = x^T A x / 2 a hop is implicit gradient descent, c <- (I + alpha s^2 A)^-1 c (derived,
    exact); for smooth f and small alpha s^2, a gradient step of that size. Weights degenerate where |c - prox| / s is above about 3.
    Source: arXiv:2306.09778.
    """

    kind: Literal["consensus_hopping"] = "consensus_hopping"
    lr: Swept[Positive] = 0.5

    needs_spread_start = False
    source = "arXiv:2306.09778"

    @staticmethod
    def update(x, f, xi, lr, alpha):
        return consensus(x, f, alpha) + lr * xi
