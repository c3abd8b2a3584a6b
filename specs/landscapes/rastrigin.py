"""Rastrigin's function, in any dimension."""

from typing import Literal

from ..base import Count, NonNegative
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Rastrigin(FormulaLandscape):
    r"""A bowl with a regular grid of local minima: f(x) = sum_i x_i^2 + a (1 - cos(2 pi x_i)).

    Global minimum 0 at the origin; for a = 10 there is a local minimum near every integer point.
    Source: Rastrigin 1974; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/rastr.html.
    """

    kind: Literal["rastrigin"] = "rastrigin"
    dim: Structural[Count] = 2
    a: Swept[NonNegative] = 10.0

    formula = "sum(x[i]**2 + a*(1 - cos(2*pi*x[i])))"
    source = "https://www.sfu.ca/~ssurjano/rastr.html"
    domain = (-5.12, 5.12)

    def start(self) -> Init:
        return Point(at=2.2)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0)]
