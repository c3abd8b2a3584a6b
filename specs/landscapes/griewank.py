"""Griewank's function, in any dimension."""

from typing import Literal

from ..base import Count, Positive
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Griewank(FormulaLandscape):
    r"""A wide bowl under a ripple that couples all components: f(x) = |x|^2 / scale - prod_i cos(x_i / sqrt(i)) + 1, i = 1 .. dim.

    Global minimum 0 at the origin, many local minima.
    Source: Griewank 1981, doi:10.1007/BF00933356; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/griewank.html.
    """

    kind: Literal["griewank"] = "griewank"
    dim: Structural[Count] = 2
    scale: Swept[Positive] = 4000.0

    formula = "sum(x[i]**2)/scale - prod(cos(x[i]/sqrt(i + 1))) + 1"
    source = "doi:10.1007/BF00933356"
    domain = (-600.0, 600.0)

    def start(self) -> Init:
        return Point(at=100.0)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0)]
