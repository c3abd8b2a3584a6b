"""take(W, index), W[index]: the rows of W at whole-number indices, as in an embedding."""

import math
from typing import Any

from ..program.function import Function
from ..program.node import Node, Wrong, broadcast, node


class Take(Function):
    """W[i], for every entry i of an array of whole numbers: the first axis of W gives way to the axes of the index. A negative index counts from
    the end; beyond the rows there is NaN (-1 of whole numbers, false of truth values), as in jax.numpy.take. The adjoint adds up what comes
    back to each row."""

    name = "take"
    keeps_sign = True
    examples = ("take(A, k)", "A[y] * v", "take(w, reshape(k, [2, 2]))")
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        W, index = args
        if index.kind != "int":
            raise Wrong("take takes whole numbers as its index, and {1} is something else", W, index)
        if not W.ndim or not W.shape[0]:
            raise Wrong("take takes rows, and {0} has none", W)
        return node(self, (W, index), (*index.shape, *W.shape[1:]), W.kind, (*index.axes, *W.axes[1:]))

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (W, index), (table, numbers) = arrays, made.args
        (rows, *rest), runs = table.shape, W.shape[: len(W.shape) - table.ndim]
        index, inside = from_start(xp, index, rows)
        if len(index.shape) == numbers.ndim:
            taken = xp.take(W, xp.reshape(index, (-1,)), axis=-table.ndim)
            taken = xp.reshape(taken, (*runs, *index.shape, *rest))
        else:
            first = xp.reshape(xp.arange(math.prod(runs), dtype=index.dtype) * rows, (*runs, *(1,) * numbers.ndim))
            index = index + first
            taken = xp.reshape(xp.take(xp.reshape(W, (-1, *rest)), xp.reshape(index, (-1,)), axis=0), (*index.shape, *rest))
        beyond = {"float": math.nan, "int": -1, "bool": False}[made.kind]
        return xp.where(inside[(..., *(None,) * len(rest))], taken, xp.asarray(beyond, dtype=taken.dtype))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        W, index = args
        return node(UNTAKE, (g, index), W.shape, axes=W.axes), None


class Untake(Function):
    """The adjoint of take: to each row the sum of what has its index; what is beyond the rows is dropped."""

    name = "untake"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (g, index), (rows, *rest) = arrays, made.shape
        count, width = made.args[1].size, math.prod(rest)
        g = xp.reshape(g, (*g.shape[: len(g.shape) - made.args[0].ndim], count, width))
        index = xp.reshape(index, (*index.shape[: len(index.shape) - made.args[1].ndim], count))
        index, inside = from_start(xp, index, rows)
        added = add_rows(xp, xp.where(inside[..., None], g, xp.zeros_like(g)), index, rows)
        return xp.reshape(added, (*added.shape[:-2], *made.shape))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return TAKE(g, args[1]), None


TAKE, UNTAKE = Take(), Untake()


def from_start(xp: Any, index: Any, rows: int) -> tuple[Any, Any]:
    """The index counted from the start, 0 where it is beyond the rows, and where it is not."""
    index = xp.astype(index, xp.int64)
    index = xp.where(index < 0, index + rows, index)
    inside = (index >= 0) & (index < rows)
    return xp.where(inside, index, xp.zeros_like(index)), inside


def add_rows(xp: Any, g: Any, index: Any, rows: int) -> Any:
    """(..., rows, width) from g (..., count, width): each row of g added to the one at its index. The array API has no such sum, so elsewhere than
    in NumPy it is a product with zeros and ones."""
    if xp.__name__ != "numpy":
        hot = xp.arange(rows, dtype=index.dtype)[:, None] == index[..., None, :]
        return xp.matmul(xp.astype(hot, g.dtype), g)
    runs, width = broadcast([g.shape[:-2], index.shape[:-1]]) or (), g.shape[-1]
    row = index + rows * xp.reshape(xp.arange(math.prod(runs)), (*runs, 1))
    entry = row[..., None] * width + xp.arange(width)
    added = xp.zeros(math.prod(runs) * rows * width, dtype=g.dtype)
    xp.add.at(added, entry.reshape(-1), xp.broadcast_to(g, entry.shape).reshape(-1))
    return added.reshape(*runs, rows, width)
