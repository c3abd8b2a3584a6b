"""concat(a, b, ..., axis=0): arrays joined along an axis that they already have."""

from typing import Any

from ..program.axes import from_end
from ..program.function import Function, as_float
from ..program.node import Node, Wrong, apply, broadcast, node


class Concat(Function):
    """The entries of a, then those of b, ... along one axis; the other axes must be equal. Whole numbers joined with numbers become numbers."""

    name = "concat"
    keeps_sign = True
    examples = ("concat(x, z)", "concat(x, z*x, axis=1)", "concat(v, w, k)", "concat(y, k)", "concat(x)")

    def build(self, *args: Node, axis: Any = 0, **options: Any) -> Node:
        if not args or not all(a.ndim for a in args):
            raise Wrong("concat takes at least one array, and no numbers, which stack joins", *args)
        first = args[0]
        places = from_end(first, axis)
        if len(places) != 1:
            raise Wrong("concat takes one axis", *args)
        (place,) = places
        for k, a in enumerate(args):
            if a.ndim != first.ndim or any(
                n != m for j, (n, m) in enumerate(zip(a.shape, first.shape, strict=True)) if j - a.ndim != place
            ):
                raise Wrong(f"{{0}} and {{{k}}} must have equal axes except for axis {axis}, along which they are joined", *args)
        if len({a.kind for a in args}) > 1:
            args = tuple(map(as_float, args))
        k = first.ndim + place
        shape = (*first.shape[:k], sum(a.shape[k] for a in args), *first.shape[k + 1 :])
        axes = tuple("" if j == k else name for j, name in enumerate(first.axes))
        return first if len(args) == 1 else node(self, args, shape, args[0].kind, axes, axis=place)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        runs = [a.shape[: len(a.shape) - arg.ndim] for a, arg in zip(arrays, made.args, strict=True)]
        if len(set(runs)) > 1:
            every = broadcast(runs) or ()
            arrays = tuple(xp.broadcast_to(a, (*every, *arg.shape)) for a, arg in zip(arrays, made.args, strict=True))
        return xp.concat(arrays, axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        k, parts, start = y.ndim + y.option("axis"), [], 0
        for a in args:
            stop = start + a.shape[k]
            parts.append(apply("index", g, at=(*((None, None, None),) * k, (start, stop, None))))
            start = stop
        return tuple(parts)
