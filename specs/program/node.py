"""A node: one array-valued operation on other nodes, with a shape that is known when the study is read.

The same operation on the same nodes is the same object, so what a formula repeats is computed once. Shapes are those of one run; the arrays
that come at evaluation may have axes for runs in front (arrays.py). The axes carry names of sizes, for messages alone.
"""

import contextlib
import math
import re
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import SpecError
from .table import FUNCTIONS

if TYPE_CHECKING:
    from .function import Function

Kind = Literal["float", "int", "bool"]
PLACES = re.compile(r"\{(\d)\}")
MAX_NUMBERS = 2**28
"""Numbers that one intermediate array of one run may have."""
MAX_NODES = 20_000
"""Operations that a program may have, unrolled and with its derivatives."""
MAX_WORK = 50 * MAX_NODES
"""Steps that reading may take: what is shared makes no new operations, however often it is read."""


class Wrong(SpecError):
    """A program that cannot be built. In the text {0}, {1}, ... stand for the function's arguments; whoever knows how these are written
    fills that in (read.py)."""

    def __init__(self, text: str, *args: "Node"):
        self.text, self.operands = text, args
        super().__init__(self.said([describe(a) for a in args]))

    def said(self, names: Sequence[str]) -> str:
        """The text with the arguments by these names. Other braces stand for themselves: they are the user's."""
        return PLACES.sub(lambda place: names[int(place[1])] if int(place[1]) < len(names) else place[0], self.text)


class Node:
    """One operation. `options` are its plain settings as (name, value) pairs; `axes` the names of its axes, "" where an axis has none; `least` says
    what is known of its entries, whatever comes in: 2 that they are above 0, 1 that none is below, 0 nothing."""

    __slots__ = ("__weakref__", "args", "axes", "function", "kind", "least", "options", "shape")
    __array_priority__ = 1000

    function: "Function"
    args: tuple["Node", ...]
    options: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    kind: Kind
    least: int

    def option(self, name: str) -> Any:
        """One of the settings."""
        return dict(self.options)[name]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_number(self) -> bool:
        """Whether it is a number written out."""
        return self.function.name == "number"

    @property
    def number(self) -> float:
        """Its value, of a number written out."""
        return self.options[0][1]

    def __repr__(self) -> str:
        return f"{self.function.name}{describe(self)}"

    def __add__(self, other: Any) -> "Node":
        return apply("add", self, other)

    def __radd__(self, other: Any) -> "Node":
        return apply("add", other, self)

    def __sub__(self, other: Any) -> "Node":
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> "Node":
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> "Node":
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> "Node":
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> "Node":
        return apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Node":
        return apply("divide", other, self)

    def __pow__(self, other: Any) -> "Node":
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> "Node":
        return apply("power", other, self)

    def __matmul__(self, other: Any) -> "Node":
        return apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> "Node":
        return apply("matmul", other, self)

    def __neg__(self) -> "Node":
        return apply("negative", self)

    def __pos__(self) -> "Node":
        return self

    def __abs__(self) -> "Node":
        return apply("abs", self)

    def __lt__(self, other: Any) -> "Node":
        return apply("less", self, other)

    def __le__(self, other: Any) -> "Node":
        return apply("less_equal", self, other)

    def __gt__(self, other: Any) -> "Node":
        return apply("less", other, self)

    def __ge__(self, other: Any) -> "Node":
        return apply("less_equal", other, self)


_made: "weakref.WeakValueDictionary[Any, Node]" = weakref.WeakValueDictionary()
_lock = threading.RLock()


class _Budget(threading.local):
    """How many more nodes there may be, and how many steps; None where nobody counts. `met` are the nodes that were counted."""

    left: int | None = None
    work = 0
    met: set[int] = set()

    def meet(self, one: Node) -> None:
        """Counts a node, also one that others hold already: whether a program is too large is not for them to decide."""
        if self.left is not None and id(one) not in self.met:
            self.met.add(id(one))
            self.left -= 1
            if self.left < 0:
                raise Wrong(f"more than {MAX_NODES:,} operations, with all loops unrolled; use fewer or shorter ones")


_budget = _Budget()


@contextlib.contextmanager
def at_most(count: int = MAX_NODES) -> Iterator[None]:
    """Within this a program has no more than so many nodes, whatever is unrolled; raises Wrong beyond."""
    before = _budget.left, _budget.work, _budget.met
    _budget.left, _budget.work, _budget.met = count, MAX_WORK, set()
    try:
        yield
    finally:
        _budget.left, _budget.work, _budget.met = before


def charge(steps: int) -> None:
    """Counts steps of reading or of differentiation that need not make nodes. Raises Wrong beyond MAX_WORK, within `at_most`."""
    if _budget.left is not None:
        _budget.work -= steps
        if _budget.work < 0:
            raise Wrong("it takes too long to unroll its loops, definitions and gradients; use fewer or shorter ones")


def node(
    function: "Function",
    args: Iterable[Node] = (),
    shape: Sequence[int] = (),
    kind: Kind = "float",
    axes: Sequence[str] | None = None,
    **options: Any,
) -> Node:
    """The node of this function on these nodes.

    Parameters
    ----------
    function
        What it computes.
    args
        The nodes that it is computed from.
    shape
        Its shape in one run.
    kind
        Of its numbers: float, int or bool.
    axes
        The names of its axes; none by default.
    options
        Plain settings of the function: hashable, compared by value.

    Returns
    -------
    The one node of this content.

    Raises
    ------
    Wrong
        If it has more than MAX_NUMBERS numbers, or the program more nodes than `at_most` allows.
    """
    args, shape, settings = tuple(args), tuple(int(n) for n in shape), tuple(sorted(options.items()))
    key = (function.name, tuple(map(id, args)), settings, shape, kind)
    with _lock:
        found = _made.get(key)
        if found is not None:
            _budget.meet(found)
            return found
        if math.prod(shape) > MAX_NUMBERS:
            raise Wrong(f"{function.name} makes {math.prod(shape):,} numbers in every run; at most {MAX_NUMBERS:,} are allowed")
        new = Node()
        _budget.met.discard(id(new))  # that of one which is gone
        _budget.meet(new)
        new.function, new.args, new.options, new.shape, new.kind = function, args, settings, shape, kind
        new.axes = tuple(axes) if axes is not None and len(axes) == len(shape) else ("",) * len(shape)
        new.least = function.least(new)
        _made[key] = new
        return new


def with_args(n: Node, args: Sequence[Node]) -> Node:
    """What n computes, of other arguments of the same shapes; n itself where they are its own."""
    if all(a is b for a, b in zip(args, n.args, strict=True)):
        return n
    return node(n.function, args, n.shape, n.kind, n.axes, **dict(n.options))


def apply(name: str, *args: Any, **options: Any) -> Node:
    """The function of this name on nodes and numbers."""
    return FUNCTIONS.load(name)(*args, **options)


def ordered(outputs: Iterable[Node], ends: Iterable[Node] = ()) -> list[Node]:
    """All nodes that these are made of, each once, after its arguments; without what the `ends` alone are made of."""
    seen: set[int] = set(map(id, ends))
    order: list[Node] = list(ends)
    for output in outputs:
        stack = [(output, iter(output.args))] if id(output) not in seen else []
        seen.add(id(output))
        while stack:
            top, rest = stack[-1]
            for arg in rest:
                if id(arg) not in seen:
                    seen.add(id(arg))
                    stack.append((arg, iter(arg.args)))
                    break
            else:
                order.append(top)
                stack.pop()
    return order


def describe(a: Node) -> str:
    """The shape with the names of its sizes: '(n=1437, p=64)'; 'a number' for a scalar."""
    if not a.shape:
        return "a number" if a.kind == "float" else "a whole number" if a.kind == "int" else "a truth value"
    parts = [f"{name}={n}" if name and not name.isdecimal() else str(n) for name, n in zip(a.axes, a.shape, strict=True)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The shape that these have together by NumPy's rules; None if they do not go together."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None
