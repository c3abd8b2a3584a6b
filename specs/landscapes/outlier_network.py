"""Outliers with opposing signals as a data set: rare large inputs in pairs of opposite sign, learnt by a network."""

import dataclasses
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, NonNegative, Positive, Probability
from ..init import FanIn, Init
from ..sweep import Structural, Swept, resolved
from ._program import Drawn, TensorFormula
from ._tensor_landscape import ACTIVATIONS, TensorLandscape
from .base import Arrays


class OutlierNetwork(TensorLandscape):
    r"""f = 1/(2 n) sum_i (y^_i - y_i)^2, y^ = phi(x W1) w2, on inputs (x_b, x_o): x_b ~ N(0, I), x_o = +-a for outliers, else 0.

    The target is strength x_b[0] + kappa |x_o|. A fraction `rarity` of the n `samples` are outliers, in pairs that differ only in the sign of
    x_o; alpha = rarity a^2. With one hidden unit and linear activation this is a sampled version of `opposing_signals`: for n -> infinity its
    loss is the loss there plus kappa^2 alpha / 2 (derived). The network has no biases. Blocks W1 (signals + 1, hidden), the last row of which
    belongs to x_o, and w2 (hidden, 1). Observables: loss_plus, loss_minus, loss_rest of the three groups (1/2 mean squared error each).
    Source: after arXiv:2311.04163.
    """

    kind: Literal["outlier_network"] = "outlier_network"
    hidden: Structural[Count] = 1
    activation: Structural[Literal["linear", "tanh", "relu", "sigmoid"]] = "linear"
    signals: Structural[Count] = 10
    samples: Structural[Annotated[Count, Field(ge=2)]] = 1000
    strength: Swept[Positive] = 4.0
    alpha: Swept[Positive] = 50.0
    kappa: Swept[NonNegative] = 0.5
    rarity: Structural[Annotated[Probability, Field(gt=0, lt=1)]] = 0.02

    variables = {"W1": ("signals + 1", "hidden"), "w2": ("hidden", 1)}
    drawn = {"signal": Drawn(("n", "signals")), "side": Drawn(("n",))}
    define = {
        "outlier": "side * sqrt(alpha / rarity)",
        "x": "concat(signal, reshape(outlier, [n, 1]), axis=1)",
        "y": "strength*signal[:, 0] + kappa*abs(outlier)",
        "error": "reshape(phi(x @ W1) @ w2, [n]) - y",
    }
    formula = "mean(error**2)/2"
    observables = {
        "loss_plus": "sum(error[:pairs]**2) / (2*pairs)",
        "loss_minus": "sum(error[pairs:2*pairs]**2) / (2*pairs)",
        "loss_rest": "sum(error[2*pairs:]**2) / (2*(n - 2*pairs))",
    }
    source = "arXiv:2311.04163"

    def definition(self) -> TensorFormula:
        made = super().definition()
        return dataclasses.replace(
            made,
            sizes={**made.sizes, "n": resolved(self.samples), "pairs": self.pairs},
            define={**made.define, "phi(z)": ACTIVATIONS[resolved(self.activation)]},
            fresh=self.drawn,
            residuals="error / sqrt(n)",
        )

    def start(self) -> Init:
        return FanIn()

    @property
    def pairs(self) -> int:
        """Pairs of outliers: they are the first samples, all of one sign and then all of the other."""
        return max(1, round(float(resolved(self.rarity)) * resolved(self.samples) / 2))

    @property
    def disorder_size(self) -> int:
        return resolved(self.samples) * resolved(self.signals)

    @property
    def sample_size(self) -> int:
        return resolved(self.signals) + 1

    def batch_count(self) -> int:
        return resolved(self.samples)

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`signal` (seeds, n, signals), the same for both of a pair, and `side` (seeds, n), the outlier's sign."""
        z = normal(self.disorder_size)
        z = z.reshape(len(z), resolved(self.samples), resolved(self.signals)).copy()
        z[:, self.pairs : 2 * self.pairs] = z[:, : self.pairs]
        side = np.zeros(z.shape[:2], z.dtype)
        side[:, : self.pairs], side[:, self.pairs : 2 * self.pairs] = 1, -1
        return {"signal": z, "side": side}

    def fresh(self, normal: Any, xp: Any) -> Arrays:
        edge, last = NormalDist().inv_cdf(1 - float(resolved(self.rarity)) / 2), normal[None, ..., -1]
        return {"signal": normal[None, ..., :-1], "side": xp.where(xp.abs(last) > edge, xp.sign(last), xp.zeros_like(last))}

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"hidden": 3, "signals": 3, "samples": 20, "rarity": 0.2, "alpha": 2.0, "activation": "tanh"}
