"""Himmelblau's function: four equal minima in the plane."""

from typing import Literal

from ..base import Real
from ..init import Init, Point
from ..sweep import Swept
from .base import FormulaLandscape, Minimum

MINIMA = (
    (3.0, 2.0),
    (-2.8051180869527448531, 3.1313125182505729658),
    (-3.7793102533777468919, -3.2831859912861694123),
    (3.5844283403304917449, -1.8481265269644035535),
)


class Himmelblau(FormulaLandscape):
    r"""Four equal valleys around a hill: f(x, y) = (x^2 + y - a)^2 + (x + y^2 - b)^2.

    For a = 11, b = 7 the global minimum 0 is at (3, 2), (-2.805, 3.131), (-3.779, -3.283) and (3.584, -1.848).
    Source: Himmelblau, Applied Nonlinear Programming, McGraw-Hill 1972.
    """

    kind: Literal["himmelblau"] = "himmelblau"
    a: Swept[Real] = 11.0
    b: Swept[Real] = 7.0

    variables = ("x", "y")
    formula = "(x**2 + y - a)**2 + (x + y**2 - b)**2"
    source = "Himmelblau, Applied Nonlinear Programming, McGraw-Hill 1972"
    domain = (-5.0, 5.0)

    def start(self) -> Init:
        return Point(at=(-0.3, -0.9))

    def minima(self, values):
        return [Minimum(at, 0.0) for at in MINIMA] if (values["a"], values["b"]) == (11.0, 7.0) else []
