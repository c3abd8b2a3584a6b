"""A river valley that holds gradient descent at the edge of stability."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..base import Positive
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape


class RiverValleyEdge(FormulaLandscape):
    r"""A river whose walls steepen without end: f(c, b) = alpha/2 c^2 b^2 - v c.

    alpha `alpha`, v `slope`. Observables: river = c, sharpness = alpha c^2 (curvature across the river), hill = alpha/2 c^2 b^2.
    Gradient descent with learning rate h regulates itself (derived): with a little noise on b, the time averages are
    h alpha c^2 = 2 and b^2 = v sqrt(h / (2 alpha)). Without noise, b underflows to 0 and c grows without limit.
    Source: derived, after arXiv:2410.05192 and arXiv:2311.04163.
    """

    kind: Literal["river_valley_edge"] = "river_valley_edge"
    alpha: Swept[Positive] = 1.0
    slope: Swept[Positive] = 0.01

    variables = ("c", "b")
    formula = "alpha/2*c**2*b**2 - slope*c"
    observables = {"river": "c", "sharpness": "alpha*c**2", "hill": "alpha/2*c**2*b**2"}
    source = "arXiv:2410.05192"

    def river(self, along: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        return np.stack([along, np.zeros_like(along)], axis=-1)

    def start(self) -> Init:
        return Point(at=(1.0, 0.1))
