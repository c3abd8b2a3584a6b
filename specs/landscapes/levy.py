"""Levy: a multimodal function with a single global minimum at (1, ..., 1)."""

from typing import Annotated, Literal

from pydantic import Field

from ..base import Count
from ..init import Init, Point
from ..sweep import Structural
from .base import FormulaLandscape, Minimum


class Levy(FormulaLandscape):
    r"""With w_i = 1 + (x_i - 1)/4: f(x) = sin^2(pi w_0) + sum_{i<dim-1} (w_i - 1)^2 (1 + 10 sin^2(pi w_i + 1)) + (w_{dim-1} - 1)^2 (1 + sin^2(2 pi w_{dim-1})).

    Global minimum 0 at (1, ..., 1).
    Source: Surjanovic and Bingham, Virtual Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/levy.html.
    """

    kind: Literal["levy"] = "levy"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 2

    formula = (
        "sin(pi*(1 + (x[0] - 1)/4))**2"
        " + sum(((x[i] - 1)/4)**2*(1 + 10*sin(pi*(1 + (x[i] - 1)/4) + 1)**2), 0, dim - 1)"
        " + ((x[-1] - 1)/4)**2*(1 + sin(2*pi*(1 + (x[-1] - 1)/4))**2)"
    )
    source = "Surjanovic and Bingham, Virtual Library of Simulation Experiments, https://www.sfu.ca/~ssurjano/levy.html"
    domain = (-10.0, 10.0)

    def start(self) -> Init:
        return Point(at=-4.3)

    def minima(self, values):
        return [Minimum((1.0,) * self.components(), 0.0)]
