"""The river valley with many hills of different steepness."""

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ..base import Count, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape


class RiverValleyNd(FormulaLandscape):
    r"""One river between dim - 1 pairs of hills: f(x) = 1/2 sum_{j>=1} k_j (x_j - a sin(b x_0))^2 - s x_0.

    k_j falls geometrically from `sharpness` (j = 1) to `sharpness_min` (j = dim - 1); for dim = 2 there is only `sharpness`.
    a `amplitude`, b `frequency`, s `slope`. Observables: river = x_0 (progress), hill = f + s x_0. Unbounded below: the river flows on.
    For a = 0 and SGD with learning rate h and gradient noise of standard deviation c (derived): the coordinates are independent, mean
    hill loss sum_j h c^2 / (2 (2 - h k_j)), E[x_0 after T] = x_0 + h s T; diverges iff h sharpness > 2.
    Source: arXiv:2410.05192 (picture); the closed forms are derived.
    """

    kind: Literal["river_valley_nd"] = "river_valley_nd"
    dim: Structural[Annotated[Count, Field(ge=2, le=1_000_000)]] = 10
    sharpness: Swept[Positive] = 20.0
    sharpness_min: Swept[Positive] = 1.0
    slope: Swept[Real] = 0.05
    amplitude: Swept[Real] = 1.0
    frequency: Swept[Real] = 1.0

    define = {
        "hills": "sum(sharpness*(sharpness_min/sharpness)**((i - 1)/max(dim - 2, 1))/2*(x[i] - amplitude*sin(frequency*x[0]))**2, 1, dim)"
    }
    formula = "hills - slope*x[0]"
    observables = {"river": "x[0]", "hill": "hills"}
    source = "arXiv:2410.05192"

    def river(self, along: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        bend = values["amplitude"] * np.sin(values["frequency"] * along)
        return np.stack([along] + [bend] * (self.components() - 1), axis=-1)

    def start(self) -> Init:
        return Point(at=(0.0, *(1.0,) * (self.components() - 1)))
