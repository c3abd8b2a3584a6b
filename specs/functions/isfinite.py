"""isfinite(x): whether an entry is finite, neither infinite nor NaN."""

from ..program.function import Elementwise, as_float
from ..program.node import Node


class Isfinite(Elementwise):
    """False where x is infinite or NaN: where(isfinite(x), x, 0) leaves out what is missing."""

    name = "isfinite"
    ufunc = "isfinite"
    group = "comparisons"
    examples = ("isfinite(x)", "isfinite(k)")
    result = "bool"

    def prepared(self, *args: Node) -> tuple[Node, ...]:
        return tuple(map(as_float, args))

    def slopes(self, y: Node, x: Node) -> tuple[Node | None, ...]:
        return (None,)
