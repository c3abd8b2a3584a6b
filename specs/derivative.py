r"""Derivatives of formula trees, and the one convention that every executor keeps where a derivative is a matter of choice or of a limit.

    abs, sign       slope 0 at 0 (of sign everywhere)
    min, max        at a tie each operand has half of the slope; an operand that is NaN makes the value NaN
    where           that of the branch that is taken
    x**y            by x: y x**(y - 1), 0 where y is 0. By y: x**y log(x), 0 where x is 0 and y is not negative. 0**0 is 1
    roots           sqrt(u), and u**r with 0 < r < 1, have an infinite slope s at u = 0. In the chain rule 0 s = 0 for a factor 0 that has no such
                    root in itself ("strong zero"). So |x| and sqrt(x**2 + y**2) have slope 0 at 0, and so has x*sqrt(x); sqrt(x) has an infinite
                    one. For r < 1/2 that holds only where u cannot be negative, since else u**r need not be smooth where u is.
    all others      IEEE arithmetic: log(x) at 0 has an infinite slope, 0 infinity = NaN

Sources: Griewank & Walther, Evaluating Derivatives, 2nd ed. 2008, chapter 14 (kinks); ties and powers are as in JAX and PyTorch, |x| as in
PyTorch. Second derivatives are NaN at kinks; calculus.py takes the limit there, if there is one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .tree import (
    HALF,
    INDEX,
    MINUS,
    NEGATIVE,
    ONE,
    POSITIVE,
    TWO,
    ZERO,
    Node,
    add,
    call,
    compare,
    divide,
    multiply,
    negative,
    node,
    number,
    ordered,
    power,
    where,
)

NAN = number(float("nan"))

# sums and products of derivatives: zeros vanish, numbers and what is the same for every run come first


def split(e: Node) -> tuple[Node, Node]:
    """(what is the same for every run, the rest) as factors of a product."""
    if e.still:
        return e, ONE
    return (e.args[0], e.args[1]) if e.kind == "multiply" and e.args[0].still else (ONE, e)


def times(*factors: Node) -> Node:
    still, rest = ONE, ONE
    for factor in factors:
        if factor is ZERO:
            return ZERO
        s, r = split(factor)
        still = _still_product(still, s)
        rest = r if rest is ONE else rest if r is ONE else node("multiply", rest, r)
    return still if rest is ONE else rest if still is ONE else node("multiply", still, rest)


def _still_product(a: Node, b: Node) -> Node:
    """The product of factors that are the same for every run, their numbers as one."""
    (c, r), (d, s) = ((x, ONE) if x.is_number else x.args if x.kind == "multiply" and x.args[0].is_number else (ONE, x) for x in (a, b))
    value = c.value * d.value
    if not 1e-30 < abs(value) < 1e30:
        return b if a is ONE else a if b is ONE else node("multiply", a, b)
    rest = s if r is ONE else r if s is ONE else node("multiply", r, s)
    turns = c.data[1] if d is ONE else d.data[1] if c is ONE else None
    both = number(value, turns)
    return both if rest is ONE else rest if both is ONE else node("multiply", both, rest)


def plus(a: Node, b: Node) -> Node:
    if a is ZERO or b is ZERO:
        return b if a is ZERO else a
    (c, r), (d, s) = split(a), split(b)
    if r is s and c.is_number and d.is_number:
        return times(number(c.value + d.value), r)
    if b.is_number and a.kind == "add" and a.args[1].is_number:
        return plus(a.args[0], number(a.args[1].value + b.value))
    return node("add", a, b)


def over(a: Node, b: Node) -> Node:
    """a / b."""
    if a is ZERO:
        return ZERO
    still, rest = split(a)
    return divide(still, b) if rest is ONE else times(still, divide(rest, b))


def strong(slope: Node, factor: Node) -> Node:
    """slope factor, where a slope that is infinite counts for nothing if the factor is 0."""
    if factor.is_number:
        return times(slope, factor)
    if slope.kind == "strong" and not slope.args[1].steep:
        return strong(slope.args[0], times(slope.args[1], factor))
    return node("strong", slope, factor)


def chain(partial: Node, tangent: Node, inside: Node) -> Node:
    """The product of an outer slope and that of what is inside, `inside`, of which one or both may be infinite."""
    if ZERO in (partial, tangent):
        return ZERO
    if partial.steep:
        return times(partial, tangent) if inside.rough else strong(partial, tangent)
    return strong(tangent, partial) if tangent.steep and not partial.rough else times(partial, tangent)


def steep(slope: Node) -> Node:
    """Marks a slope that may be infinite where the value is not."""
    return node("steep", slope)


# the rules


def derivatives(outputs: Iterable[Node], along: Mapping[Node, Node], kinks: bool = False) -> list[Node]:
    """The derivative of every output when the symbols move: `along` says how fast each does, those it lacks stay. With `kinks` it is NaN
    where a sign or the larger of two operands changes at this very point."""
    outputs, moving = list(outputs), frozenset(along)
    order = [e for e in ordered(outputs) if not e.free.isdisjoint(moving)]
    found = _found(order, along, kinks)
    return [found.get(e, ZERO) for e in outputs]


def by_each(e: Node, by: Iterable[Node]) -> list[Node]:
    """The partial derivatives by these symbols."""
    order = ordered([e])
    return [_found([part for part in order if one in part.free], {one: ONE}, False).get(e, ZERO) for one in by]


def _found(order: Iterable[Node], along: Mapping[Node, Node], kinks: bool) -> dict[Node, Node]:
    """The derivatives of nodes that move, each given after those it is made of."""
    found: dict[Node, Node] = {}
    for e in order:
        found[e] = along[e] if e.kind == "symbol" else _rule(e, [found.get(a, ZERO) for a in e.args], kinks)
    return found


def _rule(e: Node, moved: list[Node], kinks: bool) -> Node:
    """The derivative of a node whose arguments have the derivatives `moved`."""
    a, b = (*e.args, ONE)[:2]
    da, db = (*moved, ZERO)[:2]
    match e.kind:
        case "add":
            return plus(da, db)
        case "multiply":
            return plus(chain(b, da, a), chain(a, db, b))
        case "divide":
            return over(plus(da, times(MINUS, chain(e, db, b))), b)
        case "whole":
            return chain(times(number(e.data), power(a, number(e.data - 1))), da, a)
        case "power":
            return plus(_by_base(a, b, da), chain(_by_exponent(a, b), db, b))
        case "sqrt":
            return times(HALF, over(da, e)) if a.signs == POSITIVE else chain(steep(divide(HALF, e)), da, a)
        case "maximum" | "minimum":
            first, second = (a, b) if e.kind == "maximum" else (b, a)
            return da if da is db else node("of larger", first, second, da, db)
        case "where":
            return where(a, moved[1], moved[2])
        case "of larger":
            change = _kink(add(a, negative(b)), plus(da, times(MINUS, db))) if kinks else ZERO
            return plus(moved[2] if moved[2] is moved[3] else node("of larger", a, b, moved[2], moved[3], data="twice"), change)
        case "strong":
            return plus(chain(b, da, a), chain(a, db, b))
        case "steep":
            return da if da is ZERO else steep(da)
        case "by exponent":
            base, exponent, logarithm = a, b, call("log", a)
            first = plus(chain(logarithm, _by_base(base, exponent, da), base), times(power(base, plus(exponent, MINUS)), da))
            return plus(first, chain(times(e, logarithm), db, exponent))
        case "logaddexp":
            less = add(a, negative(b))
            return plus(chain(call("sigmoid", less), da, a), chain(call("sigmoid", negative(less)), db, b))
        case "sign":
            return _kink(a, da) if kinks else ZERO
    if e.is_condition:
        return ZERO
    if e.kind in ("log", "log1p"):
        return over(da, a if e.kind == "log" else plus(ONE, a))
    if e.kind == "arctan":
        return over(da, plus(ONE, node("whole", a, data=2)))
    return chain(_slope(e, a), da, a)


def _kink(u: Node, du: Node) -> Node:
    """NaN where u passes through 0 at the speed du, else 0."""
    return ZERO if du is ZERO else where(node("==", u, ZERO), where(node("==", du, ZERO), ZERO, NAN), ZERO)


def _slope(e: Node, a: Node) -> Node:
    """The derivative of a function of one argument by it."""
    square = node("whole", e, data=2)
    match e.kind:
        case "sin":
            return call("cos", a)
        case "cos":
            return times(MINUS, call("sin", a))
        case "tan":
            return plus(ONE, square)
        case "sinh":
            return call("cosh", a)
        case "cosh":
            return call("sinh", a)
        case "tanh":
            return plus(ONE, times(MINUS, square))
        case "exp":
            return e
        case "expm1":
            return call("exp", a)
        case "abs":
            return call("sign", a)
        case "softplus":
            return call("sigmoid", a)
        case "sigmoid":
            return times(e, call("sigmoid", negative(a)))
    raise LookupError(e.kind)


def _by_base(a: Node, b: Node, da: Node) -> Node:
    """What a**b changes by when a moves by da."""
    if da is ZERO:
        return ZERO
    less = plus(b, MINUS)
    slope = power(a, less)
    if not less.signs & NEGATIVE or a.signs == POSITIVE:
        return chain(times(b, slope), da, a)
    if b.is_number:
        kink = b.value > 0 and (b.value >= 0.5 or not a.signs & NEGATIVE)
        return chain(times(b, steep(slope)), da, a) if kink else times(b, slope, da)
    inner = times(b, da)
    return times(steep(slope), inner) if a.rough or da.steep else strong(steep(slope), inner)


def _by_exponent(a: Node, b: Node) -> Node:
    """What a**b changes by with b."""
    return node("by exponent", a, b) if a.signs != POSITIVE else times(power(a, b), call("log", a))


# to what every executor has


def lowered(outputs: Iterable[Node], limits: bool = True) -> list[Node]:
    """The outputs with nothing but arithmetic, comparisons, where and elementary functions. Without `limits` 0 s is NaN."""
    outputs, found = list(outputs), {}
    for e in ordered(outputs):
        args = tuple(found[a] for a in e.args)
        found[e] = _lower(e.kind, args, e.data, limits) or (node(e.kind, *args, data=e.data) if args != e.args else e)
    return [found[e] for e in outputs]


def _lower(kind: str, args: tuple[Node, ...], data: Any, limits: bool) -> Node | None:
    match kind:
        case "steep":
            return args[0]
        case "divide" if args[1].free == {INDEX} and args[0].free - {INDEX}:  # one quotient for all runs
            return node("multiply", args[0], node("divide", ONE, args[1]))
        case "of larger":
            a, b, da, db = args
            tie = where(compare("==", da, db), da, NAN) if data == "twice" else times(HALF, plus(da, db))
            return where(node(">", a, b), da, where(node("<", a, b), db, tie))
        case "strong":
            product = node("multiply", *args)
            return where(node("==", args[1], ZERO), ZERO, product) if limits else product
        case "by exponent":
            product = node("multiply", power(*args), node("log", args[0]))
            limit = where(node("==", args[0], ZERO), where(node(">=", args[1], ZERO), ZERO, product), product)
            return limit if limits else product
        case "sigmoid":
            small = _small(args[0])
            return node("divide", where(node(">=", args[0], ZERO), ONE, small), node("add", ONE, small))
        case "softplus":
            return node("add", node("maximum", args[0], ZERO), node("log1p", _small(args[0])))
        case "logaddexp":
            a, b = args
            rest = node("log1p", _small(node("add", a, negative(b))))
            return where(node("==", a, b), node("add", a, call("log", TWO)), node("add", node("maximum", a, b), rest))
    return None


def _small(u: Node) -> Node:
    """exp(-|u|)"""
    return node("exp", negative(node("abs", u)))


def half_turns(outputs: list[Node]) -> list[Node]:
    """The outputs with sin_pi(x) for sin(pi x), and cos_pi(x) for cos(pi x): there is less to reduce, and nothing to round."""
    made: dict[Node, Node] = {}
    for e in ordered(outputs):
        args = tuple(made[a] for a in e.args)
        turns = _turns(args[0]) if e.kind in ("sin", "cos") else None
        again = e if args == e.args else node(e.kind, *args, data=e.data)
        made[e] = again if turns is None else node(f"{e.kind}_pi", turns)
    return [made[e] for e in outputs]


def _turns(e: Node) -> Node | None:
    """e / pi, of a product that begins with a multiple of pi."""
    spine = []
    while e.kind in ("multiply", "divide"):
        spine.append(e)
        e = e.args[0]
    if not e.is_number or e.data[1] is None:
        return None
    made = number(e.data[1])
    for each in reversed(spine):
        made = multiply(made, each.args[1]) if each.kind == "multiply" else node("divide", made, each.args[1])
    return made
