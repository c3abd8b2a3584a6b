"""Muon."""

from typing import Literal

from ..specs.base import Count, Fraction, NonNegative
from ..specs.sweep import Structural, Swept
from ._matrix import MatrixOptimizer, newton_schulz, polar


class Muon(MatrixOptimizer):
    """Orthogonalised momentum: M <- beta M + (1 - beta) G;  U = beta M + (1 - beta) G if nesterov else M;  W <- (1 - lr wd) W - lr s O(U).

    `method` newton_schulz: O is `ns_steps` steps of Jordan's iteration, whose singular values lie near 1; polar: exactly the polar
    factor. `scale` original: s = sqrt(max(1, rows / cols)); match_rms: 0.2 sqrt(max(rows, cols)), the size of Adam's step; none: 1.
    `bias_correction` divides M by 1 - beta^t first, which changes nothing but Nesterov's mixture. Other blocks go by AdamW, `rest`.
    Source: https://kellerjordan.github.io/posts/muon/; match_rms: arXiv:2502.16982.
    """

    kind: Literal["muon"] = "muon"
    lr: Swept[NonNegative] = 0.02
    beta: Swept[Fraction] = 0.95
    weight_decay: Swept[NonNegative] = 0.0
    nesterov: Structural[bool] = True
    bias_correction: Structural[bool] = False
    method: Structural[Literal["newton_schulz", "polar"]] = "newton_schulz"
    ns_steps: Structural[Count] = 5
    scale: Structural[Literal["original", "match_rms", "none"]] = "original"

    state = ("m",)
    source = "https://kellerjordan.github.io/posts/muon/"

    @staticmethod
    def update(x, g, m, t, lr, beta, weight_decay, nesterov, bias_correction, method, ns_steps, scale):
        m = beta * m + (1 - beta) * g
        u = m
        if bias_correction:
            u = m / (1 - beta**t)
        if nesterov:
            u = beta * u + (1 - beta) * g
        o = polar(u) if method == "polar" else newton_schulz(u, ns_steps)
        rows, cols = x.shape[-2:]
        sizes = {"original": max(1, rows / cols) ** 0.5, "match_rms": 0.2 * max(rows, cols) ** 0.5, "none": 1.0}
        return (1 - lr * weight_decay) * x - lr * sizes[scale] * o, m
