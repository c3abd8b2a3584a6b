"""A noisy canyon with an obstacle, the picture of consensus-based optimization's paper."""

from typing import Literal

from ..base import NonNegative
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape, Minimum


class Canyon(FormulaLandscape):
    r"""A curved canyon full of local minima, blocked by a wall: with v = y - ((x - 1)(x - 4)^2/8 + 2) and q = -x - 1.6 y,

        f = 25 (1 - exp(-1.4 v^2 e^(-0.002 x^4))) + 0.4 x^2 + 0.2 y^2 + A (2 - cos(0.75 pi x) - cos(0.75 pi y))
            + 4 exp(1 - 2 v^4) max(0, (1 - exp(-9 q^2)) sign q)

    A is `ripples`: 1.1625 in the paper's figures and 0.25 in its smooth variant. Global minimum 0 at 0 on [-2, 8]^2. The paper's runs start
    at (8, 8). Source: arXiv:2306.09778, code KonstantinRiedl/CBOGlobalConvergenceAnalysis (GrandCanyon3noisy, GrandCanyon3).
    """

    kind: Literal["canyon"] = "canyon"
    ripples: Swept[NonNegative] = 1.1625

    variables = ("x", "y")
    define = {"v": "y - ((x - 1)*(x - 4)**2/8 + 2)", "q": "-x - 1.6*y"}
    formula = (
        "25*(1 - exp(-1.4*v**2*exp(-0.002*x**4))) + 0.4*x**2 + 0.2*y**2 + ripples*(2 - cos(0.75*pi*x) - cos(0.75*pi*y))"
        " + 4*exp(1 - 2*v**4)*max(0, (1 - exp(-9*q**2))*sign(q))"
    )
    source = "arXiv:2306.09778"
    domain = (-2.0, 8.0)

    def start(self) -> Init:
        return Point(at=8.0)

    def minima(self, values):
        return [Minimum((0.0, 0.0), 0.0, smooth=False)]
