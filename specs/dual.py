"""Exact derivatives along a direction, by dual numbers: every array carries its derivative with it through the same code.

A dual number a + b e, with e^2 = 0, holds a value and its derivative along the direction that was chosen; f(a + b e) = f(a) + f'(a) b e. So a
function written for any array namespace is differentiated by giving it dual numbers and a namespace that knows their rules. There is no
step to choose and no cancellation. Source: Clifford 1871; Griewank and Walther 2008, doi:10.1137/1.9780898717761, chapter 3 (forward mode).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any


class Unknown(TypeError):
    """The function calls what has no rule here."""


class Dual:
    """An array and its derivative, of one shape. Comparisons compare values."""

    __array_ufunc__ = None  # NumPy's arrays leave the arithmetic to this class
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any, slope: Any, xp: Any):
        self.value, self.xp = value, xp
        self.slope = slope if slope.shape == value.shape else xp.broadcast_to(slope, value.shape)

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    device = property(lambda self: self.value.device)
    ndim = property(lambda self: len(self.value.shape))
    T = property(lambda self: Dual(self.value.T, self.slope.T, self.xp))
    mT = property(lambda self: Dual(self.value.mT, self.slope.mT, self.xp))

    def __array__(self, *given: Any, **named: Any) -> Any:
        raise Unknown("an array made of dual numbers would lose their derivatives")

    __float__ = __int__ = __bool__ = __array__

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: Any) -> "Dual":
        return Dual(self.value[at], self.slope[at], self.xp)

    def __setitem__(self, at: Any, new: Any) -> None:
        self.value[at], self.slope[at] = parts(new)

    def linear(self, function: Callable[..., Any], *given: Any, **named: Any) -> "Dual":
        """What a linear function makes of it."""
        return Dual(function(self.value, *given, **named), function(self.slope, *given, **named), self.xp)

    def __neg__(self) -> "Dual":
        return self.linear(lambda a: -a)

    def __pos__(self) -> "Dual":
        return self

    def __abs__(self) -> "Dual":
        return Dual(abs(self.value), self.xp.sign(self.value) * self.slope, self.xp)

    def __add__(self, other: Any) -> "Dual":
        b, db = parts(other)
        return Dual(self.value + b, self.slope + db, self.xp)

    def __sub__(self, other: Any) -> "Dual":
        b, db = parts(other)
        return Dual(self.value - b, self.slope - db, self.xp)

    def __rsub__(self, other: Any) -> "Dual":
        return -self + other

    def __mul__(self, other: Any) -> "Dual":
        b, db = parts(other)
        slope = self.slope * b if db is ZERO else self.slope * b + self.value * db
        return Dual(self.value * b, slope, self.xp)

    def __truediv__(self, other: Any) -> "Dual":
        b, db = parts(other)
        value = self.value / b
        return Dual(value, (self.slope if db is ZERO else self.slope - value * db) / b, self.xp)

    def __rtruediv__(self, other: Any) -> "Dual":
        value = other / self.value
        return Dual(value, -value * self.slope / self.value, self.xp)

    def __pow__(self, other: Any) -> "Dual":
        b, db = parts(other)
        value, xp = self.value**b, self.xp
        slope = vanishing(self.slope, b * self.value ** (b - 1), xp) if not isinstance(b, int) or b else 0 * self.slope
        if db is not ZERO:
            slope = slope + vanishing(db, value * xp.log(self.value), xp)
        return Dual(value, slope, xp)

    def __rpow__(self, other: Any) -> "Dual":
        value = other**self.value
        return Dual(value, value * self.xp.log(other + 0 * self.value) * self.slope, self.xp)

    def __matmul__(self, other: Any) -> "Dual":
        return product(self.xp.matmul, self.xp, self, other)

    def __rmatmul__(self, other: Any) -> "Dual":
        return product(self.xp.matmul, self.xp, other, self)

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> Any:
        return self.value < parts(other)[0]

    def __le__(self, other: Any) -> Any:
        return self.value <= parts(other)[0]

    def __gt__(self, other: Any) -> Any:
        return self.value > parts(other)[0]

    def __ge__(self, other: Any) -> Any:
        return self.value >= parts(other)[0]

    def __eq__(self, other: object) -> Any:
        return self.value == parts(other)[0]

    def __ne__(self, other: object) -> Any:
        return self.value != parts(other)[0]


ZERO = 0.0


def parts(a: Any) -> tuple[Any, Any]:
    """(value, derivative); what is no dual number is constant."""
    return (a.value, a.slope) if isinstance(a, Dual) else (a, ZERO)


def vanishing(slope: Any, rate: Any, xp: Any) -> Any:
    """slope * rate, 0 where the slope is: also where the rate is infinite, as that of a root at 0."""
    rate = rate + xp.zeros_like(slope)
    return slope * xp.where(slope == 0, xp.zeros_like(rate), rate)


def product(multiply: Callable[..., Any], xp: Any, a: Any, b: Any) -> Dual:
    """A product that is linear in both factors."""
    (a, da), (b, db) = parts(a), parts(b)
    slopes = [multiply(x, y) for x, y in ((da, b), (a, db)) if x is not ZERO and y is not ZERO]
    return Dual(multiply(a, b), slopes[0] if len(slopes) == 1 else slopes[0] + slopes[1], xp)


RATES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sqrt": lambda xp, a, f: 0.5 / f,
    "square": lambda xp, a, f: 2 * a,
    "exp": lambda xp, a, f: f,
    "expm1": lambda xp, a, f: f + 1,
    "log": lambda xp, a, f: 1 / a,
    "log1p": lambda xp, a, f: 1 / (1 + a),
    "log2": lambda xp, a, f: 1.4426950408889634 / a,
    "log10": lambda xp, a, f: 0.4342944819032518 / a,
    "sin": lambda xp, a, f: xp.cos(a),
    "cos": lambda xp, a, f: -xp.sin(a),
    "tan": lambda xp, a, f: 1 + f * f,
    "sinh": lambda xp, a, f: xp.cosh(a),
    "cosh": lambda xp, a, f: xp.sinh(a),
    "tanh": lambda xp, a, f: 1 - f * f,
    "atan": lambda xp, a, f: 1 / (1 + a * a),
    "arctan": lambda xp, a, f: 1 / (1 + a * a),
    "reciprocal": lambda xp, a, f: -f * f,
}
"""Elementwise functions: the derivative by the argument, from the argument a and the value f."""
LINEAR = {
    *("sum", "mean", "cumsum", "cumulative_sum", "reshape", "moveaxis", "permute_dims", "transpose", "swapaxes", "matrix_transpose"),
    *("expand_dims", "squeeze", "flip", "roll", "broadcast_to", "take", "astype", "tile", "repeat", "diff", "triu", "tril", "ravel"),
    *("trace", "diagonal"),
}
"""Functions that are linear in their first argument."""
STEPS = {
    *("isfinite", "isnan", "isinf", "sign", "floor", "ceil", "round", "trunc", "argmax", "argmin", "argsort", "searchsorted", "signbit"),
    *("greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "shape", "ndim"),
}
"""Functions whose derivative is 0."""
OPERATORS = {"add": "__add__", "subtract": "__sub__", "multiply": "__mul__", "divide": "__truediv__", "pow": "__pow__", "power": "__pow__"}


class Namespace:
    """An array namespace whose functions take dual numbers, too; it makes arrays that may be filled with them. Everything else is that of `xp`,
    and refuses dual numbers (Unknown)."""

    def __init__(self, xp: Any, within: str = ""):
        self.xp, self.base, self.__name__ = xp, getattr(xp, within) if within else xp, f"dual numbers of {xp.__name__}"

    @functools.cached_property
    def linalg(self) -> "Namespace":
        return Namespace(self.xp, "linalg")

    def __getattr__(self, name: str) -> Any:
        known = getattr(self.base, name)
        if not callable(known) or isinstance(known, type):
            return known

        def called(*given: Any, **named: Any) -> Any:
            if not any(map(has_dual, (*given, *named.values()))):
                return known(*given, **named)
            first = given[0] if given else None
            if name in RATES and isinstance(first, Dual):
                value = known(first.value)
                return Dual(value, vanishing(first.slope, RATES[name](self.xp, first.value, value), self.xp), self.xp)
            if name in LINEAR and isinstance(first, Dual):
                return first.linear(known, *given[1:], **named)
            if name in STEPS:
                return known(*(parts(a)[0] for a in given), **{key: parts(a)[0] for key, a in named.items()})
            if name in OPERATORS:
                a, b = given
                return getattr(a if isinstance(a, Dual) else self.asdual(a), OPERATORS[name])(b)
            raise Unknown(f"{name} of dual numbers")

        setattr(self, name, called)
        return called

    def asdual(self, a: Any) -> Dual:
        return a if isinstance(a, Dual) else Dual(self.xp.asarray(a), self.xp.zeros_like(self.xp.asarray(a)), self.xp)

    def filled(self, name: str, *given: Any, **named: Any) -> Dual:
        made = getattr(self.xp, name)(*given, **named)
        return Dual(made, self.xp.zeros_like(made), self.xp)

    def zeros(self, *given: Any, **named: Any) -> Dual:
        return self.filled("zeros", *given, **named)

    def ones(self, *given: Any, **named: Any) -> Dual:
        return self.filled("ones", *given, **named)

    def empty(self, *given: Any, **named: Any) -> Dual:
        return self.filled("zeros", *given, **named)

    def full(self, *given: Any, **named: Any) -> Dual:
        return self.filled("full", *given, **named)

    def zeros_like(self, a: Any, **named: Any) -> Dual:
        return self.filled("zeros_like", parts(a)[0], **named)

    def ones_like(self, a: Any, **named: Any) -> Dual:
        return self.filled("ones_like", parts(a)[0], **named)

    empty_like = zeros_like

    def asarray(self, a: Any, dtype: Any = None, **named: Any) -> Any:
        if not isinstance(a, Dual):
            return self.xp.asarray(a, dtype=dtype, **named)
        return a if dtype is None else a.linear(self.xp.asarray, dtype=dtype, **named)

    array = asarray

    def abs(self, a: Any) -> Any:
        return abs(a)

    absolute = abs

    def negative(self, a: Any) -> Any:
        return -a

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        condition = parts(condition)[0]
        if not (isinstance(a, Dual) or isinstance(b, Dual)):
            return self.xp.where(condition, a, b)
        (a, da), (b, db) = parts(a), parts(b)
        return Dual(self.xp.where(condition, a, b), self.xp.where(condition, da, db), self.xp)

    def maximum(self, a: Any, b: Any) -> Any:
        return self.chosen("maximum", a, b, parts(a)[0] >= parts(b)[0])

    def minimum(self, a: Any, b: Any) -> Any:
        return self.chosen("minimum", a, b, parts(a)[0] <= parts(b)[0])

    def chosen(self, name: str, a: Any, b: Any, first: Any) -> Any:
        """The larger or the smaller of both, `first` saying where that is a."""
        if not (isinstance(a, Dual) or isinstance(b, Dual)):
            return getattr(self.xp, name)(a, b)
        (a, da), (b, db) = parts(a), parts(b)
        return Dual(getattr(self.xp, name)(a, b), self.xp.where(first, da, db), self.xp)

    def clip(self, a: Any, low: Any, high: Any) -> Any:
        return self.minimum(self.maximum(a, low), high)

    def max(self, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.extreme("max", a, axis, keepdims)

    def min(self, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return self.extreme("min", a, axis, keepdims)

    def extreme(self, name: str, a: Any, axis: Any, keepdims: bool) -> Any:
        """The largest or the smallest; where several are, the mean of their derivatives."""
        reduce, xp = getattr(self.base, name), self.xp
        if not isinstance(a, Dual):
            return reduce(a, axis=axis, keepdims=keepdims)
        there = xp.astype(a.value == reduce(a.value, axis=axis, keepdims=True), a.dtype)
        slope = xp.sum(xp.where(there > 0, a.slope, 0 * there), axis=axis, keepdims=keepdims) / xp.sum(there, axis=axis, keepdims=keepdims)
        return Dual(reduce(a.value, axis=axis, keepdims=keepdims), slope, xp)

    def matmul(self, a: Any, b: Any) -> Any:
        return product(self.xp.matmul, self.xp, a, b) if has_dual((a, b)) else self.xp.matmul(a, b)

    def vecdot(self, a: Any, b: Any, axis: int = -1) -> Any:
        return self.sum(a * b, axis=axis)

    def einsum(self, how: str, *given: Any) -> Any:
        if len(given) == 2 and has_dual(given):
            return product(functools.partial(self.xp.einsum, how), self.xp, *given)
        if len(given) == 1 and has_dual(given):
            return given[0].linear(functools.partial(self.xp.einsum, how))
        if has_dual(given):
            raise Unknown("einsum of three and more dual numbers")
        return self.xp.einsum(how, *given)

    def concat(self, arrays: Sequence[Any], axis: int | None = 0) -> Any:
        return self.joined("concat", arrays, axis)

    concatenate = concat

    def stack(self, arrays: Sequence[Any], axis: int = 0) -> Any:
        return self.joined("stack", arrays, axis)

    def joined(self, name: str, arrays: Sequence[Any], axis: Any) -> Any:
        join = getattr(self.xp, name)
        if not has_dual(arrays):
            return join(arrays, axis=axis)
        made = [self.asdual(a) for a in arrays]
        return Dual(join([a.value for a in made], axis=axis), join([a.slope for a in made], axis=axis), self.xp)

    def broadcast_arrays(self, *arrays: Any) -> Any:
        shape = self.xp.broadcast_shapes(*(a.shape for a in arrays))
        return tuple(self.broadcast_to(a, shape) for a in arrays)

    def all(self, a: Any, **named: Any) -> Any:
        return self.xp.all(parts(a)[0], **named)

    def any(self, a: Any, **named: Any) -> Any:
        return self.xp.any(parts(a)[0], **named)


def has_dual(a: Any) -> bool:
    return isinstance(a, Dual) or (isinstance(a, (tuple, list)) and any(map(has_dual, a)))


@functools.cache
def namespace(xp: Any) -> Namespace:
    """The namespace of dual numbers over this one."""
    return Namespace(xp)


STEP = float.fromhex("0x1p-52") ** (1 / 3)
"""Relative step of a central difference in float64: rounding and truncation weigh the same."""


def derivative(
    function: Callable[..., Sequence[Any]], arguments: Sequence[Any], tangents: Sequence[Any], xp: Any
) -> tuple[list[Any], list[Any]]:
    """(values, derivatives) of `function(xp, *arguments)`, a tuple of arrays, where the arguments move along the tangents, shaped as they are.

    Exact by dual numbers; where the function calls something without a rule for them (a singular value decomposition, say) by central
    differences, in steps relative to the size of the components that move. All arrays are float64, with the leading axes of the first argument.
    """
    try:
        made = function(namespace(xp), *(Dual(a, d, xp) for a, d in zip(arguments, tangents, strict=True)))
    except (Unknown, TypeError, AttributeError, NotImplementedError):
        return differences(function, arguments, tangents, xp)
    made = [m if isinstance(m, Dual) else Dual(m, xp.zeros_like(m), xp) for m in made]
    return [m.value for m in made], [m.slope for m in made]


def differences(
    function: Callable[..., Sequence[Any]], arguments: Sequence[Any], tangents: Sequence[Any], xp: Any
) -> tuple[list[Any], list[Any]]:
    """`derivative` by central differences."""
    pairs = list(zip(arguments, tangents, strict=True))
    first, *others = (reach(a, d, len(arguments[0].shape) - 1, xp) for a, d in pairs)
    h = functools.reduce(xp.minimum, others) if others else first  # of a rule the first argument is the point, in which it is linear
    h = xp.where(xp.isfinite(h), h, first)
    h = xp.where(xp.isfinite(h), h, STEP * xp.ones_like(h))
    ends = [function(xp, *(a + sign * along(h, a, xp) * d for a, d in pairs)) for sign in (1, -1)]
    slopes = [(up - down) / (2 * along(h, up, xp)) for up, down in zip(*ends, strict=True)]
    return list(function(xp, *arguments)), slopes


def reach(a: Any, d: Any, lead: int, xp: Any) -> Any:
    """How far along d an argument should go, (...): STEP of the components that move, or of all where these are 0; infinite where nothing
    moves or all is 0."""
    axes = tuple(range(lead, len(a.shape)))
    size, moves = xp.max(xp.abs(a), axis=axes), xp.max(xp.abs(d), axis=axes)
    moved = xp.where(moves > 0, moves, xp.ones_like(moves))
    share = xp.abs(d) / along(moved, d, xp)
    scale = xp.sum(share * xp.abs(a), axis=axes) / xp.where(moves > 0, xp.sum(share * share, axis=axes), xp.ones_like(moves))
    scale = xp.where(scale > 0, scale, size)
    return xp.where((moves > 0) & (scale > 0), STEP * scale / moved, float("inf") * xp.ones_like(moves))


def along(a: Any, like: Any, xp: Any) -> Any:
    """`a` with as many axes as `like` has, new ones at the end."""
    return xp.reshape(a, (*a.shape, *(1,) * (len(like.shape) - len(a.shape))))
