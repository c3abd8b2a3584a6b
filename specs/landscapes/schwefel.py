"""Schwefel: the second-best minimum is far from the best."""

from typing import Literal

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum


class Schwefel(FormulaLandscape):
    r"""Deep minima far apart: f(x) = 418.9828872724337 dim - sum_i x_i sin(sqrt(|x_i|)), on [-500, 500]^dim.

    There its global minimum is 0 at x_i = 420.96874635998203; f is unbounded below further out, and has a kink at x_i = 0.
    Source: Schwefel 1981, Numerical Optimization of Computer Models.
    """

    kind: Literal["schwefel"] = "schwefel"
    dim: Structural[Count] = 2

    formula = "418.98288727243371*dim - sum(x[i]*sin(sqrt(abs(x[i]))))"
    source = "Schwefel 1981, Numerical Optimization of Computer Models"
    domain = (-500.0, 500.0)

    def start(self) -> Init:
        return Point(at=-250.0)

    def minima(self, values):
        return [Minimum((420.96874635998203,) * self.components(), 0.0)]
