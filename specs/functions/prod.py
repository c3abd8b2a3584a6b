"""prod(x), prod(x, axis): the product of all entries, or along axes given by number or by the name of a size."""

from typing import Any

from ..program.axes import axes_left, from_end
from ..program.function import Composed, Function, as_float, reshaped
from ..program.node import Node, apply, node


class Prod(Composed):
    """The product, of pairs, of pairs of these, and so on; of nothing 1. Nothing is divided, so that a 0 does no harm: the slope by an entry is
    the product of the others, and second derivatives follow."""

    name = "prod"
    group = "reductions"
    examples = ("prod(x)", "prod(x, axis=0)", "prod(x, axis=1, keepdims=True)", "prod(x * (abs(x) > 0.5), axis=1)")
    count = 1

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        x = as_float(args[0])
        axis = from_end(x, axis)
        one = tuple(1 if k - x.ndim in axis else n for k, n in enumerate(x.shape))
        shape = one if keepdims else axes_left(x, axis)
        if len(axis) == x.ndim and x.ndim > 1:
            x, axis = reshaped(x, (x.size,)), (-1,)
        for k in axis:
            x = along(x, k)
        return reshaped(x, shape)


def along(x: Node, axis: int) -> Node:
    """The product along one axis, which stays with size 1."""
    n = x.shape[axis]
    if not n:
        return apply("broadcast", 1.0, shape=tuple(1 if k - x.ndim == axis else m for k, m in enumerate(x.shape)))
    if n == 1:
        return x
    half = n // 2
    y = along(PART(x, axis=axis, start=0, stop=half) * PART(x, axis=axis, start=half, stop=2 * half), axis)
    return y * PART(x, axis=axis, start=n - 1, stop=n) if n % 2 else y


class Part(Function):
    """The entries from start to before stop along one axis."""

    name = "prod_part"

    def build(self, *args: Node, axis: int = -1, start: int = 0, stop: int = 0) -> Node:
        (x,) = args
        at = x.ndim + axis
        shape = (*x.shape[:at], stop - start, *x.shape[at + 1 :])
        return node(self, args, shape, axes=(*x.axes[:at], "", *x.axes[at + 1 :]), axis=axis, start=start, stop=stop)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        axis, start, stop = (made.option(name) for name in ("axis", "start", "stop"))
        return arrays[0][(..., slice(start, stop), *(slice(None),) * (-axis - 1))]

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (node(PADDED, (g,), args[0].shape, axes=args[0].axes, axis=y.option("axis"), start=y.option("start")),)


class Padded(Function):
    """The adjoint of Part: the entries in their place, 0 elsewhere."""

    name = "prod_padded"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (g,), axis, start = arrays, made.option("axis"), made.option("start")
        after = made.shape[axis] - start - g.shape[axis]
        zero = xp.zeros_like(g[(..., slice(0, 1), *(slice(None),) * (-axis - 1))])
        return xp.concat([xp.repeat(zero, start, axis=axis), g, xp.repeat(zero, after, axis=axis)], axis=axis)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        axis, start = y.option("axis"), y.option("start")
        return (PART(g, axis=axis, start=start, stop=start + args[0].shape[axis]),)


PART, PADDED = Part(), Padded()
