r"""Exact derivatives of a formula, derived once (derivative.py) and evaluated on whole batches of points.

A formula is an outer function F(x_c..., R_k...) of fixed components x_c and of reductions R_k = sum_i t_k(i) or prod_i t_k(i), whose
terms use x[i+o]. So the gradient is

    g_j = F_{x_j} + sum_k F_{R_k} (sum_o E_k(j-o) t_k,o(j-o) + [j fixed in t_k] sum_i E_k(i) t_k,x_j(i)),

E_k = 1 for a sum, and for a product E_k(i) = prod_{l != i} t_k(l), from prefix and suffix products so that zeros do no harm. The
Hessian-vector product differentiates this once more along a direction v. Where it is NaN, infinity less infinity or 0 times infinity at a
kink, it is the limit from points around, if that exists (`limit`). Cost: O(dim) for value, gradient and Hessian-vector product.
Points have shape (..., dim); parameters broadcast against (...); `xp` is the array namespace (NumPy, CuPy, array_api_strict).
"""

import functools
import math
from typing import Any

from .derivative import by_each, derivatives, half_turns, lowered
from .expression import Formula, Parsed, Reduction, fixed, local, parse
from .tree import INDEX, Node, indices, ordered, parameter, symbol
from .written import Writer

Arrays = dict[str, Any]
FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs", "sign", "where", "maximum", "minimum")
NEAR = 2.0**-24
"""How far from a point, of 1 + its size, the Hessian is taken for its limit there."""
AGREE = 1e-4
"""How much of their size what is around a point may differ by if there is a limit."""


class Calculus:
    """Value, gradient, Hessian, Hessian-vector product and observables of one formula."""

    def __init__(self, formula: Formula):
        self.formula = formula
        self.parsed: Parsed = parse(formula)
        self.dim = formula.dim

    def __reduce__(self) -> Any:
        return calculus, (self.formula,)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        """f at x (..., dim) -> (...)."""
        return spread(_evaluator(self, xp).value(x, p), x[..., 0])

    def value_and_grad(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any]:
        """f and its gradient at x (..., dim) -> (...), (..., dim)."""
        value, gradient = _evaluator(self, xp).value_and_grad(x, p)
        return spread(value, x[..., 0]), gradient

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """Hessian at x times v; x and v broadcast to (..., dim)."""
        x, v = x + 0 * v, v + 0 * x
        made = _evaluator(self, xp).hvp(x, v, p)
        unknown = xp.isnan(made)
        return xp.where(unknown, self.limit(x, v, p, xp), made) if xp.any(unknown) else made

    def limit(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """The Hessian at x times v as a limit: what it is at four points around x, on two lines and at two distances, if they agree, else
        NaN. In float64; relative error about 1e-7 for a function that is smooth at x."""
        wide = [xp.asarray(a, dtype=xp.float64) for a in (x, v)]
        numbers = {name: xp.asarray(a, dtype=xp.float64) for name, a in p.items()}
        count = xp.arange(1, self.dim + 1, dtype=xp.float64)
        reach = NEAR * (1 + xp.max(xp.abs(wide[0]), axis=-1))[..., None]
        away = [s * reach * xp.cos(k * count) for s, k in ((1.0, 0.7), (-1.0, 0.7), (2.0, 1.9), (-2.0, 1.9))]
        around = [_evaluator(self, xp).hvp(wide[0] + a, wide[1], numbers) for a in away]
        middle = (around[0] + around[1]) / 2
        size = xp.max(xp.abs(middle), axis=-1)[..., None]
        apart = functools.reduce(xp.maximum, (xp.abs(a - middle) for a in around))
        sound = xp.isfinite(self.value(x, p, xp))
        agree = sound & xp.all(apart <= AGREE * (size + xp.max(xp.abs(wide[1]), axis=-1)[..., None]), axis=-1)
        return xp.asarray(xp.where(agree[..., None], middle, xp.nan), dtype=x.dtype)

    def hessian(self, x: Any, p: Arrays, xp: Any) -> Any:
        """The Hessian at x (..., dim) -> (..., dim, dim): one Hessian-vector product with each unit vector."""
        each = {name: value[..., None] for name, value in p.items()}
        return self.hvp(x[..., None, :] + 0 * xp.eye(self.dim, dtype=x.dtype), xp.eye(self.dim, dtype=x.dtype), each, xp)

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        """Every observable at x (..., dim), each (...)."""
        made = _evaluator(self, xp).observe(x, p)
        return {name: spread(value, x[..., 0]) for name, value in made.items()}


def spread(value: Any, like: Any) -> Any:
    """`value`, possibly a plain number or one a parameter column, with the shape and type of `like`."""
    return value + 0 * like


@functools.lru_cache(maxsize=256)
def calculus(formula: Formula) -> Calculus:
    """The calculus of a formula, derived once a process."""
    return Calculus(formula)


@functools.lru_cache(maxsize=256)
def _evaluator(calc: Calculus, xp: Any) -> "_Evaluator":
    return _Evaluator(calc.parsed, xp)


class _Term:
    """One reduction: its term, the atoms it depends on, and compiled functions."""

    def __init__(self, reduction: Reduction, parameters: list[Node], compile_: Any):
        self.reduction = reduction
        free = reduction.term.free
        self.offsets = indices(free, "x[i")
        self.components = indices(free, "x[")
        self.atoms = [*map(local, self.offsets), *map(fixed, self.components)]
        self.args, self.compile = [*self.atoms, INDEX, *parameters], compile_
        self.value = compile_(self.args, [reduction.term])
        self.partials = by_each(reduction.term, self.atoms)
        self.outputs = [reduction.term, *self.partials]
        self.first = compile_(self.args, self.outputs)
        self.steep, self.rough = any(e.steep for e in self.partials), reduction.term.rough

    @functools.cached_property
    def second(self) -> Any:
        """The outputs of `first`, and their derivatives along the tangents; seldom wanted, and long where the term is."""
        tangents = [symbol(f"d {a.name}") for a in self.atoms]
        moved = derivatives(self.outputs, dict(zip(self.atoms, tangents, strict=True)), kinks=True)
        return self.compile([*self.args, *tangents], [*self.outputs, *moved], limits=False)

    def inputs(self, x: Any, p: Arrays, xp: Any) -> list[Any]:
        r = self.reduction
        n = r.stop - r.start
        locals_ = [x[..., r.start + o : r.stop + o] for o in self.offsets]
        fixed_ = [x[..., c : c + 1] for c in self.components]
        index = xp.arange(r.start, r.start + n, dtype=x.dtype)
        return [*locals_, *fixed_, index, *(value[..., None] for value in p.values())]

    def tangents(self, v: Any) -> list[Any]:
        r = self.reduction
        return [*(v[..., r.start + o : r.stop + o] for o in self.offsets), *(v[..., c : c + 1] for c in self.components)]


class _Evaluator:
    """The compiled programs of a formula for one array namespace."""

    def __init__(self, parsed: Parsed, xp: Any):
        self.xp, self.formula = xp, parsed.formula
        parameters = [parameter(name) for name in parsed.formula.parameters]
        compile_ = functools.partial(_compile, namespace=_namespace(xp))
        self.terms = [_Term(r, parameters, compile_) for r in parsed.reductions]
        everything = [parsed.value, *parsed.observables.values()]
        self.components = indices(set().union(*(e.free for e in everything)), "x[")
        self.atoms = [*map(fixed, self.components), *(r.symbol for r in parsed.reductions)]
        self.args, self.compile = [*self.atoms, *parameters], compile_
        self.outer = compile_(self.args, [parsed.value])
        self.slopes = by_each(parsed.value, self.atoms)
        self.outer_first = compile_(self.args, [parsed.value, *self.slopes])
        self.observables = compile_(self.args, list(parsed.observables.values()))
        self.names = list(parsed.observables)
        self.rough = parsed.value.rough

    @functools.cached_property
    def outer_second(self) -> Any:
        """The slopes of the outer function, and their derivatives along the tangents."""
        tangents = [symbol(f"d {a.name}") for a in self.atoms]
        moved = derivatives(self.slopes, dict(zip(self.atoms, tangents, strict=True)), kinks=True)
        return self.compile([*self.args, *tangents], [*self.slopes, *moved], limits=False)

    def reduced(self, x: Any, p: Arrays) -> list[Any]:
        """The value of every reduction at x."""
        return [self.reduce(t, self.on(t.value(*t.inputs(x, p, self.xp))[0], x, t)) for t in self.terms]

    def on(self, values: Any, x: Any, term: _Term) -> Any:
        """`values` of a term with the full shape (..., n)."""
        return spread(values, x[..., term.reduction.start : term.reduction.stop])

    def reduce(self, term: _Term, values: Any) -> Any:
        return self.xp.sum(values, axis=-1) if term.reduction.kind == "sum" else self.xp.prod(values, axis=-1)

    def outer_inputs(self, x: Any, reduced: list[Any], p: Arrays) -> list[Any]:
        return [*(x[..., c] for c in self.components), *reduced, *p.values()]

    def value(self, x: Any, p: Arrays) -> Any:
        return self.outer(*self.outer_inputs(x, self.reduced(x, p), p))[0]

    def observe(self, x: Any, p: Arrays) -> Arrays:
        if not self.names:
            return {}
        return dict(zip(self.names, self.observables(*self.outer_inputs(x, self.reduced(x, p), p)), strict=True))

    def value_and_grad(self, x: Any, p: Arrays) -> tuple[Any, Any]:
        xp, inner = self.xp, []
        for term in self.terms:
            t, *partials = term.first(*term.inputs(x, p, xp))
            inner.append((self.on(t, x, term), partials))
        reduced = [self.reduce(term, t) for term, (t, _) in zip(self.terms, inner, strict=True)]
        value, *partial = self.outer_first(*self.outer_inputs(x, reduced, p))
        gradient = xp.zeros(x.shape, dtype=x.dtype)
        for c, d in zip(self.components, partial, strict=False):
            gradient[..., c] = spread(d, x[..., 0])
        slopes = self.slopes[len(self.components) :]
        for term, (t, partials), d, slope in zip(self.terms, inner, partial[len(self.components) :], slopes, strict=True):
            weight = spread(d, x[..., 0])[..., None]
            if term.reduction.kind == "prod":
                others = _others(t, xp)
                partials = [others * each for each in partials]
            self.scatter(gradient, term, [self.chained(weight, each, slope, term) for each in partials])
        return value, gradient

    def chained(self, weight: Any, partial: Any, slope: Node, term: _Term) -> Any:
        """weight partial as `chain` of derivative.py has it."""
        made = weight * partial
        if slope.steep and not term.rough:
            return _without(partial, made, self.xp)
        smooth = not slope.rough and term.reduction.kind == "sum"  # of a product, the other factors have roots too
        return _without(weight, made, self.xp) if term.steep and smooth else made

    def scatter(self, gradient: Any, term: _Term, partials: list[Any]) -> None:
        """Add a term's derivatives, each (..., n) or broadcast to it, to the components they belong to."""
        r = term.reduction
        for o, d in zip(term.offsets, partials, strict=False):
            gradient[..., r.start + o : r.stop + o] += d
        like = gradient[..., r.start : r.stop]
        for c, d in zip(term.components, partials[len(term.offsets) :], strict=True):
            gradient[..., c] += self.xp.sum(spread(d, like), axis=-1)

    def hvp(self, x: Any, v: Any, p: Arrays) -> Any:
        xp, inner = self.xp, []
        for term in self.terms:
            size = len(term.atoms) + 1
            made = term.second(*term.inputs(x, p, xp), *term.tangents(v))
            made = [self.on(m, x, term) for m in made]
            inner.append((made[0], made[1:size], made[size], made[size + 1 :]))
        reduced = [self.reduce(term, t) for term, (t, *_) in zip(self.terms, inner, strict=True)]
        others = [_others_along(t, dt, xp) if term.reduction.kind == "prod" else (1.0, 0.0)
                  for term, (t, _, dt, _) in zip(self.terms, inner, strict=True)]  # fmt: skip
        speed = [xp.sum(e * dt, axis=-1) for (e, _), (_, _, dt, _) in zip(others, inner, strict=True)]
        made = self.outer_second(*self.outer_inputs(x, reduced, p), *(v[..., c] for c in self.components), *speed)
        made = [spread(m, x[..., 0]) for m in made]
        first, turned = made[: len(self.atoms)], made[len(self.atoms) :]
        result = xp.zeros(x.shape, dtype=x.dtype)
        for c, d in zip(self.components, turned, strict=False):
            result[..., c] = d
        skip = len(self.components)
        for term, (_, partials, _, dpartials), (e, de), f, df in zip(self.terms, inner, others, first[skip:], turned[skip:], strict=True):
            f, df = f[..., None], df[..., None]
            self.scatter(result, term, [(df * e + f * de) * a + f * e * da for a, da in zip(partials, dpartials, strict=True)])
        return result


def _others(t: Any, xp: Any) -> Any:
    """prod_{l != i} t_l along the last axis."""
    one = xp.ones((*t.shape[:-1], 1), dtype=t.dtype)
    before = xp.concat([one, xp.cumulative_prod(t, axis=-1)[..., :-1]], axis=-1)
    after = xp.flip(xp.concat([one, xp.cumulative_prod(xp.flip(t, axis=-1), axis=-1)[..., :-1]], axis=-1), axis=-1)
    return before * after


def _others_along(t: Any, dt: Any, xp: Any) -> tuple[Any, Any]:
    """prod_{l != i} t_l and its derivative when t moves along dt: prefix and suffix products of dual numbers."""
    n = t.shape[-1]

    def running(order: range) -> list[tuple[Any, Any]]:
        value, slope = xp.ones(t.shape[:-1], dtype=t.dtype), xp.zeros(t.shape[:-1], dtype=t.dtype)
        made = [(value, slope)]
        for k in order:
            value, slope = value * t[..., k], slope * t[..., k] + value * dt[..., k]
            made.append((value, slope))
        return made[:-1]

    before, after = running(range(n)), running(range(n - 1, -1, -1))[::-1]
    pairs = [(b * a, db * a + b * da) for (b, db), (a, da) in zip(before, after, strict=True)]
    return xp.stack([e for e, _ in pairs], axis=-1), xp.stack([d for _, d in pairs], axis=-1)


def _without(factor: Any, product: Any, xp: Any) -> Any:
    """The product, 0 where the factor is."""
    return xp.where(factor + xp.zeros_like(product) == 0, xp.zeros_like(product), product)


def _namespace(xp: Any) -> dict[str, Any]:
    """The functions that compiled programs may call, taken from the array namespace."""
    arctan = getattr(xp, "atan", None) or xp.arctan
    more = {"arctan": arctan, "log1p": xp.log1p, "expm1": xp.expm1, "whole": _whole, "ones": xp.ones}

    def turned(x: Any) -> Any:
        """pi x less whole turns, which are exact before the product with pi is rounded."""
        return math.pi * (x - 2 * xp.round(x / 2))

    more |= {"sin_pi": lambda x: xp.sin(turned(x)), "cos_pi": lambda x: xp.cos(turned(x))}
    return {name: getattr(xp, name) for name in FUNCTIONS} | more


def _whole(base: Any, exponent: int) -> Any:
    """base ** exponent for a whole exponent >= 2, by repeated squaring: faster than pow, the same on every backend."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        base = base * base if exponent else base
    return result


def _compile(args: list[Node], outputs: list[Node], namespace: dict[str, Any], limits: bool = True) -> Any:
    """A function of `args` that returns the list of outputs, what they share computed once. `limits` is that of `lowered`."""
    outputs = half_turns(lowered(outputs, limits))
    writer = _ArrayWriter({arg: f"a{k}" for k, arg in enumerate(args)})  # names that nothing else in the program has
    lines = [f"def program({', '.join(writer.text.values())}):"]
    if any(_needs_type(e) for e in ordered(outputs)):
        lines.append("    one = ones((), dtype=a0.dtype)")
    lines += [f"    {name} = {shown}" for _, name, shown in writer.statements(outputs)]
    lines.append(f"    return [{', '.join(writer.text[e] for e in outputs)}]")
    made: dict[str, Any] = dict(namespace)
    exec(compile("\n".join(lines), "<formula>", "exec"), made)  # noqa: S102 names, numbers and operations of our own
    return made["program"]


def _needs_type(e: Node) -> bool:
    """Whether a number here must be given the type of the points: functions of the array standard take arrays."""
    return e.kind in FUNCTIONS and any(a.is_number for a in e.args)


class _ArrayWriter(Writer):
    """Writes calls into the namespace; constants are plain Python floats."""

    def number(self, value: float) -> str:
        return repr(value) if value >= 0 and value < float("inf") else f"({value!r})" if value > -float("inf") else f"float('{value}')"

    def function(self, e: Node) -> str:
        given = [self.text[a] for a in e.args]
        if e.kind == "whole":
            made = f"whole({given[0]}, {abs(e.data)})"
            return made if e.data > 0 else f"(1 / {made})"
        if e.kind == "power":
            return f"({given[0]} ** {given[1]})"
        return f"{e.kind}({', '.join(f'{t} * one' if a.is_number else t for a, t in zip(e.args, given, strict=True))})"
