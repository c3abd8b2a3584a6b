"""Levy's function, in any dimension from two."""

from typing import Annotated, Literal

from pydantic import Field

from ..base import Count, NonNegative
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Levy(FormulaLandscape):
    r"""Ripples along every axis, n = dim: f(x) = sin^2(pi w_1) + sum_{i<n} u_i^2 (1 + a sin^2(pi w_i + 1)) + u_n^2 (1 + sin^2(2 pi w_n)).

    u_i = (x_i - 1) / 4, w_i = 1 + u_i; `a` is 10 in the literature. Global minimum 0 at (1, ..., 1), many local minima.
    Source: Laguna and Marti 2005, doi:10.1007/s10898-004-1936-z; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/levy.html.
    """

    kind: Literal["levy"] = "levy"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 2
    a: Swept[NonNegative] = 10.0

    define = {
        "first": "sin(pi*(1 + (x[0] - 1)/4))**2",
        "middle": "sum(((x[i] - 1)/4)**2*(1 + a*sin(pi*(1 + (x[i] - 1)/4) + 1)**2), 0, dim - 1)",
        "last": "((x[-1] - 1)/4)**2*(1 + sin(2*pi*(1 + (x[-1] - 1)/4))**2)",
    }
    formula = "first + middle + last"
    source = "https://www.sfu.ca/~ssurjano/levy.html"
    domain = (-10.0, 10.0)

    def start(self) -> Init:
        return Point(at=-4.0)

    def minima(self, values):
        return [Minimum((1.0,) * self.components(), 0.0)]
