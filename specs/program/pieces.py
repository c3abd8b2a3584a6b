"""Whether a formula is a mean over samples, plus what samples do not change: then its value, gradient and all else that is linear in it can be
put together from pieces of the samples, whose intermediate arrays are small.

It is decided from two programs of one formula, for all samples and for some of them. Equal nodes are one node, so what both have in common does
not depend on the samples or on their number. Where a function is not known here the answer is no.
"""

import math
from collections.abc import Collection
from functools import cache
from typing import Literal, NoReturn

from .axes import axes_left
from .function import Elementwise
from .node import Node
from .reduction import Reduction

Kind = Literal["constant", "mean", "total"]
ALONG = {"top", "softmax", "log_softmax", "cumsum", "sort", "flip"}
"""Functions along some axes, which stay."""
CONTRACTED = ("matmul", "dot")
"""Products that sum over an axis, and over all."""
LINEAR = {"negative", "reshape", "T", "sum", "broadcast", "identity", "stop_gradient", "float"}


class Mixed(Exception):
    """Samples do not stay apart, or it is not known that they do."""


def is_mean(whole: Node, piece: Node, samples: Collection[str], count: int, some: int) -> bool:
    """Whether a formula is such a mean.

    Parameters
    ----------
    whole, piece
        The formula for all samples, and for some of them.
    samples
        The inputs that have a row for every sample.
    count, some
        How many samples there are, and how many in the piece.

    Returns
    -------
    Whether `whole` is the mean of `piece` over all pieces, each weighted by its number of samples.
    """
    try:
        return _Comparison(samples, count, some).kind(whole, piece) in ("constant", "mean")
    except (Mixed, RecursionError):
        return False


def samples_axis(whole: Node, piece: Node, samples: Collection[str], count: int, some: int) -> int | None:
    """The axis of an array, counted from the end, along which every sample has its own part, made of it alone; None where there is none, or it is not
    known. The arguments are those of `is_mean`."""
    try:
        return _Comparison(samples, count, some).axis(whole, piece)
    except (Mixed, RecursionError):
        return None


class _Comparison:
    """Walks along two programs of one formula side by side."""

    def __init__(self, samples: Collection[str], count: int, some: int):
        self.samples, self.count, self.some = samples, count, some
        self.kind, self.axis = cache(self.kind), cache(self.axis)  # type: ignore[method-assign]

    def kind(self, a: Node, b: Node) -> Kind:
        """What a and b are, if they contain samples: a mean over them, or a sum. Raises Mixed if they are neither."""
        if a is b:
            return "constant"
        name = same_function(a, b)
        if name == "sum" and (axis := self.axis_or_none(a.args[0], b.args[0])) is not None:
            return "total" if axis in a.option("axis") and a.options == b.options else mixed()
        if name in LINEAR and a.options == b.options and a.shape == b.shape:
            return self.kind(a.args[0], b.args[0])
        if name in ("add", "subtract"):
            kinds = {self.kind(*pair) for pair in zip(a.args, b.args, strict=True)}
            return "total" if kinds == {"total"} else "mean" if "total" not in kinds else mixed()
        if name in CONTRACTED and self.contracted(a, b):
            return "total"
        if name in ("multiply", "divide", *CONTRACTED):
            for k in (0,) if name == "divide" else (0, 1):
                (x, y), (other, changed) = (a.args[k], b.args[k]), (a.args[1 - k], b.args[1 - k])
                if other is changed:
                    return self.kind(x, y)
                if name not in CONTRACTED and self.is_share(other, changed, name == "divide") and self.kind(x, y) == "total":
                    return "mean"
        return mixed()

    def is_share(self, a: Node, b: Node, divided: bool) -> bool:
        """Whether these are numbers that turn a sum over samples into a mean."""
        if not (a.is_number and b.is_number):
            return False
        first, second = (a.number, b.number) if divided else (b.number, a.number)
        return math.isclose(first * self.some, second * self.count, rel_tol=1e-12)

    def contracted(self, a: Node, b: Node) -> bool:
        """Whether this is a product that sums over samples, as T(X) @ r is, or sum(r*r)."""
        left, right = (self.axis_or_none(x, y) for x, y in zip(a.args, b.args, strict=True))
        return left is not None and right == (left if a.function.name == "dot" else -2) and (a.function.name == "dot" or left == -1)

    def axis_or_none(self, a: Node, b: Node) -> int | None:
        """As `axis`; None where samples do not stay apart."""
        try:
            return self.axis(a, b)
        except Mixed:
            return None

    def axis(self, a: Node, b: Node) -> int | None:
        """The axis, counted from the end, along which every sample has its own part, made of it alone; None where nothing depends on samples.
        Raises Mixed if samples do not stay apart."""
        if a is b:
            return None
        name, at = same_function(a, b), dict(a.options).get("axis")
        if name == "input":
            return -a.ndim if a.option("name") in self.samples else mixed()
        if name == "index":
            return self.after_index(a, b)
        if name in ("reshape", "broadcast"):
            return self.after_reshape(a, b) if name == "reshape" else self.after_broadcast(a, b)
        if a.options != b.options:
            mixed()
        axes = [self.axis(x, y) for x, y in zip(a.args, b.args, strict=True)]
        if isinstance(a.function, Elementwise) or name in ("identity", "stop_gradient", "float"):
            return self.common(axes)
        if not axes:
            mixed()
        first = axes[0]
        if isinstance(a.function, Reduction) and {*axes} != {first}:
            mixed()
        along: tuple[int, ...] = at if isinstance(at, tuple) else () if at is None else (at,)
        if first is not None and (isinstance(a.function, Reduction) or name in ("argmax", "argmin")) and first not in along:
            assert len(axes_left(a.args[0], along)) == a.ndim
            return first + sum(k > first for k in along)
        if first is not None and name in ALONG and first not in along:
            return first
        if name == "T" and first is not None:
            return {-1: -2, -2: -1}.get(first, first)
        if name == "pick" and axes[1] is not None and first == axes[1] - 1:
            return axes[1]
        if name == "take" and first is None and axes[1] is not None:
            return axes[1] - (a.args[0].ndim - 1)
        if name in ("matmul", "outer_matmul"):
            left, right = axes
            if left not in (None, -1) and (right is None or (left == right and left < -2)):
                return left
            if right not in (None, -2) and left is None:
                return right
        return mixed()

    def common(self, axes: list[int | None]) -> int:
        """The one axis that several arguments have."""
        found = {axis for axis in axes if axis is not None}
        return found.pop() if len(found) == 1 else mixed()

    def after_reshape(self, a: Node, b: Node) -> int:
        """Where the samples' axis is in another shape: what lies behind it has as many entries as before."""
        (x,), (y,) = a.args, b.args
        axis = self.axis(x, y)
        if axis is None:
            mixed()
        behind = math.prod(x.shape[axis:]) // x.shape[axis]
        for k in range(-a.ndim, 0):
            sizes = (a.shape[k], b.shape[k]) == (self.count, self.some)
            if sizes and math.prod(a.shape[k:]) == behind * self.count and math.prod(b.shape[k:]) == behind * self.some:
                return k
        mixed()

    def after_broadcast(self, a: Node, b: Node) -> int:
        """The samples' axis of an array that is repeated; one that does not depend on samples may be repeated for each."""
        (x,), (y,) = a.args, b.args
        changed = [k for k in range(-a.ndim, 0) if a.shape[k] != b.shape[k]]
        axis = self.axis(x, y)
        if len(changed) == 1 and axis in (None, changed[0]) and (a.shape[changed[0]], b.shape[changed[0]]) == (self.count, self.some):
            return changed[0]
        mixed()

    def after_index(self, a: Node, b: Node) -> int:
        """The samples' axis where it is taken whole."""
        (x,), (y,) = a.args, b.args
        axis, first, second = self.axis(x, y), a.option("at"), b.option("at")
        if axis is None or first[axis] != (0, self.count, 1) or second[axis] != (0, self.some, 1):
            mixed()
        if any(p != q for k, (p, q) in enumerate(zip(first, second, strict=True)) if k - x.ndim != axis):
            mixed()
        return -1 - sum(isinstance(one, tuple) for one in first[x.ndim + axis + 1 :])


def same_function(a: Node, b: Node) -> str:
    """The name of the function of both. Raises Mixed if they are not of one."""
    if a.function.name != b.function.name or len(a.args) != len(b.args) or a.ndim != b.ndim or a.kind != b.kind:
        mixed()
    return a.function.name


def mixed() -> NoReturn:
    """Raises Mixed."""
    raise Mixed
