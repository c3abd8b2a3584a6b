r"""A formula as a tree: numbers, symbols and operations on them, with the value of the text as it is written.

A node is made once. The same operation on the same nodes is the same object, so what a formula repeats is computed once, and the cost of a
tree is that of its different parts, however often each is used.

What changes where a formula has a value is not simplified: x/x stays, and so do log(x) - log(x), 0*log(x), sqrt(x)**2, exp(log(x)). Only
constants are computed, and these are written in a form that loses nothing to rounding or overflow (STABLE):

    log(1 + u) = log1p(u)                         exp(u) - 1 = expm1(u)
    log(1 + exp(u)) = softplus(u)                 log(exp(u) + exp(v)) = logaddexp(u, v)
    exp(u)/(1 + exp(u)) = sigmoid(u)              1/(1 + exp(u)) = 1 - sigmoid(u) = sigmoid(-u)
    log(sigmoid(u)) = -softplus(-u)               log(exp(u)) = u
"""

import math
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

NEGATIVE, ZERO_SIGN, POSITIVE = 1, 2, 4
ANY = NEGATIVE | ZERO_SIGN | POSITIVE
NOT_NEGATIVE = ZERO_SIGN | POSITIVE
"""Which signs a value can have, as bits."""
SMALLEST = 1e-37
"""A smaller number may be zero in float32."""
MAX_WHOLE = 64
"""Whole exponents up to this size are products."""
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


class Node:
    """One operation on nodes. `data` is a number's (value, value / pi or None), a symbol's (name, still, signs, rough), an exponent.

    `free` are the symbols below; `still` says that none of them varies from run to run; `signs` which signs the value can have; `rough`
    that a root or power below may have an infinite slope; `steep` that the node is such a slope or made of one.
    """

    __slots__ = ("__weakref__", "args", "data", "free", "kind", "rough", "signs", "steep", "still")

    kind: str
    args: tuple["Node", ...]
    data: Any
    free: frozenset["Node"]
    still: bool
    signs: int
    rough: bool
    steep: bool

    @property
    def name(self) -> str:
        """A symbol's name."""
        return self.data[0]

    @property
    def value(self) -> float:
        """A number's value."""
        return self.data[0]

    @property
    def is_number(self) -> bool:
        return self.kind == "number"

    @property
    def is_condition(self) -> bool:
        return self.kind in COMPARISONS or self.kind == "truth"


_made: "weakref.WeakValueDictionary[tuple, Node]" = weakref.WeakValueDictionary()
_lock = threading.RLock()


def node(kind: str, *args: Node, data: Any = None) -> Node:
    """The node of this kind, with nothing computed or recognised."""
    key = (kind, data, *map(id, args))
    with _lock:
        made = _made.get(key)
        if made is None:
            made = Node()
            made.kind, made.args, made.data = kind, args, data
            made.free = frozenset((made,)) if kind == "symbol" else _union(args)
            made.still = data[1] if kind == "symbol" else all(a.still for a in args)
            made.signs = _signs(kind, args, data)
            made.rough = data[3] if kind == "symbol" else any(a.rough for a in args) or _root(kind, args)
            made.steep = kind == "steep" or any(a.steep for a in args)
            _made[key] = made
        return made


def _union(args: tuple[Node, ...]) -> frozenset[Node]:
    largest = max((a.free for a in args), key=len, default=frozenset())
    return largest if all(a.free <= largest for a in args) else largest.union(*(a.free for a in args))


def _root(kind: str, args: tuple[Node, ...]) -> bool:
    return kind in ("sqrt", "power") and args[0].signs != POSITIVE


def _signs(kind: str, args: tuple[Node, ...], data: Any) -> int:
    """Which signs the value of this node can have, underflow taken into account."""
    a, b = (*(x.signs for x in args[-2:]), ANY, ANY)[:2]
    match kind:
        case "number":
            size = POSITIVE if abs(data[0]) >= SMALLEST else NOT_NEGATIVE if data[0] else ZERO_SIGN
            return size if data[0] >= 0 else flipped(size)
        case "symbol":
            return data[2]
        case "add":
            mixed = (a & NEGATIVE and b & POSITIVE) or (a & POSITIVE and b & NEGATIVE)
            return (a | b) & ~ZERO_SIGN | (ZERO_SIGN if a & b & ZERO_SIGN or mixed else 0)
        case "multiply" if args[0].is_number and abs(args[0].value) >= 1:
            return b if args[0].value > 0 else flipped(b)
        case "multiply" | "divide":
            same = NOT_NEGATIVE if a & b & (NEGATIVE | POSITIVE) else ZERO_SIGN
            return same | (NEGATIVE if (a & NEGATIVE and b & POSITIVE) or (a & POSITIVE and b & NEGATIVE) else 0)
        case "whole" if data % 2 == 0:
            return NOT_NEGATIVE
        case "whole":
            return a | ZERO_SIGN
        case "power":
            return NOT_NEGATIVE if not a & NEGATIVE else ANY
        case "abs":
            return (a & ZERO_SIGN) | POSITIVE
        case "cosh":
            return POSITIVE
        case "exp" | "sqrt" | "softplus" | "sigmoid":
            return NOT_NEGATIVE
        case "sinh" | "tanh" | "arctan" | "sign" | "expm1" | "log1p":
            return a | ZERO_SIGN
        case "maximum":
            return (a | b) & ~(NEGATIVE if not a & NEGATIVE or not b & NEGATIVE else 0)
        case "minimum":
            return (a | b) & ~(POSITIVE if not a & POSITIVE or not b & POSITIVE else 0)
        case "where" | "of larger":
            return a | b
    return ANY


def flipped(signs: int) -> int:
    """The signs of -x."""
    return signs & ZERO_SIGN | (NEGATIVE if signs & POSITIVE else 0) | (POSITIVE if signs & NEGATIVE else 0)


# leaves


def number(value: float, turns: float | None = None) -> Node:
    """A constant; `turns` is value / pi where the text says so, which sines of it use."""
    return node("number", data=(float(value) + 0.0, turns))


def symbol(name: str, still: bool = False, signs: int = ANY, rough: bool = False) -> Node:
    return node("symbol", data=(name, still, signs, rough))


def parameter(name: str) -> Node:
    """The symbol of a parameter."""
    return symbol(name, still=True)


INDEX = symbol("i", still=True, signs=NOT_NEGATIVE)
"""The number of the component, inside a sum or product."""
ZERO, ONE, TWO, HALF, MINUS = (number(v) for v in (0.0, 1.0, 2.0, 0.5, -1.0))
E = number(math.e)
PI = number(math.pi, 1.0)
"""These keep their nodes alive, so that `is` tells them from others."""


# operations


def _product(a: Node, b: Node) -> Node:
    """The product of two numbers."""
    (x, s), (y, t) = a.data, b.data
    return number(x * y, s * y if s is not None and t is None else t * x if t is not None and s is None else None)


def negative(a: Node) -> Node:
    return multiply(MINUS, a)


def add(a: Node, b: Node) -> Node:
    if a.is_number and b.is_number:
        return number(a.value + b.value)
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    if a.kind == "symbol" and b is negative(a):
        return ZERO
    for one, other in ((a, b), (b, a)):
        if one is MINUS and other.kind == "exp":
            return node("expm1", *other.args)
        if one is ONE and other.kind == "multiply" and other.args[0] is MINUS:
            if other.args[1].kind == "exp":
                return negative(node("expm1", *other.args[1].args))
            if other.args[1].kind == "sigmoid":
                return node("sigmoid", negative(other.args[1].args[0]))
    return node("add", a, b)


def subtract(a: Node, b: Node) -> Node:
    return add(a, negative(b))


def multiply(a: Node, b: Node) -> Node:
    """a b, numbers first."""
    if a.is_number and b.is_number:
        return _product(a, b)
    if b.is_number:
        a, b = b, a
    if a is ONE:
        return b
    if a is ZERO and b.kind == "symbol":
        return ZERO
    if a.is_number and b.kind == "multiply" and b.args[0].is_number:
        both = _product(a, b.args[0])
        if _plain(both.value):
            return multiply(both, b.args[1])
    return node("multiply", a, b)


def _plain(value: float) -> bool:
    """Whether a number is far from overflow and underflow in float32 too, so that computing it first loses nothing."""
    return 1e-30 < abs(value) < 1e30


def divide(a: Node, b: Node) -> Node:
    if b.is_number:
        if a.is_number:
            turns = a.data[1] / b.value if a.data[1] is not None and b.data[1] is None and b.value else None
            return number(a.value / b.value, turns) if b.value else number(math.nan)
        if _plain(b.value):
            return multiply(number(1 / b.value), a)
    if b.kind == "add" and ONE in b.args and any(x.kind == "exp" for x in b.args):
        u = next(x for x in b.args if x.kind == "exp").args[0]
        grown = node("exp", u)
        if a is grown:
            return call("sigmoid", u)
        if a.kind == "multiply" and grown in a.args:
            return multiply(*(call("sigmoid", u) if x is grown else x for x in a.args))
        return multiply(a, call("sigmoid", negative(u)))
    return node("divide", a, b)


def power(a: Node, b: Node) -> Node:
    if b is ZERO or a is ONE:
        return ONE
    if a.is_number and b.is_number:
        return number(_computed(math.pow, a.value, b.value))
    if b.is_number:
        if b is ONE:
            return a
        if b.value == -1:
            return divide(ONE, a)
        if abs(b.value) == 0.5:
            return call("sqrt", a) if b.value > 0 else divide(ONE, call("sqrt", a))
        if b.value.is_integer() and abs(b.value) <= MAX_WHOLE:
            return node("whole", a, data=int(b.value))
    return call("exp", b) if a is E else node("power", a, b)


def compare(kind: str, a: Node, b: Node) -> Node:
    return node("truth", data=COMPARISONS[kind](a.value, b.value)) if a.is_number and b.is_number else node(kind, a, b)


def where(condition: Node, a: Node, b: Node) -> Node:
    if condition.kind == "truth":
        return a if condition.data else b
    return a if a is b else node("where", condition, a, b)


def _computed(function: Callable[..., float], *given: float) -> float:
    """The function of numbers, NaN where it has none."""
    try:
        return function(*given)
    except (OverflowError, ValueError, ZeroDivisionError):
        return math.nan


def _sigmoid(x: float) -> float:
    small = math.exp(-abs(x))
    return (1 if x >= 0 else small) / (1 + small)


def _logaddexp(a: float, b: float) -> float:
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


OF_NUMBERS: dict[str, Callable[..., Any]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "log1p", "expm1")},
    "arctan": math.atan,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "maximum": max,
    "minimum": min,
    "sigmoid": _sigmoid,
    "softplus": lambda x: _logaddexp(x, 0.0),
    "logaddexp": _logaddexp,
}
"""Every function of a formula, but for where, on Python's numbers."""


def call(name: str, *args: Node) -> Node:
    """A function of OF_NUMBERS."""
    if all(a.is_number for a in args):
        return _of_numbers(name, args)
    if name in ("maximum", "minimum") and args[0] is args[1]:
        return args[0]
    if name == "abs" and not args[0].signs & NEGATIVE:
        return args[0]
    if name == "log":
        return _log(args[0])
    if name == "log1p" and args[0].kind == "exp":
        return node("softplus", args[0].args[0])
    return node(name, *args)


def _of_numbers(name: str, args: tuple[Node, ...]) -> Node:
    turns = args[0].data[1]
    if turns is not None and name in ("sin", "cos", "tan") and (2 * turns).is_integer():  # exact at multiples of pi / 2
        half = int(2 * turns) % 4
        sine, cosine = (0.0, 1.0, 0.0, -1.0)[half], (1.0, 0.0, -1.0, 0.0)[half]
        return number({"sin": sine, "cos": cosine, "tan": sine / cosine if cosine else math.nan}[name])
    return number(_computed(OF_NUMBERS[name], *(a.value for a in args)))


def _log(u: Node) -> Node:
    exponent = exponent_of(u)
    if exponent is not None and not exponent.is_number:
        return exponent
    if u.kind == "sigmoid":
        return negative(call("softplus", negative(u.args[0])))
    if u.kind == "add" and ONE in u.args:
        return call("log1p", u.args[1] if u.args[0] is ONE else u.args[0])
    return node("log", u)


def exponent_of(u: Node) -> Node | None:
    """log u without a logarithm, where u is a sum of exponentials and positive numbers; else None."""
    parts, made = [u], None
    while parts:
        part = parts.pop()
        if part.kind == "add":
            parts += part.args
            continue
        if part.kind == "exp":
            exponent = part.args[0]
        elif part.is_number and part.value > 0:
            exponent = number(math.log(part.value))
        elif part.kind == "multiply" and part.args[0].is_number and part.args[0].value > 0 and part.args[1].kind == "exp":
            exponent = add(part.args[1].args[0], number(math.log(part.args[0].value)))
        else:
            return None
        if made is None:
            made = exponent
        elif ZERO in (made, exponent):
            made = call("softplus", exponent if made is ZERO else made)
        else:
            made = call("logaddexp", made, exponent)
    return made


# walking


def ordered(outputs: Iterable[Node]) -> list[Node]:
    """Every node below these, each after those it is made of."""
    found: dict[Node, None] = {}
    waiting = [(e, False) for e in reversed(list(outputs))]
    while waiting:
        e, ready = waiting.pop()
        if e in found:
            continue
        if ready or not e.args:
            found[e] = None
        else:
            waiting.append((e, True))
            waiting.extend((a, False) for a in reversed(e.args) if a not in found)
    return list(found)


def indices(symbols: Iterable[Node], before: str, after: str = "]") -> list[int]:
    """The numbers k of those symbols that are called before + k + after, increasing."""
    names = (s.name for s in symbols)
    found = (n[len(before) : -len(after)] for n in names if n.startswith(before) and n.endswith(after))
    return sorted(int(k) for k in found if k.lstrip("+-").isdigit())
