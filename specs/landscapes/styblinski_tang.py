"""Styblinski-Tang: 2^dim minima, one in each orthant."""

from typing import Literal

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum


class StyblinskiTang(FormulaLandscape):
    r"""A double well in each component: f(x) = 1/2 sum_i (x_i^4 - 16 x_i^2 + 5 x_i).

    Global minimum -39.16616570377142 dim at x_i = -2.903534027771177.
    Source: Styblinski and Tang 1990, doi:10.1016/0893-6080(90)90035-K.
    """

    kind: Literal["styblinski_tang"] = "styblinski_tang"
    dim: Structural[Count] = 2

    formula = "sum(x[i]**4 - 16*x[i]**2 + 5*x[i])/2"
    source = "Styblinski and Tang 1990, doi:10.1016/0893-6080(90)90035-K"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=0.5)

    def minima(self, values):
        n = self.components()
        return [Minimum((-2.9035340277711771,) * n, -39.166165703771415 * n)]
