"""Curl descent."""

import itertools
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..specs.base import NonNegative, Probability
from ..specs.sweep import Structural, Swept, values_of
from .base import VectorOptimizer


class CurlDescent(VectorOptimizer):
    """Gradient descent with the sign of some neurons' plasticity flipped: x <- x - lr D g, D diagonal with entries +-1.

    `side` presynaptic: `hidden_flips` is the fraction of the rows of the first matrix (synapses that leave the flipped inputs),
    `readout_flips` of those of the last; postsynaptic: of their columns (synapses that reach the flipped neurons). The first are flipped. With `preserve_norm` every block is then brought back to its initial Frobenius norm. As soon as
    signs mix this is the gradient of no function: the field's Jacobian -D H is symmetric only if D commutes with the Hessian H (derived).
    Source: arXiv:2510.02765 ('col' and 'row' flips of its code).
    """

    kind: Literal["curl_descent"] = "curl_descent"
    lr: Swept[NonNegative] = 0.1
    hidden_flips: Structural[Probability] = 0.0
    readout_flips: Structural[Probability] = 0.0
    side: Structural[Literal["presynaptic", "postsynaptic"]] = "presynaptic"
    preserve_norm: Structural[bool] = False

    state = ("size",)
    source = "arXiv:2510.02765"

    def unfit(self, blocks: Mapping[str, tuple[int, ...]]) -> str | None:
        matrices = sum(len(shape) == 2 for shape in blocks.values())
        given = [name for name in ("hidden_flips", "readout_flips") if getattr(self, name) != 0]
        if given and not matrices:
            return f"{' and '.join(given)} flip rows of a matrix; use a landscape with one, or leave them at 0 for gradient descent"
        if len(given) == 2 and matrices == 1:
            return "its one matrix is the first and the last; give hidden_flips or readout_flips, not both"
        return None

    def remarks(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
        matrices, made = [shape for shape in blocks.values() if len(shape) == 2], {}
        for name, k in (("hidden_flips", 0), ("readout_flips", -1)) if matrices else ():
            of, fractions = matrices[k][self.side != "presynaptic"], values_of(getattr(self, name))
            if any(fractions):
                made[name] = f"{', '.join(str(flips(fraction, of)) for fraction in fractions)} of {of}"
        return made

    def constants(self, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """`sign`, the diagonal of D, and `segments` (blocks, dim), 1 where a component belongs to a block."""
        parts = [np.ones(shape) for shape in blocks.values()]
        matrices = [part for part in parts if part.ndim == 2]
        for part, fraction in ((matrices[0], self.hidden_flips), (matrices[-1], self.readout_flips)) if matrices else ():
            flipped = part if self.side == "presynaptic" else part.T
            flipped[: flips(fraction, len(flipped))] *= -1
        ends = np.cumsum([0, *map(math.prod, blocks.values())])
        at = np.arange(ends[-1])
        segments = [(at >= low) & (at < high) for low, high in itertools.pairwise(ends)]
        return {"sign": np.concatenate([part.reshape(-1) for part in parts]), "segments": np.array(segments, dtype=float)}

    @staticmethod
    def update(x, g, size, t, lr, sign, segments, preserve_norm):
        new = x - lr * sign * g
        if preserve_norm:
            size = np.where(t == 1, _norms(x, segments), size)
            new = new * size / _norms(new, segments)
        return new, size


def flips(fraction: Any, rows: int) -> int:
    """How many of so many rows are flipped."""
    return round(float(fraction) * rows)


def _norms(x, segments):
    """The norm of the block each component belongs to."""
    size = np.matmul(np.max(np.abs(x)[..., None, :] * segments, axis=-1), segments)
    x = x / np.where((size > 0) & np.isfinite(size), size, 1.0)
    return size * np.sqrt(np.matmul(np.matmul(x * x, segments.T), segments))
