"""T(x): the last two axes exchanged."""

from typing import Any

import numpy as np

from ..program.function import Function
from ..program.node import Node, Wrong, node


class T(Function):
    """The transpose: the last two axes exchanged."""

    name = "T"
    group = "products"
    keeps_sign = True
    examples = ("T(x)", "x.T @ z")
    count = 1

    def build(self, *args: Node, **options: Any) -> Node:
        (x,) = args
        if x.ndim < 2:
            raise Wrong("T takes a matrix, and {0} has fewer than two axes", x)
        if x.function is self:
            return x.args[0]
        return node(self, args, (*x.shape[:-2], x.shape[-1], x.shape[-2]), x.kind, (*x.axes[:-2], x.axes[-1], x.axes[-2]))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return arrays[0].mT if xp is np else xp.matrix_transpose(arrays[0])

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (self.build(g),)
