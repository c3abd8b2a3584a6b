"""McCormick: a plane wave on a slanted trough."""

import math
from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class McCormick(FormulaLandscape):
    r"""A plane wave on a trough: f(x, y) = sin(x + y) + (x - y)^2 - 1.5 x + 2.5 y + 1, usually on [-1.5, 4] x [-3, 4].

    There its minimum is -1.91322295498104 at (1/2 - pi/3, -1/2 - pi/3). Along (1, 1) f falls without bound outside
    the usual domain, so that minimum is a local one on the whole plane.
    Source: McCormick 1976, doi:10.1007/BF01580665.
    """

    kind: Literal["mccormick"] = "mccormick"

    variables = ("x", "y")
    formula = "sin(x + y) + (x - y)**2 - 1.5*x + 2.5*y + 1"
    source = "McCormick 1976, doi:10.1007/BF01580665"
    domain = (-3.0, 4.0)

    def start(self) -> Init:
        return Point(at=(2.0, 2.0))

    def minima(self, values):
        return [Minimum((0.5 - math.pi / 3, -0.5 - math.pi / 3), -1.9132229549810364, local=True)]
