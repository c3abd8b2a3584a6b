"""The Styblinski-Tang function, in any dimension."""

from typing import Literal

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum

DEEP, SHALLOW = (-2.9035340277711770951, -39.166165703771415464), (2.7468027709908369925, -25.029446655283942607)


class StyblinskiTang(FormulaLandscape):
    r"""A double well along every axis: f(x) = 1/2 sum_i x_i^4 - 16 x_i^2 + 5 x_i.

    Global minimum -39.1661657 dim at (-2.9035340, ...); every other choice of -2.9035340 or 2.7468028 for each component is a local minimum.
    Source: Styblinski and Tang 1990, doi:10.1016/0893-6080(90)90029-K; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/stybtang.html.
    """

    kind: Literal["styblinski_tang"] = "styblinski_tang"
    dim: Structural[Count] = 2

    formula = "sum(x[i]**4 - 16*x[i]**2 + 5*x[i])/2"
    source = "doi:10.1016/0893-6080(90)90029-K"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=0.5)

    def minima(self, values):
        n = self.components()
        return [Minimum((x,) * n, n * f, local) for (x, f), local in ((DEEP, False), (SHALLOW, True))]
