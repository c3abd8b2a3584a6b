"""pick(x, index): from every row of x (its last axis), the entry at the index given for that row."""

from typing import Any

import numpy as np

from ..program.function import Function, reshaped, summed
from ..program.node import Node, Wrong, node


class Pick(Function):
    """x[..., i] with an index i for every row; 0 where it is beyond the row."""

    name = "pick"
    lazy = True
    keeps_sign = True
    examples = ("pick(x*x, y)",)
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        x, index = args
        if index.kind != "int" or x.shape[:-1] != index.shape:
            raise Wrong("pick takes an array and one whole number per row: {1} must have the shape of {0} without its last axis", x, index)
        return node(self, args, index.shape, x.kind, index.axes)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        x, index = arrays
        if isinstance(x, np.ndarray) and index.size and index.min() >= 0 and index.max() < x.shape[-1]:
            return np.take_along_axis(x, index[(None,) * (x.ndim - 1 - index.ndim)][..., None], axis=-1)[..., 0]
        hot = xp.arange(x.shape[-1], dtype=index.dtype) == index[..., None]
        return xp.sum(xp.where(hot, x, xp.zeros_like(x)), axis=-1)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        x, index = args
        g = g if g.is_number else reshaped(g, (*(1,) * (index.ndim - g.ndim), *g.shape))
        return node(UNPICK, (g, index), x.shape, axes=x.axes), None


class Unpick(Function):
    """The adjoint of pick: g, which may be smaller than the index, at the index, 0 elsewhere."""

    name = "unpick"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        g, index = arrays
        hot = xp.arange(made.shape[-1], dtype=index.dtype) == index[..., None]
        return xp.where(hot, g[..., None], xp.zeros_like(g[..., None]))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        a, index = args
        return None if a.is_number else summed(PICK(g, index), index.shape, a.shape), None


PICK, UNPICK = Pick(), Unpick()
