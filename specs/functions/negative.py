"""-a: the negative, entry by entry."""

from ..program.function import Elementwise, number
from ..program.node import Node


class Negative(Elementwise):
    """-a. Its slope is -1."""

    name = "negative"
    ufunc = "negative"
    examples = ("-x",)
    rough = False
    result = None
    takes = ("float", "int")

    def fold(self, *numbers: float) -> float | None:
        return -numbers[0]

    def slopes(self, y: Node, a: Node) -> tuple[Node | None, ...]:
        return (number(-1.0),)
