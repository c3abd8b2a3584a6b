"""A program in terms of what loops compute: what is no such function is written out in simpler ones."""

from collections.abc import Sequence

import numpy as np

from ....specs.functions.einsum import permuted
from ....specs.program.function import array
from ....specs.program.node import Node, apply, ordered, with_args
from ..codegen.refusal import NotFusable
from ..codegen.written_out import written_out
from .loops import KNOWN


def extreme_place(n: Node) -> Node:
    """argmax or argmin as the first place at which an entry is the largest or smallest, or NaN where there is one: two sweeps over vectors in place
    of a search."""
    (x,), axis = n.args, n.option("axis")
    if axis != -1:
        k = x.ndim + axis
        x = permuted(x, (*(j for j in range(x.ndim) if j != k), k))
    top = apply("max" if n.function.name == "argmax" else "min", x, axis=-1, keepdims=True)
    there = apply("logical_or", apply("equal", x, top), apply("not_equal", x, x))
    count = x.shape[-1]
    return apply("min", apply("where", there, array(np.arange(count, dtype=float)), float(count)), axis=-1)


REWRITES = {"argmax": extreme_place, "argmin": extreme_place}


def expanded(outputs: Sequence[Node], precision: str) -> list[Node]:
    """The outputs in terms of functions that loops and steps know. Raises NotFusable for what cannot be said in them."""
    made: dict[int, Node] = {}
    kept = list(outputs)
    open_ones: list[str] = []

    def other(n: Node) -> Node:
        """The node that stands for n."""
        for part in ordered([n]):
            if id(part) in made:
                continue
            written = REWRITES[part.function.name](part) if part.function.name in REWRITES else None
            if part.function.name not in KNOWN:
                if part.function.name in open_ones:
                    raise NotFusable(f"no compiled form of {part.function.name}")
                written = written_out(part, precision)
            if written is not None:
                kept.append(written)
                open_ones.append(part.function.name)
                made[id(part)] = other(written)
                open_ones.pop()
            else:
                made[id(part)] = with_args(part, [made[id(a)] for a in part.args])
        return made[id(n)]

    return [other(n) for n in outputs]
