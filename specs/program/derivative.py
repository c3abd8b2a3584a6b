"""Exact derivatives of programs, as programs: reverse mode, one adjoint a node. Source: Griewank and Walther 2008,
doi:10.1137/1.9780898717761, chapter 3.

A value that a mask (`where`, `maximum`, `relu`, ...) has put out must not send NaN back: the adjoint is 0 there, and 0 times an infinite slope
would not be. Where an adjoint has come through a mask and meets a function whose slope can be infinite or NaN, entries at which it is 0 stay
0.
"""

from collections.abc import Sequence

from .function import FUNCTIONS, number
from .node import Node, Wrong, apply, charge, ordered

MASKS = {"where", "maximum", "minimum", "relu", "leaky_relu", "abs", "max", "min", "norm", "pick", "index", "take"}
"""Functions whose slope is 0 at what they put out."""


def grad(y: Node, by: Sequence[Node]) -> list[Node]:
    """The derivatives of the scalar y by these nodes, shaped as they are; zeros where y does not depend on one.

    Raises Wrong if y is no scalar, or a function on the way has no derivative.
    """
    if y.shape:
        raise Wrong("only one number has a gradient, and {0} is an array; take its sum or mean", y)
    found = pulled(y, number(1.0), by)
    return [zeros(x) if g is None else full(g, x.shape) for g, x in zip(found, by, strict=True)]


def pulled(y: Node, cotangent: Node, by: Sequence[Node]) -> list[Node | None]:
    """The adjoints of these nodes where y has this one, shaped as y; None where they are 0."""
    order = ordered([y], by if len(by) == 1 else ())
    charge(len(order))
    wanted = {id(x) for x in by}
    on_way = set(wanted)
    for n in order:
        if any(id(a) in on_way for a in n.args):
            on_way.add(id(n))
    adjoint: dict[int, Node] = {id(y): cotangent}
    masked: set[int] = set()
    for n in reversed(order):
        g = adjoint.get(id(n))
        if g is None or id(n) not in on_way or not n.args:
            continue
        g = g if n.function.lazy else full(g, n.shape)
        safe = id(n) in masked and n.function.rough
        parts = n.function.safe_adjoints(g, n, *n.args) if safe else n.function.adjoints(g, n, *n.args)
        for a, part in zip(n.args, parts, strict=True):
            if part is None or id(a) not in on_way or a.kind != "float":
                continue
            adjoint[id(a)] = part if id(a) not in adjoint else adjoint[id(a)] + part
            if id(n) in masked or n.function.name in MASKS:
                masked.add(id(a))
    return [adjoint.get(id(x)) for x in by]


def hvp(y: Node, by: Sequence[Node], along: Sequence[Node]) -> list[Node]:
    """The Hessian of y times a vector given in the parts `along`: the gradient of <grad y, v>, exact."""
    return grad(inner(grad(y, by), along), by)


def inner(first: Sequence[Node], second: Sequence[Node]) -> Node:
    """The inner product of two lists of arrays."""
    total = number(0.0)
    for a, b in zip(first, second, strict=True):
        total = total + apply("sum", a * b)
    return total


def zeros(like: Node) -> Node:
    """Zeros in this shape."""
    return full(number(0.0), like.shape)


def full(a: Node, shape: tuple[int, ...]) -> Node:
    """The array broadcast to this shape."""
    return a if a.shape == shape else FUNCTIONS.load("broadcast").to(a, shape)
