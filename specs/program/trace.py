"""A function written with NumPy becomes nodes by being called: it gets `Traced` values in place of arrays, and NumPy's own protocols (NEP 13, NEP 18)
hand every operation on one of them over to the language.

What is traced are arrays of one run; those of a simulation have axes for runs in front. So axes count from the end, as in every rule.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .derivative import full
from .function import as_node
from .node import Node, Wrong, apply
from .numpy_functions import FUNCTIONS_OF_NUMPY, UFUNCS, VIEWS, Untraceable, as_kind, part

TYPES = {"int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}


class UnknownAttribute(Untraceable, AttributeError):
    """The function asks an array for what nodes do not have."""


class Traced(NDArrayOperatorsMixin):
    """An array of a function that is being traced: the node that it is now.

    `x *= a` makes it another node for everything that holds it, as NumPy's arrays do. A view follows what it is a view of.
    """

    __slots__ = ("base", "fixed", "made", "precision", "view")
    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, made: Node | None, precision: np.dtype, fixed: str = "", base: "Traced | None" = None, view: Any = None):
        self.made, self.precision, self.base, self.view = made, precision, base, view
        self.fixed = fixed
        """What it is that must not be written into, in words; "" where it may be."""

    @property
    def node(self) -> Node:
        if self.base is not None:
            return self.view(self.base.node)
        assert self.made is not None
        return self.made

    def new(self, name: str, *args: Any, **options: Any) -> "Traced":
        """The function of this name, of arrays."""
        return Traced(apply(name, *map(as_made, args), **options), self.precision)

    def viewing(self, view: Callable[[Node], Node]) -> "Traced":
        """A view of this array."""
        view(self.node)
        return Traced(None, self.precision, "a view of another array", self, view)

    def write(self, other: "Traced") -> "Traced":
        """Put the entries of another array in the place of its own."""
        if self.fixed:
            raise Untraceable(f"writes into {self.fixed}; make a new array: write x = x - lr*g instead of x -= lr*g")
        self.made = full(as_kind(other.node, self.node.kind), self.node.shape)
        return self

    # what NumPy asks

    shape = property(lambda self: self.node.shape)
    ndim = property(lambda self: self.node.ndim)
    size = property(lambda self: self.node.size)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: self)

    @property
    def dtype(self) -> np.dtype:
        return TYPES.get(self.node.kind, self.precision)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, out: Any = None, **named: Any) -> Any:
        called = f"np.{ufunc.__name__}"
        function = UFUNCS.get(ufunc.__name__)
        if method != "__call__":
            raise Untraceable(f"calls {called}.{method}; use a function of arrays such as np.sum")
        if function is None:
            raise Untraceable(f"calls {called}; {INSTEAD}")
        if any(value not in (None, "same_kind", "K", True) for value in named.values()):
            raise Untraceable(f"calls {called} with {', '.join(named)}; leave that out")
        made = self.called(function, args, {})
        return made if out is None else out[0].write(made)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        if function in VIEWS and isinstance(args[0], Traced):
            return args[0].viewing(lambda a: VIEWS[function](a, *args[1:], **named))
        handler = FUNCTIONS_OF_NUMPY.get(function) or VIEWS.get(function)
        if handler is None:
            raise Untraceable(f"calls {called_as(function)}; {INSTEAD}")
        try:
            return self.called(handler, args, named)
        except TypeError as error:
            if any(word in str(error) for word in ("unexpected keyword", "positional argument")):
                raise Untraceable(f"calls {called_as(function)} with what it cannot take here ({str(error).rpartition(') ')[2]})") from None
            raise

    def called(self, function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What a function of nodes makes of these arrays."""
        made = function(*map(opened, args), **{name: opened(value) for name, value in named.items()})
        if isinstance(made, tuple):
            return tuple(Traced(part, self.precision) if isinstance(part, Node) else part for part in made)
        return Traced(made, self.precision) if isinstance(made, Node) else made

    def __getitem__(self, at: Any) -> "Traced":
        return self.viewing(lambda a: part(a, at))

    def __setitem__(self, at: Any, value: Any) -> None:
        if at is Ellipsis or at == slice(None):
            self.write(self.new("add", value, 0.0))
        else:
            raise Untraceable("writes into a part of an array; use np.where, np.concatenate or np.stack")

    def astype(self, dtype: Any, *args: Any, **named: Any) -> "Traced":
        return np.astype(self, dtype)  # type: ignore[return-value]

    def copy(self, *args: Any) -> "Traced":
        return Traced(self.node, self.precision)

    def reshape(self, *shape: Any, **named: Any) -> "Traced":
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **named)  # type: ignore[return-value]

    def transpose(self, *axes: Any) -> "Traced":
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)  # type: ignore[return-value]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in METHODS:
            return lambda *args, **named: getattr(np, name)(self, *args, **named)
        raise UnknownAttribute(f"uses .{name} of an array; {INSTEAD}")

    def __len__(self) -> int:
        raise Untraceable("counts the rows of an array by len(); use .shape[-1] and the like")

    def __iter__(self) -> Any:
        raise Untraceable("loops over the entries of an array; use functions of arrays")

    def __bool__(self) -> bool:
        raise Untraceable("decides with `if`, `and` or `not` on the values of an array; use np.where, and &, | and ~")

    def __float__(self) -> float:
        raise Untraceable("turns an array into a Python number; use NumPy's functions, not those of math")

    __int__ = __complex__ = __index__ = __float__

    def __array__(self, *args: Any, **named: Any) -> Any:
        raise Untraceable(
            "makes a new array from an array (np.array, np.asarray, or a function from outside NumPy); use the array as it is"
        )

    def __repr__(self) -> str:
        return f"Traced({self.node!r})"


METHODS = frozenset(
    ("sum", "mean", "max", "min", "prod", "all", "any", "std", "var", "argmax", "argmin", "cumsum", "clip", "swapaxes", "squeeze", "ravel")
)
INSTEAD = "use what docs/howto/own_optimizer.md lists"


def opened(value: Any) -> Any:
    """The nodes of arrays, also of those in lists."""
    if isinstance(value, Traced):
        return value.node
    if isinstance(value, (list, tuple)) and any(isinstance(one, Traced) for one in value):
        return type(value)(map(opened, value))
    return value


def as_made(value: Any) -> Node:
    """The node of an array or a number."""
    value = opened(value)
    return value if isinstance(value, Node) else as_node(value)


def called_as(function: Callable[..., Any]) -> str:
    """A function of NumPy as one writes it."""
    return f"{function.__module__.replace('numpy', 'np', 1)}.{function.__name__}"


def trace(function: Callable[..., Any], args: Mapping[str, Node], named: Mapping[str, Any], precision: str = "float64") -> list[Node]:
    """What a function returns, as nodes.

    Parameters
    ----------
    function
        Written with NumPy, for arrays with any axes for runs in front.
    args
        The nodes it is given in order, each with its name for messages.
    named
        Its other arguments by name: nodes, and plain values that stay what they are.
    precision
        What arrays say when they are asked for their dtype.

    Returns
    -------
    The nodes, in order.

    Raises
    ------
    Untraceable
        Where the function does what no program can.
    """
    dtype = np.dtype(precision)

    def argument(name: str, value: Any) -> Any:
        return Traced(value, dtype, f"its argument {name}") if isinstance(value, Node) else value

    try:
        made = function(*(argument(n, a) for n, a in args.items()), **{n: argument(n, a) for n, a in named.items()})
    except Wrong as error:
        raise Untraceable(f"has arrays that do not go together: {error}") from None
    return [as_made(part) for part in (made if isinstance(made, (tuple, list)) else (made,))]
