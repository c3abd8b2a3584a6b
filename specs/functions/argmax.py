"""argmax(x), argmax(x, axis): the index of the largest entry, from 0."""

from typing import Any, ClassVar

from ..program.axes import axes_left, kept, one_from_end
from ..program.function import Function, as_float, reshaped
from ..program.node import Node, Wrong, node


class Argmax(Function):
    """The index of the largest entry along one axis, or among all in the order of rows: a whole number, without a gradient. Of equal ones the
    first; the first NaN if there is one."""

    name = "argmax"
    group = "reductions"
    examples = ("argmax(x)", "argmax(x, axis=1)", "argmax(x, axis=0, keepdims=True)", "argmax(k)")
    count = 1
    word: ClassVar[str] = "largest"

    def build(self, *args: Node, axis: Any = None, keepdims: bool = False) -> Node:
        (x,) = args
        if axis is None and x.ndim != 1:
            y = self.build(reshaped(x, (x.size,)))
            return reshaped(y, (1,) * x.ndim) if keepdims else y
        x, at = as_float(x) if x.kind == "bool" else x, one_from_end(x, axis)
        if not x.shape[at]:
            raise Wrong(f"the {self.word} of nothing: {{0}} has no entries there", x)
        y = node(self, (x,), axes_left(x, (at,)), "int", kept(x, (at,)), axis=at)
        return reshaped(y, tuple(1 if k - x.ndim == at else n for k, n in enumerate(x.shape))) if keepdims else y

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return xp.argmax(arrays[0], axis=made.option("axis"))

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)
