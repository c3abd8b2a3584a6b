"""Ackley: a nearly flat outer region around one deep funnel."""

from typing import Literal

from ..base import Count, Positive
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Ackley(FormulaLandscape):
    r"""A funnel in a rippled plain: f(x) = -a exp(-b sqrt(sum_i x_i^2 / dim)) - exp(sum_i cos(c x_i) / dim) + a + e.

    Global minimum 0 at the origin, where f has a kink: the gradient exists everywhere else.
    Source: Ackley 1987, doi:10.1007/978-1-4613-1997-9.
    """

    kind: Literal["ackley"] = "ackley"
    dim: Structural[Count] = 2
    a: Swept[Positive] = 20.0
    b: Swept[Positive] = 0.2
    c: Swept[Positive] = 6.283185307179586

    formula = "-a*exp(-b*sqrt(sum(x[i]**2)/dim)) - exp(sum(cos(c*x[i]))/dim) + a + e"
    source = "Ackley 1987, doi:10.1007/978-1-4613-1997-9"
    domain = (-32.768, 32.768)

    def start(self) -> Init:
        return Point(at=5.3)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0, smooth=False)]
