"""Himmelblau: four equal minima in the plane."""

from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class Himmelblau(FormulaLandscape):
    r"""Four equal minima: f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2.

    Each minimum is 0; one is at (3, 2).
    Source: Himmelblau 1972, Applied Nonlinear Programming.
    """

    kind: Literal["himmelblau"] = "himmelblau"

    variables = ("x", "y")
    formula = "(x**2 + y - 11)**2 + (x + y**2 - 7)**2"
    source = "Himmelblau 1972, Applied Nonlinear Programming"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=(0.0, 0.0))

    def minima(self, values):
        found = [
            (3.0, 2.0),
            (-2.8051180869527449, 3.1313125182505730),
            (-3.7793102533777469, -3.2831859912861694),
            (3.5844283403304917, -1.8481265269644036),
        ]
        return [Minimum(at, 0.0) for at in found]
