"""sum(x), sum(x, axis): over all entries, or along axes given by number or by the name of a size."""

from typing import Any

from ..program.function import as_float
from ..program.node import Node
from ..program.reduction import Reduction, widened


class Sum(Reduction):
    """The sum over all entries or along some axes; of nothing 0. Truth values and whole numbers count as numbers."""

    name = "sum"
    examples = ("sum(x)", "sum(x*z, axis=0)", "sum(x, [0, 1])", "sum(x, axis=1, keepdims=True)")
    lazy = True
    rough = False

    def prepared(self, x: Node) -> Node:
        return as_float(x)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.sum(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (widened(g, y),)
