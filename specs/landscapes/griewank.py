"""Griewank: a wide bowl with many shallow ripples."""

from typing import Literal

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum


class Griewank(FormulaLandscape):
    r"""A wide bowl, finely rippled: f(x) = 1 + sum_i x_i^2 / 4000 - prod_i cos(x_i / sqrt(i + 1)), i = 0 .. dim - 1.

    Global minimum 0 at the origin.
    Source: Griewank 1981, doi:10.1007/BF00933356.
    """

    kind: Literal["griewank"] = "griewank"
    dim: Structural[Count] = 2

    formula = "1 + sum(x[i]**2)/4000 - prod(cos(x[i]/sqrt(i + 1)))"
    source = "Griewank 1981, doi:10.1007/BF00933356"
    domain = (-600.0, 600.0)

    def start(self) -> Init:
        return Point(at=20.0)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0)]
