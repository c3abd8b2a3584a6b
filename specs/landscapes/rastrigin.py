"""Rastrigin: a bowl with a regular grid of local minima."""

from typing import Literal

from ..base import Count, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Rastrigin(FormulaLandscape):
    r"""A bowl under a cosine grid: f(x) = A dim + sum_i x_i^2 - A cos(2 pi x_i).

    Global minimum 0 at the origin, for every `amplitude` A >= 0; about 11^dim local minima on [-5.12, 5.12]^dim.
    Source: Rastrigin 1974; Muehlenbein, Schomisch and Born 1991, doi:10.1016/S0167-8191(05)80052-3.
    """

    kind: Literal["rastrigin"] = "rastrigin"
    dim: Structural[Count] = 2
    amplitude: Swept[Real] = 10.0

    formula = "amplitude*dim + sum(x[i]**2 - amplitude*cos(2*pi*x[i]))"
    source = "Rastrigin 1974; Muehlenbein, Schomisch and Born 1991, doi:10.1016/S0167-8191(05)80052-3"
    domain = (-5.12, 5.12)

    def start(self) -> Init:
        return Point(at=3.2)

    def minima(self, values):
        return [Minimum((0.0,) * self.components(), 0.0)] if values["amplitude"] >= 0 else []
