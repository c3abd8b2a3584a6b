"""Rosenbrock's banana, in any dimension."""

from typing import Annotated, Literal

from pydantic import Field

from ..base import Count, Positive, Real
from ..init import Init, Point
from ..sweep import Structural, Swept
from .base import FormulaLandscape, Minimum


class Rosenbrock(FormulaLandscape):
    r"""A curved, flat-bottomed valley: f(x) = sum_i b (x_{i+1} - x_i^2)^2 + (a - x_i)^2, i = 0 .. dim - 2.

    Global minimum 0 at (1, ..., 1) for a = 1; for dim = 2 and any a at (a, a^2).
    Source: Rosenbrock 1960, doi:10.1093/comjnl/3.3.175.
    """

    kind: Literal["rosenbrock"] = "rosenbrock"
    dim: Structural[Annotated[Count, Field(ge=2)]] = 2
    a: Swept[Real] = 1.0
    b: Swept[Positive] = 100.0

    formula = "sum(b*(x[i+1] - x[i]**2)**2 + (a - x[i])**2)"
    source = "doi:10.1093/comjnl/3.3.175"
    domain = (-2.0, 2.0)

    def start(self) -> Init:
        return Point(at=-1.0)

    def minima(self, values):
        a = values["a"]
        if self.components() == 2:
            return [Minimum((a, a * a), 0.0)]
        return [Minimum((1.0,) * self.components(), 0.0)] if a == 1 else []
