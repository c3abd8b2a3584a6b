"""Beale: flat with sharp peaks at the corners."""

from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class Beale(FormulaLandscape):
    r"""A flat plain with steep corners: f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2.

    Global minimum 0 at (3, 0.5).
    Source: Beale 1958; More, Garbow and Hillstrom 1981, doi:10.1145/355934.355936.
    """

    kind: Literal["beale"] = "beale"

    variables = ("x", "y")
    formula = "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2"
    source = "Beale 1958; More, Garbow and Hillstrom 1981, doi:10.1145/355934.355936"
    domain = (-4.5, 4.5)

    def start(self) -> Init:
        return Point(at=(1.0, 1.5))

    def minima(self, values):
        return [Minimum((3.0, 0.5), 0.0)]
