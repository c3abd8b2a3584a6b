"""McCormick's function in the plane."""

import math
from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class McCormick(FormulaLandscape):
    r"""A wave along a trough: f(x, y) = sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1.

    Minimum -sqrt(3)/2 - pi/3 at (1/2 - pi/3, -1/2 - pi/3) within the usual domain, x in [-1.5, 4], y in [-3, 4]; a local one pi higher at
    that point plus (pi, pi). Unbounded below outside this domain: every step of (-pi, -pi) leads from a minimum to one that is lower by pi.
    Source: McCormick 1976, doi:10.1007/BF01580665; Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/mccorm.html.
    """

    kind: Literal["mccormick"] = "mccormick"

    variables = ("x", "y")
    formula = "sin(x + y) + (x - y)**2 - 1.5*x + 2.5*y + 1"
    source = "doi:10.1007/BF01580665"
    domain = (-3.0, 4.0)

    def start(self) -> Init:
        return Point(at=(3.0, 3.0))

    def minima(self, values):
        x, y, value = 0.5 - math.pi / 3, -0.5 - math.pi / 3, -math.sqrt(3) / 2 - math.pi / 3
        return [Minimum((x, y), value), Minimum((x + math.pi, y + math.pi), value + math.pi, True)]
