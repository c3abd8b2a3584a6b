"""erf(x): the error function."""

import math
from typing import Any

from ..program.error_function import erf
from ..program.function import Elementwise
from ..program.node import Node, apply


class Erf(Elementwise):
    """2/sqrt(pi) times the integral of exp(-t**2) from 0 to x: -1 and 1 at the infinities. Its slope is 2/sqrt(pi) exp(-x**2)."""

    name = "erf"
    examples = ("erf(x)", "erf(3*x)")

    def formula(self, xp: Any, x: Any) -> Any:
        return erf(xp, x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (2 / math.sqrt(math.pi) * apply("exp", -(x * x)),)
