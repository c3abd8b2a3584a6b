"""The three-hump camel: one global and two local minima."""

from typing import Literal

from ..init import Init, Point
from .base import FormulaLandscape, Minimum


class ThreeHumpCamel(FormulaLandscape):
    r"""Three wells in a row: f(x, y) = 2 x^2 - 1.05 x^4 + x^6 / 6 + x y + y^2.

    Global minimum 0 at the origin, local minima 0.29863844223686 at +-(1.7475523458303, -0.8737761729151).
    Source: Surjanovic and Bingham, Virtual Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/camel3.html.
    """

    kind: Literal["three_hump_camel"] = "three_hump_camel"

    variables = ("x", "y")
    formula = "2*x**2 - 1.05*x**4 + x**6/6 + x*y + y**2"
    source = "Surjanovic and Bingham, Virtual Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/camel3.html"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=(-2.0, 1.5))

    def minima(self, values):
        side = (1.7475523458302890, -0.8737761729151445)
        local = 0.29863844223685982
        return [Minimum((0.0, 0.0), 0.0), Minimum(side, local, local=True), Minimum((-side[0], -side[1]), local, local=True)]
