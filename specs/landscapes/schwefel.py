"""Schwefel's function 2.26, in any dimension."""

from typing import Literal

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum

AT = 420.9687463599820273118


class Schwefel(FormulaLandscape):
    r"""A deceptive landscape, whose best valley is far from the second best: f(x) = 418.982887 dim - sum_i x_i sin(sqrt|x_i|).

    Global minimum 0 at (420.9687464, ...) within the usual domain [-500, 500]; unbounded below outside. The constant is given with all digits
    (418.9829 in the literature). |x| + 1e-30 is under the root, so that the gradient at 0 is 0 instead of 0/0.
    Source: Schwefel 1981, Numerical Optimization of Computer Models, Wiley; Surjanovic and Bingham,
    https://www.sfu.ca/~ssurjano/schwef.html.
    """

    kind: Literal["schwefel"] = "schwefel"
    dim: Structural[Count] = 2

    formula = "418.9828872724337062748*dim - sum(x[i]*sin(sqrt(abs(x[i]) + 1e-30)))"
    source = "https://www.sfu.ca/~ssurjano/schwef.html"
    domain = (-500.0, 500.0)

    def start(self) -> Init:
        return Point(at=100.0)

    def minima(self, values):
        return [Minimum((AT,) * self.components(), 0.0)]
