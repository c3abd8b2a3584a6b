"""huber(residual, delta): half the square of the residual up to delta, linear beyond."""

from typing import Any

from ..program.function import Composed, as_node
from ..program.node import Node, Wrong, apply


class Huber(Composed):
    """r**2/2 where |r| <= delta, delta (|r| - delta/2) elsewhere, entry by entry; delta is 1 if not given. Its slope is r held in
    [-delta, delta], also at the joints and at infinity; the slope of that counts as 1 at the joints. Source: Huber 1964,
    doi:10.1214/aoms/1177703732."""

    name = "huber"
    group = "losses"
    examples = ("huber(x)", "huber(x - z, 0.5)", "huber(x, delta=0.7)", "huber(x, s)")

    def build(self, *args: Node, delta: float = 1.0, **options: Any) -> Node:
        r, bound = args if len(args) == 2 else (*args, as_node(delta))
        if bound.is_number and not bound.number > 0:
            raise Wrong(f"huber takes a delta above 0, not {bound.number:g}")
        size = apply("abs", r)
        near = size <= bound
        small = apply("where", near, r, 0.0)
        return apply("where", near, 0.5 * small * small, bound * (size - 0.5 * bound))
