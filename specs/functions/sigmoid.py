"""sigmoid(x): 1/(1 + exp(-x)), the logistic function."""

from typing import Any

from ..program.function import Elementwise
from ..program.node import Node, apply


class Sigmoid(Elementwise):
    """1/(1 + exp(-x)), through exp(-|x|), so that nothing overflows and small values keep their digits. Its slope is
    sigmoid(x) sigmoid(-x), exact in both tails."""

    name = "sigmoid"
    examples = ("sigmoid(x)", "sigmoid(20*x)")

    def least(self, y: Node) -> int:
        return 1

    def formula(self, xp: Any, x: Any) -> Any:
        small = xp.exp(-xp.abs(x))
        return xp.where(x < 0, small, xp.ones_like(small)) / (1 + small)

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (y * apply("sigmoid", -x),)
