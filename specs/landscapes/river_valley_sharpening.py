"""A river valley whose hills grow steeper downstream."""

from typing import Literal

from ..base import Positive, Real
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape


class RiverValleySharpening(FormulaLandscape):
    r"""f(x, y) = k(x)/2 y^2 - s x with k(x) = k exp(g x): the further down the river, the sharper the hills.

    Observables: river = x, hill = k(x) y^2 / 2, steepness = k(x). SGD at rate h is stable up to h k(x) = 2, that is x = ln(2/(h k))/g.
    Source: arXiv:2410.05192.
    """

    kind: Literal["river_valley_sharpening"] = "river_valley_sharpening"
    sharpness: Swept[Positive] = 5.0
    growth: Swept[Real] = 0.2
    slope: Swept[Real] = 0.2

    variables = ("x", "y")
    formula = "sharpness*exp(growth*x)/2*y**2 - slope*x"
    observables = {"river": "x", "hill": "sharpness*exp(growth*x)/2*y**2", "steepness": "sharpness*exp(growth*x)"}
    source = "arXiv:2410.05192"
    domain = (-2.0, 4.0)

    def start(self) -> Init:
        return Point(at=(0.0, 1.0))
