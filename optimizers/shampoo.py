"""Shampoo."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Positive, Probability
from ..specs.sweep import Swept
from ._matrix import MatrixOptimizer, powers, transposed


class Shampoo(MatrixOptimizer):
    """Preconditions both sides of a matrix: L <- L + G G^T;  R <- R + G^T G;  M <- beta M + (1 - beta) L^(-1/4) G R^(-1/4);  W <- W - lr M.

    L and R start at eps I. With `decay` < 1 they are moving averages, decay L + (1 - decay) G G^T. AdamW updates the other blocks (`rest`).
    Without momentum and averaging its first step is the polar factor of G (for eps -> 0, derived), the limit that Muon approximates.
    Source: arXiv:1802.09568, Algorithm 1 (beta = 0, decay = 1).
    """

    kind: Literal["shampoo"] = "shampoo"
    lr: Swept[NonNegative] = 0.1
    beta: Swept[Probability] = 0.0
    decay: Swept[Probability] = 1.0
    eps: Swept[Positive] = 1e-4

    state = ("m", "left", "right")
    square = {"left": 0, "right": 1}
    source = "arXiv:1802.09568"

    @staticmethod
    def update(x, g, m, left, right, t, lr, beta, decay, eps):
        old, new = np.where(decay < 1, decay, 1.0), np.where(decay < 1, 1 - decay, 1.0)
        first = np.where(t == 1, eps, 1.0)  # both start at the identity
        left = old * first * left + new * np.matmul(g, transposed(g))
        right = old * first * right + new * np.matmul(transposed(g), g)
        (before,), (after,) = powers(left, -0.25), powers(right, -0.25)
        m = beta * m + (1 - beta) * np.matmul(np.matmul(before, g), after)
        return x - lr * m, m, left, right
