"""The two-dimensional river valley of arXiv:2410.05192, as a toy with every closed form known."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..base import Positive, Real
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape


class RiverValley(FormulaLandscape):
    r"""A winding river between steep hills: f(x, y) = k/2 (y - a sin(b x))^2 - s x.

    k `sharpness`, a `amplitude`, b `frequency`, s `slope`. Observables: river = x (progress), hill = k/2 (y - a sin(b x))^2.
    Unbounded below: the river flows on. For a = 0 and SGD with learning rate h and gradient noise of standard deviation c
    (derived): stationary Var y = h c^2 / (k (2 - h k)), mean hill loss h c^2 / (2 (2 - h k)), E[x_T] = x_0 + h s T; diverges iff h k > 2.
    Source: arXiv:2410.05192 (picture); the closed forms are derived.
    """

    kind: Literal["river_valley"] = "river_valley"
    sharpness: Swept[Positive] = 20.0
    slope: Swept[Real] = 0.05
    amplitude: Swept[Real] = 1.0
    frequency: Swept[Real] = 1.0

    variables = ("x", "y")
    formula = "sharpness/2*(y - amplitude*sin(frequency*x))**2 - slope*x"
    observables = {"river": "x", "hill": "sharpness/2*(y - amplitude*sin(frequency*x))**2"}
    source = "arXiv:2410.05192"

    def river(self, along: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        return np.stack([along, values["amplitude"] * np.sin(values["frequency"] * along)], axis=-1)

    def start(self) -> Init:
        return Point(at=(0.0, 1.0))
