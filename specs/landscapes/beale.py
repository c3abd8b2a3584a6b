"""Beale's function in the plane."""

from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class Beale(FormulaLandscape):
    r"""A flat valley with steep corners: f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2.

    Global minimum 0 at (3, 1/2).
    Source: Beale 1958, On an iterative method for finding a local minimum (Princeton); Surjanovic and Bingham,
    https://www.sfu.ca/~ssurjano/beale.html.
    """

    kind: Literal["beale"] = "beale"

    variables = ("x", "y")
    formula = "(1.5 - x + x*y)**2 + (2.25 - x + x*y**2)**2 + (2.625 - x + x*y**3)**2"
    source = "https://www.sfu.ca/~ssurjano/beale.html"
    domain = (-4.5, 4.5)

    def start(self) -> Init:
        return Point(at=(-1.0, 1.5))

    def minima(self, values):
        return [Minimum((3.0, 0.5), 0.0)]
