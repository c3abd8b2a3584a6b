"""stack(a, b, ..., axis=0): arrays or numbers of one shape along a new axis."""

from typing import Any

from ..program.function import Composed, reshaped
from ..program.node import Node, Wrong, apply


class Stack(Composed):
    """y[k] is the k-th argument; the new axis stands at `axis`, negative ones count from the end of the new shape."""

    name = "stack"
    examples = ("stack(x, z)", "stack(v, w*v, axis=1)", "stack(s, s*s, 2)", "stack(x, z, x, axis=-1)", "stack(y, y)")

    def build(self, *args: Node, axis: Any = 0, **options: Any) -> Node:
        if not args:
            raise Wrong("stack takes at least one array")
        for k, a in enumerate(args):
            if a.shape != args[0].shape:
                raise Wrong(f"stack takes arrays of one shape, and {{0}} and {{{k}}} differ", *args)
        ndim = args[0].ndim + 1
        if not isinstance(axis, int) or isinstance(axis, bool) or not -ndim <= axis < ndim:
            raise Wrong(f"stack makes {ndim} ax{'is' if ndim == 1 else 'es'}, and axis {axis} is not one of them", *args)
        k = axis % ndim
        return apply("concat", *(reshaped(a, (*a.shape[:k], 1, *a.shape[k:])) for a in args), axis=k)
