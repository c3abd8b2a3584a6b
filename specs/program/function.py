"""What a function of the language is. specs/functions/ has one a file, each with its formula, its shape rule, its value on arrays, its
derivative in terms of other functions, and what holds at kinks and limits.

Other packages plug in through entry points in the group `thalweg.functions`.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from .node import Kind, Node, Wrong, apply, broadcast, node
from .table import FUNCTIONS

SMALLEST = 1e-37
"""A smaller number may be 0 in single precision."""
Group = Literal["elementwise", "comparisons", "reductions", "products", "structure", "losses", "programs"]
EXAMPLES: dict[str, tuple[tuple[int, ...], Kind]] = {
    "x": ((3, 4), "float"),
    "z": ((3, 4), "float"),
    "v": ((4,), "float"),
    "w": ((4,), "float"),
    "A": ((4, 4), "float"),
    "B": ((4, 4), "float"),
    "s": ((), "float"),
    "y": ((3,), "int"),
    "k": ((4,), "int"),
    "c": ((3, 4), "bool"),
}
"""What examples of functions are written over: name -> shape and kind. A and B are symmetric positive definite."""


class Function:
    """Base. A subclass gives `build`, and if its nodes are operations of their own and not made of others `value` and `adjoints`."""

    name: ClassVar[str]
    group: ClassVar[Group] = "structure"
    """Where the documentation lists it."""
    examples: ClassVar[tuple[str, ...]] = ()
    """Formulas that show and test it, over the names of EXAMPLES."""
    count: ClassVar[int | tuple[int, ...] | None] = None
    """How many arguments it takes; None where `build` says."""
    lazy: ClassVar[bool] = False
    """Whether `adjoints` takes an adjoint that is smaller than y where it broadcasts to it; others get it in y's shape."""
    rough: ClassVar[bool] = False
    """Whether its slope can be infinite or NaN anywhere, as that of sqrt at 0, or of a product with what is missing (NaN). What a mask has put
    out then sends back 0 and not 0 times infinity."""
    keeps_sign: ClassVar[bool] = False
    """Whether its entries are not below 0, or above 0, where all of those of its arguments are."""

    ufunc: ClassVar[str] = ""
    """The name of what computes it from its arguments' arrays, where that is one function of the array API and a ufunc in NumPy: add."""
    each: ClassVar[bool] = False
    """Whether each entry of its value is made of those at its place in the arguments."""
    in_place: ClassVar[bool] = True
    """Whether NumPy is as quick where it writes over an argument as elsewhere."""

    @property
    def fresh(self) -> bool:
        """Whether its value shares no memory with its arguments."""
        return bool(self.ufunc)

    def __call__(self, *args: Any, **options: Any) -> Node:
        counts = (self.count,) if isinstance(self.count, int) else self.count
        if counts and len(args) not in counts:
            wanted = " or ".join(map(str, counts))
            raise Wrong(f"{self.name} takes {wanted} argument{'s' * (counts != (1,))}, {len(args)} given")
        return self.build(*map(as_node, args), **options)

    def build(self, *args: Node, **options: Any) -> Node:
        """The node on these arguments. Raises Wrong for shapes or kinds that it does not take."""
        raise NotImplementedError

    def least(self, y: Node) -> int:
        """What is known of the entries of y = f(args): 2 that all are above 0, 1 that none is below, 0 nothing."""
        return min((a.least for a in y.args if a.kind == "float"), default=0) if self.keeps_sign else 0

    def options(self) -> dict[str, Any]:
        """The options of `build` that have a name, with their defaults."""
        given = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        """What the node `made` is, from the arrays of its arguments, which may have axes for runs in front."""
        if not self.ufunc:
            raise NotImplementedError
        return getattr(xp, self.ufunc)(*arrays)

    def made_of(self, y: Node, *args: Node) -> Node | None:
        """The node y of these arguments in simpler functions, for executors that compile; None if `value` itself, called with nodes, says that."""
        return None

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """From the adjoint g of y = f(args) those of the arguments; None where it is 0. It may be smaller than an argument where it broadcasts
        to it."""
        raise NotImplementedError

    def safe_adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """As `adjoints`, where g is 0 at what a mask has put out; a function that is `rough` makes sure that this stays 0."""
        return self.adjoints(g, y, *args)


class Elementwise(Function):
    """A function of each entry alone; arguments broadcast. A subclass gives `formula` and `slopes`."""

    group = "elementwise"
    lazy = True
    rough = True
    each = True
    result: ClassVar[Kind | None] = "float"
    """The kind of the result; None where it is that of the arguments."""
    takes: ClassVar[tuple[Kind, ...]] = ("float", "int", "bool")
    """The kinds of the arguments."""
    count = 1

    def formula(self, xp: Any, *arrays: Any) -> Any:
        """The value, entry by entry; that of `ufunc` if there is one."""
        if not self.ufunc:
            raise NotImplementedError
        return getattr(xp, self.ufunc)(*arrays)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """The partial derivatives by the arguments; None where they are 0 everywhere."""
        raise NotImplementedError

    def fold(self, *numbers: float) -> float | None:
        """The value of numbers written out; None if it is to be computed at evaluation."""
        return None

    def prepared(self, *args: Node) -> tuple[Node, ...]:
        """The arguments as `formula` takes them: as numbers where the result is a number."""
        return tuple(map(as_float, args)) if self.result == "float" else args

    def build(self, *args: Node, **options: Any) -> Node:
        for k, a in enumerate(args):
            if a.kind not in self.takes:
                raise Wrong(f"{self.name} takes {' or '.join(WORDS[kind] for kind in self.takes)}, and {{{k}}} is {WORDS[a.kind]}", *args)
        if all(a.is_number for a in args) and (folded := self.fold(*(a.number for a in args))) is not None:
            if not math.isfinite(folded) and all(math.isfinite(a.number) for a in args):
                raise Wrong(f"{self.name} of {' and '.join(f'{a.number:g}' for a in args)} is not a finite number")
            return number(folded)
        args = self.prepared(*args)
        kind: Kind = self.result or next(wide for wide in WORDS if any(a.kind == wide for a in args))
        args = aligned(*args)
        shape = broadcast([a.shape for a in args])
        assert shape is not None
        return node(self, args, shape, kind, axes_of(args, shape), **options)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return self.formula(xp, *arrays)

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return self.times_slopes(g, y, args, lambda part: part)

    def safe_adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        """As `adjoints`, but 0 wherever g is, also where a slope is infinite or NaN."""
        put_out = apply("equal", g, 0.0)
        return self.times_slopes(g, y, args, lambda part: apply("where", put_out, 0.0, part))

    def times_slopes(self, g: Node, y: Node, args: tuple[Node, ...], mask: Callable[[Node], Node]) -> tuple[Node | None, ...]:
        """g times the slopes, masked, summed along the axes along which an argument was broadcast."""
        parts = [None if slope is None else slope if is_one(g) else g if is_one(slope) else g * slope for slope in self.slopes(y, *args)]
        return tuple(None if part is None else summed(mask(part), y.shape, a.shape) for part, a in zip(parts, args, strict=True))


class Comparison(Elementwise):
    """Two arrays compared entry by entry. Its slope is 0."""

    group = "comparisons"
    result = "bool"
    count = 2

    def build(self, *args: Node, **options: Any) -> Node:
        if any(a.kind == "float" and not a.is_number for a in args):
            args = tuple(map(as_float, args))
        elif any(a.kind != "float" for a in args):
            args = tuple(array(int(a.number)) if a.is_number and a.number.is_integer() else a for a in args)
            args = args if all(a.kind != "float" for a in args) else tuple(map(as_float, args))
        return super().build(*args, **options)

    def slopes(self, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,) * len(args)


class Composed(Function):
    """A function that is made of others: a subclass gives `build` alone, and derivatives follow."""


WORDS: dict[Kind, str] = {"float": "numbers", "int": "whole numbers", "bool": "truth values"}


class Number(Function):
    """A number written out, in the precision of what it meets."""

    name = "number"

    def least(self, y: Node) -> int:
        return 2 if y.number > SMALLEST else 1 if y.number >= 0 else 0


class Array(Function):
    """An array written out. Equal arrays are one node."""

    name = "array"

    def least(self, y: Node) -> int:
        entries = y.option("entries").array
        lowest = float(entries.min()) if entries.size else math.inf
        return 2 if lowest > SMALLEST else 1 if lowest >= 0 else 0


class Entries:
    """The entries of an array, compared by value."""

    def __init__(self, array: np.ndarray):
        self.array = np.array(array, order="C")
        self.key = (self.array.dtype.str, self.array.shape, self.array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entries) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: "Entries") -> bool:
        return self.key < other.key


class Input(Function):
    """What comes from outside: a variable, data, a parameter, the step."""

    name = "input"


class Identity(Function):
    """The same values under an identity of its own, so that `grad` can be taken by an intermediate. Sharing by content would make it one with
    every equal node."""

    name = "identity"
    keeps_sign = True

    def build(self, *args: Node, **options: Any) -> Node:
        (a,) = args
        return node(self, args, a.shape, a.kind, a.axes, **options)

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return arrays[0]

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (g,)


class Float(Function):
    """Whole numbers and truth values as numbers, in the precision of the inputs."""

    name = "float"

    def least(self, y: Node) -> int:
        (a,) = y.args
        return 1 if a.kind == "bool" else a.least

    def adjoints(self, g: Node, y: Node, *args: Node) -> tuple[Node | None, ...]:
        return (None,)


NUMBER, ARRAY, INPUT, IDENTITY, FLOAT = Number(), Array(), Input(), Identity(), Float()


def as_float(a: Node) -> Node:
    """The same as numbers."""
    return a if a.kind == "float" else node(FLOAT, (a,), a.shape, axes=a.axes)


def number(value: float) -> Node:
    """A number written out."""
    return node(NUMBER, value=float(value))


def array(values: Any) -> Node:
    """An array written out, of floats, whole numbers or truth values."""
    values = np.asarray(values)
    kind: Kind = "bool" if values.dtype.kind == "b" else "int" if values.dtype.kind in "iu" else "float"
    if kind == "float":
        values = values.astype(np.float64)
    return number(float(values)) if not values.shape and kind == "float" else node(ARRAY, (), values.shape, kind, entries=Entries(values))


def given(name: str, shape: tuple[int, ...] = (), kind: Kind = "float", axes: tuple[str, ...] | None = None) -> Node:
    """An input of this name. One whose axes have other names is another input: messages tell them."""
    return node(INPUT, (), shape, kind, axes, name=name, labels=axes or ())


def as_node(value: Any) -> Node:
    """A node as it is, a number or an array written out."""
    if isinstance(value, Node):
        return value
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else array(value)


def is_one(a: Node) -> bool:
    """Whether this is the number 1 written out."""
    return a.is_number and a.number == 1.0


def reshaped(a: Node, shape: tuple[int, ...]) -> Node:
    """The same entries in another shape."""
    return a if a.shape == shape else FUNCTIONS.load("reshape").to(a, shape)


def aligned(*args: Node) -> tuple[Node, ...]:
    """The arguments with as many axes each, 1 in front where one has fewer; numbers written out stay. Raises Wrong if they do not go together."""
    if broadcast([a.shape for a in args]) is None:
        i, j = next((i, j) for i, a in enumerate(args) for j, b in enumerate(args) if broadcast([a.shape, b.shape]) is None)
        raise Wrong(f"{{{i}}} and {{{j}}} do not go together: axes, from the last on, must be equal or 1", *args)
    most = max((a.ndim for a in args), default=0)
    return tuple(a if a.is_number or a.ndim == most else reshaped(a, (*(1,) * (most - a.ndim), *a.shape)) for a in args)


def summed(g: Node, shape: tuple[int, ...], to: tuple[int, ...]) -> Node:
    """An adjoint of something of this `shape`, which g may be smaller than, summed along the axes along which an argument of shape `to` was
    broadcast."""
    if g.is_number and math.prod(to):
        return g * float(math.prod(shape) // math.prod(to))
    if not to:
        times = math.prod(shape) // max(1, g.size)
        g = apply("sum", g) if g.shape else g
        return g * float(times) if times != 1 else g
    axes, times = [], 1
    g = reshaped(g, (*(1,) * (len(shape) - g.ndim), *g.shape))
    for k, (n, m) in enumerate(zip(shape, to, strict=True)):
        if m == 1 and n != 1:
            if g.shape[k] == n:
                axes.append(k)
            else:
                times *= n
    g = apply("sum", g, axis=tuple(axes), keepdims=True) if axes else g
    return g * float(times) if times != 1 else g


def axes_of(args: tuple[Node, ...], shape: tuple[int, ...]) -> tuple[str, ...]:
    """The names of the axes of what arguments broadcast to."""
    names = [""] * len(shape)
    for a in args:
        for k in range(1, a.ndim + 1):
            if a.axes[-k] and a.shape[-k] == shape[-k]:
                names[-k] = names[-k] or a.axes[-k]
    return tuple(names)
