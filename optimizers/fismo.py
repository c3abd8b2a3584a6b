"""FISMO."""

from typing import Literal

import numpy as np

from ..specs.base import NonNegative, Probability
from ..specs.sweep import Structural, Swept
from ._matrix import MatrixOptimizer, newton_schulz, polar, powers, transposed


class Fismo(MatrixOptimizer):
    """Muon in the geometry of a Kronecker-factored Fisher matrix: W <- W - lr P^(-1/2) Polar(M) Q^(-1/2).

    For W in R^(m x n), with P = Q = I at the start, and sym(A) = (A + A^T)/2:

        L = G Q^-1 G^T / n + mu tr(P)/m I;   P~ = gamma P + (1 - gamma) L;   P <- sym(m P~ / tr P~)
        R = G^T P^-1 G / m + mu tr(Q)/n I;   Q~ = gamma Q + (1 - gamma) R;   Q <- sym(n Q~ / tr Q~)
        M <- beta M + (1 - beta) P^(-1/2) G Q^(-1/2)

    Polar maps directions in which M is 0 to 0 (_matrix.polar). With gamma = 1 it is Muon (without Nesterov momentum, `scale: none`, the same
    `method`). Source: arXiv:2601.21750, Algorithm 1; the initial values of P, Q, M are not stated there; the identity makes the traces right from
    the first step.
    """

    kind: Literal["fismo"] = "fismo"
    lr: Swept[NonNegative] = 0.02
    beta: Swept[Probability] = 0.9
    gamma: Swept[Probability] = 0.95
    mu: Swept[NonNegative] = 1e-2
    method: Structural[Literal["polar", "newton_schulz"]] = "polar"

    state = ("m", "p", "q")
    square = {"p": 0, "q": 1}
    source = "arXiv:2601.21750"

    @staticmethod
    def update(x, g, m, p, q, lr, beta, gamma, mu, method):
        rows, cols = x.shape[-2:]
        (inverse,) = powers(q, -1.0)
        p = _factor(p, np.matmul(np.matmul(g, inverse), transposed(g)) / cols, rows, gamma, mu)
        inverse, left = powers(p, -1.0, -0.5)
        q = _factor(q, np.matmul(np.matmul(transposed(g), inverse), g) / rows, cols, gamma, mu)
        (right,) = powers(q, -0.5)
        m = beta * m + (1 - beta) * np.matmul(np.matmul(left, g), right)
        o = polar(m) if method == "polar" else newton_schulz(m, 5)
        return x - lr * np.matmul(np.matmul(left, o), right), m, p, q


def _factor(old, seen, size, gamma, mu):
    """The next P (or Q): the damped moving average, its trace brought back to `size`, made exactly symmetric; the old one if that is 0."""
    identity = np.eye(size, dtype=old.dtype)
    new = gamma * old + (1 - gamma) * (seen + mu * _trace(old) / size * identity)
    trace = _trace(new)
    new = np.where(trace > 0, size * new / np.where(trace > 0, trace, 1.0), old)
    return (new + transposed(new)) / 2


def _trace(a):
    return np.sum(a * np.eye(a.shape[-1], dtype=a.dtype), axis=(-2, -1), keepdims=True)
