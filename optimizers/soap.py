"""SOAP."""

from typing import Literal

import numpy as np

from ..specs.base import Count, Fraction, NonNegative, Positive
from ..specs.sweep import Structural, Swept
from ._matrix import MatrixOptimizer, renewed_eigenvectors, transposed


class Soap(MatrixOptimizer):
    """Adam in the eigenbasis of Shampoo's preconditioners: with G' = Q_L^T G Q_R, M <- beta1 M + (1 - beta1) G,

        V <- beta2 V + (1 - beta2) G' * G';   W <- (1 - lr wd) W - lr Q_L [ M'/(1 - beta1^t) / (sqrt(V/(1 - beta2^t)) + eps) ] Q_R^T,
        L <- shampoo_beta L + (1 - shampoo_beta) G G^T, R likewise of G^T G.

    Q_L and Q_R are the eigenvectors of L and R, computed anew at updates 1, 1 + `frequency`, ... The paper's code instead tracks them with one
    step of QR iteration, and skips its first update. For non-square matrices, `frequency` above 1 is ill-posed: the larger of L and R is singular
    at first, and the eigenvectors in its null space are arbitrary. Until the next refresh the gradient moves into those that the eigensolver
    returned, so the trajectory depends on rounding, precision and the library. AdamW updates the other blocks (`rest`). Source: arXiv:2409.11321,
    Algorithm 3.
    """

    kind: Literal["soap"] = "soap"
    lr: Swept[NonNegative] = 3e-3
    beta1: Swept[Fraction] = 0.95
    beta2: Swept[Fraction] = 0.95
    shampoo_beta: Swept[Fraction] = 0.95
    eps: Swept[Positive] = 1e-8
    weight_decay: Swept[NonNegative] = 0.0
    frequency: Structural[Count] = 10

    state = ("m", "v", "left", "right", "ql", "qr")
    square = {"left": 0, "right": 1, "ql": 0, "qr": 1}
    source = "arXiv:2409.11321"

    @staticmethod
    def update(x, g, m, v, left, right, ql, qr, t, lr, beta1, beta2, shampoo_beta, eps, weight_decay, frequency):
        keep = np.where(t == 1, 0.0, shampoo_beta)  # L and R start at the identity, which does not count
        left = keep * left + (1 - shampoo_beta) * np.matmul(g, transposed(g))
        right = keep * right + (1 - shampoo_beta) * np.matmul(transposed(g), g)
        due = (t - 1) % frequency == 0
        ql, qr = renewed_eigenvectors(left, ql, due), renewed_eigenvectors(right, qr, due)
        m = beta1 * m + (1 - beta1) * g
        turned = np.matmul(np.matmul(transposed(ql), g), qr)
        v = beta2 * v + (1 - beta2) * turned * turned
        step = np.matmul(np.matmul(transposed(ql), m), qr) / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        x = (1 - lr * weight_decay) * x - lr * np.matmul(np.matmul(ql, step), transposed(qr))
        return x, m, v, left, right, ql, qr
