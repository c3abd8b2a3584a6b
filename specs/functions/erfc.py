"""erfc(x): 1 - erf(x), exact also where that is small."""

import math
from typing import Any

from ..program.error_function import erfc
from ..program.function import Elementwise
from ..program.node import Node, apply


class Erfc(Elementwise):
    """1 - erf(x), without the loss of digits at large x: 2 at -inf, 0 at inf. Its slope is -2/sqrt(pi) exp(-x**2)."""

    name = "erfc"
    examples = ("erfc(x)", "erfc(3*x)")

    def least(self, y: Node) -> int:
        return 1

    def formula(self, xp: Any, x: Any) -> Any:
        return erfc(xp, x)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (-2 / math.sqrt(math.pi) * apply("exp", -(x * x)),)
