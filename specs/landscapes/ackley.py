"""Ackley's function, in any dimension."""

import math
from typing import Literal

from ..base import Count, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Ackley(FormulaLandscape):
    r"""A rippled plain around a deep, pointed hole: f(x) = -a exp(-b |x| / sqrt(n)) - exp(sum_i cos(c x_i) / n) + a + e, n = dim.

    Global minimum 0 at the origin, where the published function has a kink. Here |x|^2 / n + 1e-30 is under the root, so that the
    gradient at the origin is 0 instead of 0/0; the value changes by less than 1e-14.
    Source: Ackley 1987, doi:10.1007/978-1-4613-1997-9; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/ackley.html.
    """

    kind: Literal["ackley"] = "ackley"
    dim: Structural[Count] = 2
    a: Swept[Positive] = 20.0
    b: Swept[Positive] = 0.2
    c: Swept[Real] = 2 * math.pi

    formula = "-a*exp(-b*sqrt(sum(x[i]**2)/dim + 1e-30)) - exp(sum(cos(c*x[i]))/dim) + a + e"
    source = "doi:10.1007/978-1-4613-1997-9"
    domain = (-32.768, 32.768)

    def start(self) -> Init:
        return Point(at=2.4)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0)]
