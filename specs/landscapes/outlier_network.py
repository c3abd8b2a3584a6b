"""Outliers with opposing signals as a data set: rare large inputs in pairs of opposite sign, learnt by a network."""

import itertools
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ..base import Count, NonNegative, Positive, Probability
from ..sweep import Structural, Swept, resolved
from ._two_layer import TwoLayer, picked
from .base import Arrays


class OutlierNetwork(TwoLayer):
    r"""f = 1/(2 n) sum_i (y^_i - y_i)^2, y^ = phi(x W1) w2, on inputs (x_b, x_o): x_b ~ N(0, I), x_o = +-a for outliers, else 0.

    The target is strength x_b[0] + kappa |x_o|. A fraction `rarity` of the n `samples` are outliers, in pairs that differ in the sign of
    x_o alone; alpha = rarity a^2. With one hidden unit and activation linear this is `opposing_signals`, sampled: for n -> infinity its
    loss is that one's plus kappa^2 alpha / 2 (derived). The network has no biases. Blocks W1 (signals + 1, hidden), the last row of which
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

    source = "arXiv:2311.04163"

    @property
    def fan(self) -> int:
        return resolved(self.signals) + 1

    @property
    def observable_names(self) -> tuple[str, ...]:
        return ("loss_plus", "loss_minus", "loss_rest")

    @property
    def pairs(self) -> int:
        """Pairs of outliers: they are the first samples, all of one sign and then all of the other."""
        return max(1, round(float(resolved(self.rarity)) * resolved(self.samples) / 2))

    @property
    def disorder_size(self) -> int:
        return resolved(self.samples) * (self.fan - 1)

    @property
    def sample_size(self) -> int:
        return self.fan

    def batch_count(self) -> int:
        return resolved(self.samples)

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        """`signal` (seeds, n, signals), the same for both of a pair, and `sign` (seeds, n, 1) of the outlier."""
        z = normal(self.disorder_size)
        z = z.reshape(len(z), resolved(self.samples), self.fan - 1).copy()
        z[:, self.pairs : 2 * self.pairs] = z[:, : self.pairs]
        sign = np.zeros((*z.shape[:2], 1), z.dtype)
        sign[:, : self.pairs], sign[:, self.pairs : 2 * self.pairs] = 1, -1
        return {"signal": z, "sign": sign}

    def data(self, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        if batch is not None and len(batch.shape) == 3:
            edge, last = NormalDist().inv_cdf(1 - float(resolved(self.rarity)) / 2), batch[None, ..., -1]
            signal, sign = batch[None, ..., :-1], xp.where(xp.abs(last) > edge, xp.sign(last), xp.zeros_like(last))
        else:
            signal, sign = picked(p["signal"], batch, xp), picked(p["sign"], batch, xp)[..., 0]
        alpha, strength, kappa = (xp.asarray(p[name], dtype=signal.dtype)[..., None] for name in ("alpha", "strength", "kappa"))
        outlier = sign * xp.sqrt(alpha / float(resolved(self.rarity)))
        signal = signal + 0 * outlier[..., None]
        return xp.concat([signal, outlier[..., None]], axis=-1), strength * signal[..., 0] + kappa * xp.abs(outlier)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        inputs, targets = self.data(p, xp)
        ends = itertools.pairwise((0, self.pairs, 2 * self.pairs, resolved(self.samples)))
        groups = [(inputs[..., a:b, :], targets[..., a:b]) for a, b in ends]
        return {name: self.loss(x, *group, xp) for name, group in zip(self.observable_names, groups, strict=True)}

    @classmethod
    def example(cls) -> dict[str, Any]:
        """A small valid instance, for tests that need one of every kind."""
        return {"hidden": 3, "signals": 3, "samples": 20, "rarity": 0.2, "alpha": 2.0, "activation": "tanh"}
