"""softplus(x): log(1 + exp(x))."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Softplus(Elementwise):
    """max(x, 0) + log1p(exp(-|x|)), so that nothing overflows: x for large x, exp(x) for very negative x. Its slope is sigmoid(x)."""

    name = "softplus"
    examples = ("softplus(x)", "softplus(20*x)")

    def least(self, y: Node) -> int:
        return 1

    def formula(self, xp: Any, x: Any) -> Any:
        return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (apply("sigmoid", x),)
