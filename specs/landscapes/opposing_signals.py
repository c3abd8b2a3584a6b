"""Outliers with opposing signals: a two-layer linear network whose outlier direction sharpens as it learns."""

from typing import Annotated, Literal

from pydantic import Field

from ..base import Count, NonNegative, Positive, Probability
from ..init import Init, Point
from ..sweep import Structural, Swept, resolved
from .base import FormulaLandscape


class OpposingSignals(FormulaLandscape):
    r"""Population loss of f(x) = c (b.x_b + o u.x_o) on data with rare, large outliers of two signs; x_b ~ N(0, I), x_o = +-a u or 0.

    The target is strength x_b[0] + kappa |u.x_o|; an outlier occurs with probability `rarity`, and alpha = rarity a^2. Then exactly (derived)

        loss = 1/2 |c b - strength e_0|^2 + alpha/2 c^2 o^2     (+ kappa^2 alpha / 2, a constant that is left out)

    Components: b (`signals` of them), o, c. Observables: sharpness = alpha c^2 (curvature along o), outlier = c o, and the losses of the
    two groups of outliers, loss_plus and loss_minus = 1/2 |c b - strength e_0|^2 + a^2/2 (c o -+ kappa)^2: their difference is linear in
    c o (they oppose each other), their mean quadratic (a valley). Under gradient flow Q = c^2 - |b|^2 - o^2 is constant, and progressive
    sharpening ends at alpha (Q + sqrt(Q^2 + 4 strength^2)) / 2. If that is above 2/h, gradient descent with learning rate h crosses 2/h
    and returns below it in a spike. Source: after arXiv:2311.04163; the closed forms are derived.
    """

    kind: Literal["opposing_signals"] = "opposing_signals"
    signals: Structural[Annotated[Count, Field(ge=2, le=10_000)]] = 10
    strength: Swept[Positive] = 4.0
    alpha: Swept[Positive] = 50.0
    kappa: Swept[NonNegative] = 0.5
    rarity: Swept[Annotated[Probability, Field(gt=0)]] = 0.01

    define = {
        "misfit": "((x[-1]*x[0] - strength)**2 + sum((x[-1]*x[i])**2, 1, dim - 2))/2",
        "c": "x[-1]",
        "o": "x[-2]",
    }
    formula = "misfit + alpha/2*c**2*o**2"
    observables = {
        "sharpness": "alpha*c**2",
        "outlier": "c*o",
        "loss_plus": "misfit + alpha/rarity/2*(c*o - kappa)**2",
        "loss_minus": "misfit + alpha/rarity/2*(c*o + kappa)**2",
    }
    source = "arXiv:2311.04163"

    def components(self) -> int:
        return resolved(self.signals) + 2

    def start(self) -> Init:
        """b even, |b|^2 = 0.91, o = 0.3, c = 0: Q = -1."""
        signals = self.components() - 2
        return Point(at=(*((0.91 / signals) ** 0.5,) * signals, 0.3, 0.0))
