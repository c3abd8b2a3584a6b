"""relu(x): max(x, 0)."""

from typing import Any

from ..program.function import Elementwise, number
from ..program.node import Node, apply


class Relu(Elementwise):
    """max(x, 0), and so is its slope: 0 below 0, 1 above, and at the tie 1/2, as that of max has it (1/2 is also what lies between: PyTorch and JAX
    take 0 in their relu). NaN stays NaN."""

    name = "relu"
    examples = ("relu(x)", "relu(x @ A - 1)")
    rough = False

    def least(self, y: Node) -> int:
        return 1

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, xp.zeros_like(x))

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("where", x < 0.0, 0.0, apply("where", x > 0.0, 1.0, number(0.5))),)
