"""Arrays of few columns, stored transposed: (samples, classes) as (classes, samples).

Rows are padded to whole vectors. With 10 classes and vectors of 8 numbers, 6 of 16 places are computed for nothing, and a sum over classes goes across
a vector. Transposed, vectors hold samples, and a sum over classes adds vectors. This begins at two kinds of products, and goes on through what is
computed entry by entry: products of data that stay the same for all steps, (X W)^T = W^T X^T, for which a transposed copy of the data is stored as
well; and products whose rows are reduced later, of which the transpose is copied.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ....specs.program.function import array
from ....specs.program.node import Node, apply, node, ordered, with_args
from .loops import ENTRYWISE, REDUCTIONS, copied

WASTE = 1.3
"""How many times the memory of the transposed array an array takes at least, for it to be worth it."""
LONG = 256
"""Rows of a product from which on it is computed transposed; fewer take no longer than what has to be copied then."""
FEW = 2
"""Vectors of rows from which on its transpose is copied."""


def kept_transposed(outputs: Sequence[Node], lanes: int, lasting: Callable[[Node], Node | None]) -> list[Node]:
    """The same outputs, made of arrays of few columns that are computed transposed.

    Parameters
    ----------
    outputs
        Of a program.
    lanes
        Numbers in a vector.
    lasting
        The transposed copy of data that stay the same for all steps; None for all else.

    Returns
    -------
    Outputs of the same shapes.
    """
    rewriting, order = _Rewriting(lanes, lasting), ordered(outputs)
    for n in reversed(order):
        rewriting.look_ahead(n)
    for n in order:
        rewriting.visit(n)
    return [rewriting.made[id(n)] for n in outputs] if rewriting.turned else list(outputs)


class _Rewriting:
    """One walk through a program, from its inputs to its outputs."""

    def __init__(self, lanes: int, lasting: Callable[[Node], Node | None]):
        self.lanes, self.lasting = lanes, lasting
        self.made: dict[int, Node] = {}
        """What stands for each node."""
        self.turned: dict[int, Node] = {}
        """The transposed array of each node that is stored so."""
        self.across: set[int] = set()
        """Arrays whose rows are reduced, and those that these are computed from entry by entry."""

    def look_ahead(self, n: Node) -> None:
        """Note what is reduced across its rows; what is computed of a node has been looked at before."""
        if n.function.name in REDUCTIONS and n.function.name not in ("dot", "pick") and n.option("axis") == (-1,):
            self.across.add(id(n.args[0]))
        elif id(n) in self.across and n.function.name in ENTRYWISE:
            self.across |= {id(a) for a in n.args if a.shape == n.shape}

    def visit(self, n: Node) -> None:
        """Find what stands for a node; those of its arguments are known."""
        name = n.function.name
        if name == "T" and id(n.args[0]) in self.turned:
            self.made[id(n)] = self.turned[id(n.args[0])]
            return
        if name in REDUCTIONS and id(n.args[0]) in self.turned and (reduced := self.reduction(n)) is not None:
            self.made[id(n)] = reduced
            return
        turned = self.product(n) if name == "matmul" else self.entrywise(n) if name in ENTRYWISE else None
        if turned is not None:
            self.turned[id(n)], self.made[id(n)] = turned, apply("T", turned)
            if name == "matmul" and id(n.args[1]) in self.turned:  # a sum over what is kept transposed, mostly a gradient
                self.made[id(n)] = copied(self.made[id(n)])
            return
        self.made[id(n)] = with_args(n, [self.made[id(a)] for a in n.args])

    def narrow(self, n: Node, least: int = LONG) -> bool:
        """Whether the rows of n, of which there are at least so many, are padded with much that is not needed, and its columns are not."""
        rows, columns = n.shape[-2:]
        return rows >= least and columns > 1 and self.whole(columns) * rows >= WASTE * columns * self.whole(rows)

    def whole(self, count: int) -> int:
        """The next whole number of vectors."""
        return -(-count // self.lanes) * self.lanes

    def product(self, n: Node) -> Node | None:
        """(A B)^T = B^T A^T, where the rows of A^T are at hand: those of data, or of an array whose transpose A is. Else the transpose of the
        product is copied, where rows are reduced: that takes less than sums across vectors do."""
        a, b = n.args
        at_hand = self.turned.get(id(a))
        if a.function.name == "T":
            at_hand = self.made[id(a.args[0])] if id(a.args[0]) not in self.turned else None
        if at_hand is None and self.narrow(n):
            at_hand = self.lasting(a)
        if at_hand is not None and (self.narrow(n) or id(b) in self.turned):
            return apply("matmul", self.transpose(b), at_hand)
        if id(n) in self.across and self.narrow(n, FEW * self.lanes):
            return copied(apply("T", apply("matmul", self.made[id(a)], self.made[id(b)])))
        return None

    def entrywise(self, n: Node) -> Node | None:
        """Transposed if one of its arguments is, and all others can be read so."""
        whole = [a for a in n.args if a.shape == n.shape]
        if not any(id(a) in self.turned for a in whole) or not all(self.readable(a) for a in whole):
            return None
        args = [self.transpose(a) for a in n.args]
        shape = (*n.shape[:-2], n.shape[-1], n.shape[-2])
        return node(n.function, args, shape, n.kind, (*n.axes[:-2], n.axes[-1], n.axes[-2]), **dict(n.options))

    def readable(self, a: Node) -> bool:
        """Whether vectors of a column of this can be read."""
        return id(a) in self.turned or a.function.name in ("unpick", "broadcast") or self.lasting(a) is not None

    def transpose(self, a: Node) -> Node:
        """The transpose of an argument; a number for each column becomes one for each row."""
        if id(a) in self.turned:
            return self.turned[id(a)]
        if a.function.name == "unpick":
            value, index = a.args
            return apply("where", self.hot(a, index), value if value.is_number else self.row(self.made[id(value)]), 0.0)
        if (copy := self.lasting(a)) is not None:
            return copy
        a = self.made[id(a)]
        if not a.ndim:
            return a
        if a.ndim < 2:
            a = apply("reshape", a, shape=(1, *a.shape))
        return a.args[0] if a.function.name == "T" else apply("T", a)

    def hot(self, x: Node, index: Node) -> Node:
        """Where the class of a sample is the one that the row of the transpose of x belongs to."""
        classes = array(np.arange(x.shape[-1]).reshape(-1, 1))
        return apply("equal", classes, self.row(self.made[id(index)]))

    @staticmethod
    def row(a: Node) -> Node:
        """A number a sample as (1, samples), with all axes in front."""
        return apply("reshape", a, shape=(*a.shape[:-1], 1, a.shape[-1])) if a.ndim else a

    def reduction(self, n: Node) -> Node | None:
        """The reduction n, made of the transposed array; None where it is along other axes than the last two."""
        x, name = n.args[0], n.function.name
        t = self.turned[id(x)]
        if name == "dot":
            other = n.args[1]
            return node(n.function, (t, self.turned[id(other)])) if id(other) in self.turned else None
        if name == "pick":
            return apply("sum", apply("where", self.hot(x, n.args[1]), t, 0.0), axis=-2)
        axis = n.option("axis")
        axes = axis if isinstance(axis, tuple) else (axis,)
        if not set(axes) <= {-1, -2}:
            return None
        moved = tuple(sorted({-1: -2, -2: -1}[one] for one in axes))
        return node(n.function, (t,), n.shape, n.kind, n.axes, **{**dict(n.options), "axis": moved})
