"""A river valley whose walls steepen downstream."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from ..base import Positive, Real
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape


class RiverValleySharpening(FormulaLandscape):
    r"""A river whose valley narrows as it flows: f(x, y) = k(x)/2 (y - a sin(b x))^2 - s x with k(x) = k_0 exp(g x).

    k_0 `sharpness`, g `growth`, a `amplitude`, b `frequency`, s `slope`. Observables: river = x (progress), hill = f + s x,
    steepness = k(x). Unbounded below: the river flows on, ever narrower for g > 0.
    For a = 0 (derived): gradient descent with learning rate h is unstable across the river once x > log(2 / (h k_0)) / g; the expected
    force along the river is s - g E[hill], so noise or oscillation with mean hill loss s/g stops the progress.
    Source: arXiv:2410.05192 (the river valley); the sharpening and its closed forms are this project's own, derived.
    """

    kind: Literal["river_valley_sharpening"] = "river_valley_sharpening"
    sharpness: Swept[Positive] = 5.0
    growth: Swept[Real] = 0.5
    slope: Swept[Real] = 0.05
    amplitude: Swept[Real] = 1.0
    frequency: Swept[Real] = 1.0

    variables = ("x", "y")
    define = {"k": "sharpness*exp(growth*x)", "hills": "k/2*(y - amplitude*sin(frequency*x))**2"}
    formula = "hills - slope*x"
    observables = {"river": "x", "hill": "hills", "steepness": "k"}
    source = "arXiv:2410.05192"

    def river(self, along: np.ndarray, values: Mapping[str, float]) -> np.ndarray:
        return np.stack([along, values["amplitude"] * np.sin(values["frequency"] * along)], axis=-1)

    def start(self) -> Init:
        return Point(at=(0.0, 1.0))
