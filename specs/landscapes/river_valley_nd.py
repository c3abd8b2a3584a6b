"""A river valley in many dimensions: one river, dim - 1 hills with a spectrum of sharpness."""

from typing import Annotated, Literal

from pydantic import Field

from ..base import Count, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape


class RiverValleyNd(FormulaLandscape):
    r"""f(x) = sum_j k_j/2 (x_j - a sin(b x_0))^2 - s x_0 over the hills j = 1 .. dim - 1, one river x_0.

    k_j runs geometrically from `sharpness_min` (j = 1) to `sharpness` (j = dim - 1). Observables: river = x_0, hill = the sum.
    For a = 0, SGD (rate h) and gradient noise of standard deviation c (derived): mean hill loss sum_j h c^2 / (2 (2 - h k_j)).
    Source: arXiv:2410.05192.
    """

    kind: Literal["river_valley_nd"] = "river_valley_nd"
    dim: Structural[Annotated[Count, Field(ge=3)]] = 8
    sharpness: Swept[Positive] = 20.0
    sharpness_min: Swept[Positive] = 1.0
    slope: Swept[Real] = 0.05
    amplitude: Swept[Real] = 1.0
    frequency: Swept[Real] = 1.0

    define = {"hills": "sum(sharpness_min*(sharpness/sharpness_min)**(i/(dim - 2))/2*(x[i+1] - amplitude*sin(frequency*x[0]))**2)"}
    formula = "hills - slope*x[0]"
    observables = {"river": "x[0]", "hill": "hills"}
    source = "arXiv:2410.05192"
    domain = (-3.0, 3.0)

    def start(self) -> Init:
        return Point(at=(0.0,) + (1.0,) * (self.components() - 1))
