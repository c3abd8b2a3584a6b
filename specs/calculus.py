r"""Exact derivatives of a formula, derived symbolically once and evaluated on whole batches of points.

A formula is an outer function F(x_c..., R_k...) of fixed components x_c and of reductions R_k = sum_i t_k(i) or prod_i t_k(i), whose
terms use x[i+o]. So the gradient is

    g_j = F_{x_j} + sum_k F_{R_k} (sum_o E_k(j-o) t_k,o(j-o) + [j fixed in t_k] sum_i E_k(i) t_k,x_j(i)),

E_k = 1 for a sum, and for a product E_k(i) = prod_{l != i} t_k(l), from prefix and suffix products so that zeros do no harm. The
Hessian-vector product differentiates this once more along a direction v. Cost: O(dim) for value, gradient and Hessian-vector product.
Points have shape (..., dim); parameters broadcast against (...); `xp` is the array namespace (NumPy, CuPy, array_api_strict).
"""

import functools
import re
from typing import Any

from .expression import Formula, Parsed, Reduction, fixed, local, parse, symbol

Arrays = dict[str, Any]


class Calculus:
    """Value, gradient, Hessian, Hessian-vector product and observables of one formula."""

    def __init__(self, formula: Formula):
        self.formula = formula
        self.parsed: Parsed = parse(formula)
        self.dim = formula.dim

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        """f at x (..., dim) -> (...)."""
        return spread(_evaluator(self, xp).value(x, p), x[..., 0])

    def value_and_grad(self, x: Any, p: Arrays, xp: Any) -> tuple[Any, Any]:
        """f and its gradient at x (..., dim) -> (...), (..., dim)."""
        value, gradient = _evaluator(self, xp).value_and_grad(x, p)
        return spread(value, x[..., 0]), gradient

    def hvp(self, x: Any, v: Any, p: Arrays, xp: Any) -> Any:
        """Hessian at x times v; x and v broadcast to (..., dim)."""
        return _evaluator(self, xp).hvp(x, v, p)

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


def indices(symbols: Any, pattern: str) -> list[int]:
    """The numbers in the names of those symbols that match, increasing."""
    return sorted(int(found[1]) for s in symbols if (found := re.fullmatch(pattern, s.name)))


def along(expressions: list[Any], atoms: list[Any], tangents: list[Any]) -> list[Any]:
    """The derivatives of these expressions along a direction: sum_a dE/da da."""
    return [sum((e.diff(a) * d for a, d in zip(atoms, tangents, strict=True)), 0 * e) for e in expressions]


class _Term:
    """One reduction: its term, the atoms it depends on, and compiled functions."""

    def __init__(self, reduction: Reduction, parameters: list[Any], compile_: Any):
        self.reduction = reduction
        free = reduction.term.free_symbols
        self.offsets = indices(free, r"x\[i([+-]\d+)\]")
        self.components = indices(free, r"x\[(\d+)\]")
        self.atoms = [*map(local, self.offsets), *map(fixed, self.components)]
        self.args, self.compile = [*self.atoms, symbol("i"), *parameters], compile_
        self.value = compile_(self.args, [reduction.term])
        self.outputs = [reduction.term, *(reduction.term.diff(a) for a in self.atoms)]
        self.first = compile_(self.args, self.outputs)

    @functools.cached_property
    def second(self) -> Any:
        """The outputs of `first`, and their derivatives along the tangents; seldom wanted, and long where the term is."""
        tangents = [symbol(f"d {a}") for a in self.atoms]
        return self.compile([*self.args, *tangents], [*self.outputs, *along(self.outputs, self.atoms, tangents)])

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
        parameters = [symbol(name) for name in parsed.formula.parameters]
        compile_ = functools.partial(_compile, namespace=_namespace(xp))
        self.terms = [_Term(r, parameters, compile_) for r in parsed.reductions]
        everything = [parsed.value, *parsed.observables.values()]
        used = set().union(*(e.free_symbols for e in everything))
        self.components = indices(used, r"x\[(\d+)\]")
        self.atoms = [*map(fixed, self.components), *(r.symbol for r in parsed.reductions)]
        self.args, self.compile = [*self.atoms, *parameters], compile_
        self.outer = compile_(self.args, [parsed.value])
        self.slopes = [parsed.value.diff(a) for a in self.atoms]
        self.outer_first = compile_(self.args, [parsed.value, *self.slopes])
        self.observables = compile_(self.args, list(parsed.observables.values()))
        self.names = list(parsed.observables)

    @functools.cached_property
    def outer_second(self) -> Any:
        """The slopes of the outer function, and their derivatives along the tangents."""
        tangents = [symbol(f"d {a}") for a in self.atoms]
        return self.compile([*self.args, *tangents], [*self.slopes, *along(self.slopes, self.atoms, tangents)])

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
        for term, (t, partials), d in zip(self.terms, inner, partial[len(self.components) :], strict=True):
            weight = spread(d, x[..., 0])[..., None]
            if term.reduction.kind == "prod":
                weight = weight * _others(t, xp)
            self.scatter(gradient, term, [weight * each for each in partials])
        return value, gradient

    def scatter(self, gradient: Any, term: _Term, partials: list[Any]) -> None:
        """Add a term's derivatives, each (..., n) or broadcast to it, to the components they belong to."""
        r = term.reduction
        for o, d in zip(term.offsets, partials, strict=False):
            gradient[..., r.start + o : r.stop + o] += d
        like = gradient[..., r.start : r.stop]
        for c, d in zip(term.components, partials[len(term.offsets) :], strict=True):
            gradient[..., c] += self.xp.sum(spread(d, like), axis=-1)

    def hvp(self, x: Any, v: Any, p: Arrays) -> Any:
        xp = self.xp
        x, v = x + 0 * v, v + 0 * x
        inner = []
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


def _namespace(xp: Any) -> dict[str, Any]:
    """The functions that compiled programs may call, taken from the array namespace."""
    names = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "abs", "sign", "where", "atan")
    older = {"atan": "arctan"}
    return {name: getattr(xp, name, None) or getattr(xp, older.get(name, name)) for name in names} | {"power": _power, "ones": xp.ones}


def _power(base: Any, exponent: int) -> Any:
    """base ** exponent for a whole exponent >= 2, by repeated squaring: faster than pow, the same on every backend."""
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else result * base
        exponent >>= 1
        base = base * base if exponent else base
    return result


def _typed(expression: Any, one: Any) -> Any:
    """`expression` with every constant branch c of a where(...) written c*one, so that the result has the type of the points."""
    import sympy

    def constant(e: Any) -> Any:
        return e.func(*((value * one if value.is_number else value, condition) for value, condition in e.args))

    return expression.replace(lambda e: isinstance(e, sympy.Piecewise), constant)


def real_and_smooth(outputs: list[Any]) -> list[Any]:
    """Derivatives as every backend computes them: without the delta functions at kinks, and x**a / x as x**(a - 1)."""
    import sympy

    outputs = [e.replace(sympy.DiracDelta, lambda *a: sympy.Integer(0)).doit() if e.has(sympy.DiracDelta) else e for e in outputs]
    return [sympy.powsimp(e, combine="exp") if any(b.exp.free_symbols for b in e.atoms(sympy.Pow)) else e for e in outputs]


def _compile(args: list[Any], outputs: list[Any], namespace: dict[str, Any]) -> Any:
    """A function of `args` that returns the list of outputs, common subexpressions shared."""
    import sympy
    from sympy.printing.lambdarepr import LambdaPrinter

    class ArrayPrinter(LambdaPrinter):
        """Prints SymPy trees that our own parser made as calls into `namespace`; constants become plain Python floats."""

        def _print(self, expr, **kwargs):
            if isinstance(expr, sympy.Expr) and expr.is_number and not expr.is_Atom:
                return repr(float(expr))
            return super()._print(expr, **kwargs)

        def _print_Pow(self, expr, rational=False):
            base, exponent = expr.as_base_exp()
            text = self._print(base)
            if exponent.is_Integer and 2 <= abs(int(exponent)) <= 64:
                made = f"power({text}, {abs(int(exponent))})"
                return made if exponent > 0 else f"(1/{made})"
            if exponent == -1:
                return f"(1/({text}))"
            if exponent == sympy.Rational(1, 2):
                return f"sqrt({text})"
            if exponent == sympy.Rational(-1, 2):
                return f"(1/sqrt({text}))"
            return f"({text})**({self._print(exponent)})"

        def _print_Piecewise(self, expr):
            *branches, (text, _) = expr.args
            made = self._print(text)
            for value, condition in reversed(branches):
                made = f"where({self._print(condition)}, {self._print(value)}, {made})"
            return made

        def _print_sign(self, expr):
            return f"sign({self._print(expr.args[0])})"

        def _print_Rational(self, expr):
            return repr(float(expr)) if expr.q != 1 else str(expr.p)

        def _print_Float(self, expr):
            return repr(float(expr))

        _print_Exp1 = _print_Pi = lambda self, expr: repr(float(expr))

    outputs = real_and_smooth(outputs)
    safe = {arg: sympy.Symbol(f"_{k}", real=True) for k, arg in enumerate(args)}  # names that nothing else in the program has
    one = sympy.Symbol("_one", real=True)
    args, outputs = list(safe.values()), [_typed(e.xreplace(safe), one) for e in outputs]
    printer = ArrayPrinter({"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True})
    if not any(e.has(one) for e in outputs):
        return sympy.lambdify(args, outputs, modules=[namespace], printer=printer, cse=True)
    program = sympy.lambdify([*args, one], outputs, modules=[namespace], printer=printer, cse=True)
    return lambda *given: program(*given, namespace["ones"]((), dtype=given[0].dtype))
