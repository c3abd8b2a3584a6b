"""x[0], x[1:3], x[:, -1], x[::-1]: entries and slices by number, along the first axes."""

from typing import Any

from ..program.function import Function
from ..program.node import Node, Wrong, node

EVERY = (None, None, None)


class Index(Function):
    """x[i, j, a:b:c, ...] with whole numbers made of literals and sizes; negative ones count from the end, axes that are not named are whole.
    What is out of range is refused, also in slices, where NumPy would cut them. The adjoint puts back into zeros."""

    name = "index"
    keeps_sign = True
    examples = ("x[0]", "x[:, -1]", "x[-1, 1:3]", "v[::-1]", "x[2:0:-1, ::2]", "x[1:1]", "v[1] * x")
    count = 1

    def build(self, *args: Node, at: tuple[Any, ...] = (), **options: Any) -> Node:
        (x,) = args
        if not isinstance(at, tuple):
            raise Wrong("index takes a list of whole numbers and slices; x[0, 1:3] writes it", x)
        if len(at) > x.ndim:
            raise Wrong(
                f"{{0}} has {x.ndim or 'no'} ax{'is' if x.ndim == 1 else 'es'}, and {len(at)} {'is' if len(at) == 1 else 'are'} indexed", x
            )
        at = tuple(place(x, k, at[k] if k < len(at) else EVERY) for k in range(x.ndim))
        if all(one == (0, n, 1) for one, n in zip(at, x.shape, strict=True)):
            return x
        kept = [(k, one) for k, one in enumerate(at) if isinstance(one, tuple)]
        shape = [len(range(*slice(*one).indices(x.shape[k]))) for k, one in kept]
        axes = [x.axes[k] if one == (0, x.shape[k], 1) else "" for k, one in kept]
        return node(self, (x,), shape, x.kind, axes, at=at)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return arrays[0][written(made)]

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (UNINDEX.to(g, args[0].shape, y.option("at")),)


class Unindex(Function):
    """The adjoint of index: g at these places, 0 elsewhere."""

    name = "unindex"

    def to(self, g: Node, shape: tuple[int, ...], at: tuple[Any, ...]) -> Node:
        """An array of this shape that has g at these places, given as the option of an index is kept."""
        return node(self, (g,), shape, at=at)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        (g,) = arrays
        entries = xp.zeros((*g.shape[: len(g.shape) - made.args[0].ndim], *made.shape), dtype=g.dtype)
        entries[written(made)] = g
        return entries

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (node(INDEX, (g,), args[0].shape, at=y.option("at")),)


def place(x: Node, k: int, one: Any) -> Any:
    """What is taken along axis k: a number from 0, or (start, stop, step) whose stop is None where a slice runs backwards to the first entry."""
    n, name = x.shape[k], x.axes[k] or f"axis {k}"
    if isinstance(one, int) and not isinstance(one, bool):
        if not -n <= one < n:
            raise Wrong(f"{name} of {{0}} has {n} entries, and there is none at {one}", x)
        return one % n
    if not isinstance(one, tuple) or len(one) != 3 or not all(part is None or type(part) is int for part in one):
        raise Wrong("{0} can only be indexed by whole numbers and slices", x)
    if one[2] == 0:
        raise Wrong("the step of a slice of {0} is 0", x)
    for bound in one[:2]:
        if bound is not None and not -n <= bound <= n:
            raise Wrong(f"{name} of {{0}} has {n} entries, and the slice bound {bound} is beyond them", x)
    start, stop, step = slice(*one).indices(n)
    return (start, None if stop < 0 else stop, step)


def written(made: Node) -> tuple[Any, ...]:
    """The places as Python writes them, axes for runs in front."""
    return (..., *(slice(*one) if isinstance(one, tuple) else one for one in made.option("at")))


INDEX, UNINDEX = Index(), Unindex()
