"""NumPy's functions as functions of nodes, for what is traced (trace.py)."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import SpecError
from .derivative import full
from .function import as_float, as_node, number, reshaped
from .node import Node, apply

SAME = (
    *("add", "subtract", "multiply", "divide", "negative", "power", "sqrt", "square", "exp", "expm1", "log", "log1p", "sin", "cos", "tan"),
    *("sinh", "cosh", "tanh", "arctan", "sign", "floor", "maximum", "minimum", "less", "less_equal", "equal", "not_equal", "isfinite"),
    *("logaddexp", "matmul", "erf", "erfc"),
)
"""NumPy's and SciPy's names that are also those of the language."""


class Untraceable(SpecError):
    """Why a function does not become nodes, as the end of a sentence: 'calls np.fft.fft, ...'."""


def as_kind(a: Node, kind: str) -> Node:
    """The entries as numbers, whole numbers or truth values."""
    if a.kind == kind:
        return a
    if kind == "float":
        return as_float(a)
    if kind == "bool":
        return apply("not_equal", a, 0.0)
    raise Untraceable("turns an array into another type; numbers stay numbers")


def named(name: str) -> Callable[..., Node]:
    """The function of the language."""
    return lambda *args: apply(name, *map(as_node, args))


def truths(name: str) -> Callable[..., Node]:
    """A function of truth values."""
    return lambda *args: apply(name, *(as_kind(as_node(a), "bool") for a in args))


def remainder(a: Any, b: Any) -> Node:
    """a - b floor(a / b)."""
    return apply("subtract", a, apply("multiply", b, floored(a, b)))


def floored(a: Any, b: Any) -> Node:
    """floor(a / b)."""
    return apply("floor", apply("divide", a, b))


UFUNCS: dict[str, Callable[..., Any]] = {
    **{name: named(name) for name in SAME},
    "positive": lambda a: a,
    "conjugate": lambda a: a,
    "absolute": named("abs"),
    "fabs": named("abs"),
    "float_power": named("power"),
    "expit": named("sigmoid"),
    "reciprocal": lambda a: apply("divide", 1.0, a),
    "exp2": lambda a: apply("power", 2.0, a),
    "log2": lambda a: apply("divide", apply("log", a), math.log(2.0)),
    "log10": lambda a: apply("divide", apply("log", a), math.log(10.0)),
    "ceil": lambda a: apply("negative", apply("floor", apply("negative", a))),
    "remainder": remainder,
    "floor_divide": floored,
    "greater": lambda a, b: apply("less", b, a),
    "greater_equal": lambda a, b: apply("less_equal", b, a),
    "isnan": lambda a: apply("not_equal", a, a),
    "isinf": lambda a: apply("equal", apply("abs", a), math.inf),
    **{f"{kind}_{name}": truths(f"logical_{name}") for kind in ("logical", "bitwise") for name in ("and", "or")},
    "logical_not": truths("logical_not"),
    "invert": truths("logical_not"),
    "logical_xor": truths("not_equal"),
    "bitwise_xor": truths("not_equal"),
    "vecdot": lambda a, b: apply("sum", apply("multiply", a, b), axis=-1),
}
"""By the name of the ufunc."""


def from_end(axis: Any) -> Any:
    """Axes that count from the end, as they must; None are all of a run."""
    for one in several(axis):
        if one is not None and (isinstance(one, bool) or not isinstance(one, (int, np.integer))):
            raise Untraceable("names an axis by something other than a whole number")
        if one is not None and one >= 0:
            raise Untraceable(f"counts an axis from the front ({one}), where those of the runs stand; count from the end: axis=-1")
    return tuple(map(int, axis)) if isinstance(axis, (tuple, list)) else axis if axis is None else int(axis)


def several(axis: Any) -> tuple[Any, ...]:
    """One axis, or several, as several."""
    return tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)


def reduction(name: str) -> Callable[..., Node]:
    """A reduction over axes."""

    def reduced(a: Any, axis: Any = None, dtype: None = None, out: None = None, keepdims: bool = False) -> Node:
        plain(dtype, out)
        a = as_node(a)
        return apply(name, as_kind(a, "bool") if name in ("all", "any") else a, axis=from_end(axis), keepdims=bool(keepdims))

    return reduced


def along_axis(name: str) -> Callable[..., Node]:
    """A function along one axis, of which the last is the default of the language."""

    def along(a: Any, axis: Any = -1, **others: None) -> Node:
        plain(*others.values())
        return apply(name, a, axis=from_end(axis))

    return along


def spread(name: str) -> Callable[..., Node]:
    """Variance and standard deviation."""

    def of(a: Any, axis: Any = None, dtype: None = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> Node:
        plain(dtype, out)
        return apply(name, a, axis=from_end(axis), ddof=ddof, keepdims=bool(keepdims))

    return of


def plain(*options: Any) -> None:
    """Raises Untraceable for options that are given."""
    if any(option is not None for option in options):
        raise Untraceable("gives a NumPy function an option other than axis and keepdims, such as dtype or out; leave it out")


def where(condition: Any, a: Any, b: Any) -> Node:
    return apply("where", as_kind(as_node(condition), "bool"), a, b)


def clip(a: Any, low: Any = None, high: Any = None) -> Node:
    a = as_node(a) if low is None else apply("maximum", a, low)
    return a if high is None else apply("minimum", a, high)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    axis, keepdims = from_end(axis), bool(keepdims)
    if ord in (1, math.inf) and isinstance(axis, int):
        return apply("sum" if ord == 1 else "max", apply("abs", x), axis=axis, keepdims=keepdims)
    if ord is None or (ord == 2 and isinstance(axis, int)) or (ord == "fro" and isinstance(axis, tuple)):
        return apply("sqrt", apply("sum", apply("multiply", x, x), axis=axis, keepdims=keepdims))
    raise Untraceable(f"calls np.linalg.norm with ord {ord!r}; write it with np.sum, np.max or np.linalg.svd")


def reshape(a: Node, shape: Any, order: str = "C", copy: None = None) -> Node:
    if order != "C":
        raise Untraceable("reshapes in an order other than that of rows (order C)")
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
    if -1 in shape:
        rest = -math.prod(shape)
        shape = tuple(a.size // rest if n == -1 else n for n in shape)
    return apply("reshape", a, shape=tuple(map(int, shape)))


def places_of(a: Node, axes: Any) -> list[int]:
    """Axes that count from the end, as numbers from the front."""
    for one in several(from_end(axes)):
        if one < -a.ndim:
            raise Untraceable(f"names axis {one} of an array that has {a.ndim} besides those of the runs")
    return [one + a.ndim for one in several(from_end(axes))]


def permuted(a: Node, order: Sequence[int]) -> Node:
    """The axes in another order."""
    letters = "abcdefghijklmnopqrstuvwxyz"[: a.ndim]
    return apply("einsum", a, subscripts=f"{letters}->{''.join(letters[k] for k in order)}")


def transpose(a: Node, axes: Any = None) -> Node:
    if axes is not None:
        raise Untraceable("permutes all axes, of which those of the runs stand in front; use np.moveaxis or np.swapaxes")
    if a.ndim > 2:
        raise Untraceable("transposes an array of more than two axes; use np.swapaxes(a, -1, -2)")
    return permuted(a, tuple(range(a.ndim))[::-1])


def swapaxes(a: Node, axis1: int, axis2: int) -> Node:
    order, (i, j) = list(range(a.ndim)), places_of(a, (axis1, axis2))
    order[i], order[j] = order[j], order[i]
    return permuted(a, order)


def moveaxis(a: Node, source: Any, destination: Any) -> Node:
    sources, places = places_of(a, source), places_of(a, destination)
    order = [k for k in range(a.ndim) if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        order.insert(place, k)
    return permuted(a, order)


def expand_dims(a: Node, axis: Any) -> Node:
    places, shape = several(from_end(axis)), list(a.shape)
    ndim = a.ndim + len(places)
    for place in sorted(k + ndim for k in places):
        shape.insert(place, 1)
    return reshaped(a, tuple(shape))


def squeeze(a: Node, axis: Any = None) -> Node:
    if axis is None:
        raise Untraceable("squeezes every axis of size 1, perhaps that of the runs too; name the axis: axis=-1")
    gone = places_of(a, axis)
    return reshape(a, tuple(n for k, n in enumerate(a.shape) if k not in gone))


def part(a: Node, at: Any) -> Node:
    """a[..., slices, numbers and None]."""
    items = at if isinstance(at, tuple) else (at,)
    if not items or items[0] is not Ellipsis:
        raise Untraceable("indexes an array from the front, where the axes of the runs stand; begin with ...: x[..., 0]")
    items = items[1:]
    if not all(one is None or isinstance(one, (int, np.integer, slice)) for one in items):
        raise Untraceable("indexes an array by another, or by ... twice; use np.where, numbers and slices")
    taken = [one for one in items if one is not None]
    front = a.ndim - len(taken)
    if front < 0:
        raise Untraceable(f"indexes {len(taken)} axes of an array that has {a.ndim} besides those of the runs")
    places: list[Any] = [(None, None, None)] * front
    shape, sizes = list(a.shape[:front]), iter(a.shape[front:])
    for one in items:
        if one is None:
            shape.append(1)
        elif isinstance(one, slice):
            n = next(sizes)
            start, stop, step = one.indices(n)
            places.append((start, None if stop < 0 else stop, step))
            shape.append(len(range(start, stop, step)))
        else:
            next(sizes)
            places.append(int(one))
    return reshaped(apply("index", a, at=tuple(places)), tuple(shape))


def einsum(subscripts: str, *operands: Any, out: None = None, optimize: Any = None) -> Node:
    plain(out)
    nodes = [as_node(a) for a in operands]
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    if not arrow:
        raise Untraceable("calls np.einsum without ->; write the axes of the result")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in text]
    terms, most = left.split(","), 0
    for k, (term, a) in enumerate(zip(terms, nodes, strict=False)):
        if "..." in term:
            extra = a.ndim - (len(term) - 3)
            most = max(most, extra)
            terms[k] = term.replace("...", "".join(free[:extra][::-1]))
    right = right.replace("...", "".join(free[:most][::-1]))
    return apply("einsum", *nodes, subscripts=f"{','.join(terms)}->{right}")


def joined(name: str) -> Callable[..., Node]:
    """Arrays put together along an axis."""

    def together(arrays: Sequence[Any], axis: Any = 0, out: None = None, dtype: None = None, casting: str = "same_kind") -> Node:
        plain(out, dtype)
        return apply(name, *map(as_node, arrays), axis=from_end(axis))

    return together


def filled(value: float) -> Callable[..., Node]:
    """An array of one number."""

    def like(a: Node, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None) -> Node:
        plain(shape)
        return full(number(value), a.shape)

    return like


def triangle(name: str) -> Callable[..., Node]:
    """The entries above or below a diagonal, zeros elsewhere."""

    def of(a: Node, k: int = 0) -> Node:
        there = getattr(np, name)(np.ones(a.shape[-2:]), k) > 0
        return apply("where", there, a, 0.0)

    return of


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    a = as_float(as_node(a))
    if not compute_uv:
        return apply("svdvals", a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise Untraceable("calls np.linalg.svd with full matrices; give full_matrices=False")
    return tuple(apply("svd", a, part=part) for part in ("left", "values", "right"))


def eigh(a: Any, UPLO: str = "L") -> Any:
    if UPLO != "L":
        raise Untraceable("calls np.linalg.eigh with the upper triangle; leave out UPLO")
    return tuple(apply("eigh", a, part=part, lower=True) for part in ("values", "vectors"))


def qr(a: Any, mode: str = "reduced") -> Any:
    if mode != "reduced":
        raise Untraceable(f"calls np.linalg.qr with mode {mode!r}; leave it out")
    return tuple(apply("qr", a, part=part) for part in ("q", "r"))


def solve(a: Any, b: Any) -> Node:
    a, b = as_node(a), as_node(b)
    if b.ndim < 2:
        raise Untraceable("calls np.linalg.solve with a vector, which the axes of the runs turn into a matrix; give it b[..., None]")
    return apply("solve", a, b)


def trace(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    if offset or {axis1, axis2} != {-1, -2}:
        raise Untraceable("calls np.trace over axes from the front; give axis1=-2, axis2=-1")
    return apply("sum", diagonal(a, 0, -2, -1), axis=-1)


def diagonal(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    if offset or {axis1, axis2} != {-1, -2}:
        raise Untraceable("calls np.diagonal of axes from the front; give axis1=-2, axis2=-1")
    letters = "abcdefghijklmnopqrstuvwxyz"[: a.ndim - 2]
    return apply("einsum", a, subscripts=f"{letters}zz->{letters}z")


def astype(a: Any, dtype: Any, copy: bool = True, device: None = None) -> Node:
    """Numbers in the precision of the study, whatever dtype says of it."""
    return as_kind(as_node(a), {"f": "float", "b": "bool", "i": "int"}.get(np.dtype(dtype).kind, ""))


VIEWS: dict[Callable[..., Any], Callable[..., Node]] = {
    np.reshape: reshape,
    np.ravel: lambda a, order="C": reshape(a, (-1,), order),
    np.transpose: transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.broadcast_to: lambda a, shape, subok=False: apply("broadcast", a, shape=tuple(shape)),
    np.diagonal: diagonal,
    np.linalg.diagonal: lambda a, offset=0: diagonal(a, offset, -2, -1),
    np.matrix_transpose: lambda a: apply("T", a),
    np.linalg.matrix_transpose: lambda a: apply("T", a),
}
"""Functions whose result shares its entries with the array."""
FUNCTIONS_OF_NUMPY: dict[Callable[..., Any], Callable[..., Any]] = {
    **{getattr(np, name): reduction(name) for name in ("sum", "mean", "max", "min", "prod", "all", "any")},
    **{getattr(np, name): spread(name) for name in ("var", "std")},
    **{getattr(np, name): along_axis(name) for name in ("argmax", "argmin", "cumsum", "sort", "flip")},
    np.astype: astype,
    np.where: where,
    np.clip: clip,
    np.copy: lambda a, **others: as_node(a),
    np.concatenate: joined("concat"),
    np.stack: joined("stack"),
    np.zeros_like: filled(0.0),
    np.empty_like: filled(0.0),
    np.ones_like: filled(1.0),
    np.full_like: lambda a, value, **others: full(as_node(value), a.shape),
    np.tril: triangle("tril"),
    np.triu: triangle("triu"),
    np.roll: lambda a, shift, axis=None: apply("roll", a, shift, axis=from_end(axis)),
    np.einsum: einsum,
    np.trace: trace,
    np.linalg.trace: lambda a, offset=0: trace(a, offset, -2, -1),
    np.linalg.norm: norm,
    np.linalg.vector_norm: lambda x, axis=None, keepdims=False, ord=2: norm(x, ord, axis, keepdims),
    np.linalg.matrix_norm: lambda x, keepdims=False, ord="fro": norm(x, ord, (-2, -1), keepdims),
    np.linalg.inv: named("inv"),
    np.linalg.solve: solve,
    np.linalg.cholesky: named("cholesky"),
    np.linalg.svd: svd,
    np.linalg.svdvals: named("svdvals"),
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: lambda a, UPLO="L": eigh(a, UPLO)[0],
    np.linalg.qr: qr,
    np.linalg.matrix_power: lambda a, n: apply("matrix_power", a, n),
    np.linalg.matmul: named("matmul"),
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
}
