"""The three-hump camel function in the plane."""

from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum

SIDE = (1.7475523458302888986, -0.87377617291514444929)
SIDE_VALUE = 0.29863844223685981976


class ThreeHumpCamel(FormulaLandscape):
    r"""Three wells in a row: f(x, y) = 2 x^2 - 1.05 x^4 + x^6 / 6 + x y + y^2.

    Global minimum 0 at the origin; local minima 0.2986384 at (1.7475523, -0.8737762) and its mirror image.
    Source: Surjanovic and Bingham, https://www.sfu.ca/~ssurjano/camel3.html.
    """

    kind: Literal["three_hump_camel"] = "three_hump_camel"

    variables = ("x", "y")
    formula = "2*x**2 - 1.05*x**4 + x**6/6 + x*y + y**2"
    source = "https://www.sfu.ca/~ssurjano/camel3.html"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=(-2.0, 1.5))

    def minima(self, values):
        x, y = SIDE
        return [Minimum((0.0, 0.0), 0.0), Minimum((x, y), SIDE_VALUE, True), Minimum((-x, -y), SIDE_VALUE, True)]
