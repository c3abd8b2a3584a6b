"""A program in terms of what loops compute. What is no such function is written out in simpler ones: as its file says it is `made_of`, else by calling
its `value` with nodes in place of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....specs.functions.einsum import permuted
from ....specs.program.function import array
from ....specs.program.node import Node, apply, node, ordered
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.trace import trace
from ..codegen.rule_reader import NotFusable
from .loops import KNOWN


class Arrays:
    """NumPy's functions, with those of the array API that NumPy does not hand on to what is traced."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def astype(a: Any, dtype: Any) -> Any:
        return a.astype(dtype)


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


def written_out(n: Node, precision: str) -> Node:
    """The node in simpler functions. Raises NotFusable where it is made of none."""
    if (simpler := n.function.made_of(n, *n.args)) is not None:
        return simpler
    try:
        names = {str(k): a for k, a in enumerate(n.args)}
        (made,) = trace(lambda *args: n.function.value(Arrays(), n, *args), names, {}, precision)
    except (Untraceable, NotImplementedError, TypeError, AttributeError, ValueError, LookupError):
        raise NotFusable(f"no compiled form of {n.function.name}") from None
    if made.shape != n.shape:
        raise NotFusable(f"no compiled form of {n.function.name}")
    return made


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
            elif all(made[id(a)] is a for a in part.args):
                made[id(part)] = part
            else:
                args = tuple(made[id(a)] for a in part.args)
                made[id(part)] = node(part.function, args, part.shape, part.kind, part.axes, **dict(part.options))
        return made[id(n)]

    return [other(n) for n in outputs]
