"""Formulas: from text to a SymPy tree, through a whitelist over Python's syntax tree. Nothing in a formula is ever executed.

Grammar: numbers, the landscape's variables and parameters, pi, e, + - * / **, the functions in FUNCTIONS, comparisons inside
where(condition, a, b). With one vector x of `dim` components also x[0], x[-1] (fixed components) and sum(term), prod(term), where the
term may use x[i], x[i+1], x[i-1] and i; i runs over all components for which every index exists, or over the Python slice
sum(term, start, stop). `dim` is the number of components.
"""

import ast
import functools
import warnings
from dataclasses import dataclass, field
from typing import Any

from .errors import SpecError, suggest

FUNCTIONS = (
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "exp", "log", "sqrt"),
    *("abs", "sign", "min", "max", "where", "sum", "prod"),
)
CONSTANTS = ("pi", "e")
RESERVED = {*FUNCTIONS, *CONSTANTS, "i", "dim"}
MAX_LENGTH, MAX_NODES, MAX_NUMBER = 10_000, 2_000, 1e300


@dataclass(frozen=True)
class Reduction:
    """sum or prod over i in [start, stop) of `term`, a SymPy expression; `symbol` stands for the result."""

    kind: str
    term: Any
    start: int
    stop: int
    symbol: Any


@dataclass(frozen=True)
class Formula:
    """A landscape in text. Exactly one of `variables` (scalars) and `vector` (name, dim) is given."""

    value: str
    variables: tuple[str, ...] = ()
    vector: tuple[str, int] | None = None
    parameters: tuple[str, ...] = ()
    observables: tuple[tuple[str, str], ...] = ()
    define: tuple[tuple[str, str], ...] = ()

    @property
    def dim(self) -> int:
        return self.vector[1] if self.vector else len(self.variables)


@dataclass
class Parsed:
    """`value` and `observables` as SymPy trees over the symbols of fixed components, reductions and parameters."""

    formula: Formula
    value: Any = None
    observables: dict[str, Any] = field(default_factory=dict)
    reductions: list[Reduction] = field(default_factory=list)


@functools.cache
def symbol(name: str) -> Any:
    """The real SymPy symbol of this name. Names with brackets are the language's own: no user's name can clash with them."""
    import sympy

    return sympy.Symbol(name, real=True)


def fixed(component: int) -> Any:
    """The symbol of component `component` of x, the same in every term."""
    return symbol(f"x[{component}]")


def local(offset: int) -> Any:
    """The symbol of x[i + offset] inside a sum or product."""
    return symbol(f"x[i{offset:+d}]")


def check_names(formula: Formula) -> None:
    """Every name is a plain identifier, used once, and not one the language needs itself."""
    names = [*formula.variables, *((formula.vector[0],) if formula.vector else ()), *formula.parameters, *(n for n, _ in formula.define)]
    for name in [*names, *(n for n, _ in formula.observables)]:
        if not name.isidentifier() or name.startswith("_"):
            raise SpecError(f"'{name}' is not a name: use letters, digits and underscores, beginning with a letter")
        if name in RESERVED:
            raise SpecError(f"the name '{name}' is taken by the formula language; choose another")
    for name in names:
        if names.count(name) > 1:
            raise SpecError(f"the name '{name}' is used twice among variables, parameters and definitions")
    for name, _ in formula.observables:
        if name in ("loss", "params", "status", "last_step", "seed", "step"):
            raise SpecError(f"an observable cannot be called '{name}'; that name is in every store")


@functools.lru_cache(maxsize=256)
def parse(formula: Formula) -> Parsed:
    """The formula as SymPy trees. Raises SpecError with the text, the place and what is allowed."""
    check_names(formula)
    parsed = Parsed(formula)
    known: dict[str, Any] = {}
    for name, text in formula.define:
        known[name] = _Reader(parsed, known, f"define.{name}").read(text)
    parsed.value = _Reader(parsed, known, "value").read(formula.value)
    for name, text in formula.observables:
        parsed.observables[name] = _Reader(parsed, known, f"observables.{name}").read(text)
    return parsed


class _Reader:
    """Turns one formula's syntax tree into SymPy, node by node; a node without a rule is refused."""

    def __init__(self, parsed: Parsed, known: dict[str, Any], where: str):
        import sympy

        self.sp, self.parsed, self.formula, self.known, self.where = sympy, parsed, parsed.formula, known, where
        self.inside: set[int] | None = None  # offsets of x[i + o] seen, while inside a sum or product

    def fail(self, problem: str) -> SpecError:
        return SpecError(f"{self.where}: {problem}, in the formula '{' '.join(self.text.split())[:200]}'")

    def read(self, text: str) -> Any:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise SpecError(f"{self.where}: a formula of {len(text)} characters; at most {MAX_LENGTH} are allowed")
        if "#" in text:
            raise self.fail("# is not allowed; there are no comments in a formula")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(" ".join(text.split()), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested or not text"
            raise self.fail(f"not a formula ({reason})") from None
        if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
            raise SpecError(f"{self.where}: a formula of more than {MAX_NODES} parts")
        try:
            return self.finite(self.number(tree))
        except RecursionError:
            raise self.fail("too deeply nested") from None

    def number(self, n: ast.AST) -> Any:
        """The node's value, which must not be a comparison; if it is constant, it must be a finite real number."""
        value = self.node(n)
        if self.is_condition(value):
            raise self.fail("a comparison where a number is expected")
        if value.is_number:
            try:
                size = abs(float(value))
            except (OverflowError, TypeError, ValueError, ZeroDivisionError):
                size = float("inf")
            if not size < MAX_NUMBER:
                raise self.fail(f"'{self.short(n)}' is not a finite real number (or beyond {MAX_NUMBER:g})")
        return value

    def finite(self, value: Any) -> Any:
        """`value`, unless a part of it is infinite or not real whatever the variables are."""
        if value.has(self.sp.zoo, self.sp.nan, self.sp.oo, -self.sp.oo, self.sp.I):
            raise self.fail("the value is not a finite real number (a division by zero?)")
        return value

    @staticmethod
    def short(n: ast.AST) -> str:
        """The node as text, cut to a readable length."""
        try:
            return ast.unparse(n)[:40]
        except (ValueError, RecursionError):
            return "..."

    def is_condition(self, value: Any) -> bool:
        """True for a comparison, or the truth value that SymPy reduced one to (a Symbol is a Boolean to SymPy, hence not asked)."""
        return isinstance(value, (bool, self.sp.core.relational.Relational, self.sp.logic.boolalg.BooleanAtom))

    def node(self, n: ast.AST) -> Any:
        rule = getattr(self, f"on_{type(n).__name__}", None)
        if rule is None:
            raise self.fail(f"{_describe(n)} is not allowed")
        return rule(n)

    def on_Constant(self, n: ast.Constant) -> Any:
        if isinstance(n.value, bool) or not isinstance(n.value, (int, float)):
            raise self.fail(f"{n.value!r} is not a number")
        if not abs(n.value) < MAX_NUMBER:
            raise self.fail(f"the number {self.short(n)} is too large")
        return self.sp.Integer(n.value) if isinstance(n.value, int) else self.sp.Rational(repr(n.value))

    def on_Name(self, n: ast.Name) -> Any:
        name, f = n.id, self.formula
        if name in CONSTANTS:
            return self.sp.pi if name == "pi" else self.sp.E
        if name in self.known:
            return self.known[name]
        if name in f.variables:
            return fixed(f.variables.index(name))
        if name in f.parameters:
            return symbol(name)
        if f.vector and name == "dim":
            return self.sp.Integer(f.dim)
        if f.vector and name == "i":
            if self.inside is None:
                raise self.fail("i is only known inside sum(...) and prod(...)")
            return symbol("i")
        if f.vector and name == f.vector[0]:
            raise self.fail(f"the vector {name} needs an index: {name}[i] inside sum(...), or {name}[0], {name}[-1]")
        if name in FUNCTIONS:
            raise self.fail(f"{name} is a function: write {name}(...)")
        allowed = [*f.variables, *f.parameters, *self.known, *CONSTANTS]
        raise self.fail(f"the name '{name}' is not defined{suggest(name, allowed)} (known: {', '.join(allowed)})")

    def on_UnaryOp(self, n: ast.UnaryOp) -> Any:
        if isinstance(n.op, ast.USub):
            return -self.number(n.operand)
        if isinstance(n.op, ast.UAdd):
            return self.number(n.operand)
        raise self.fail(f"{_describe(n.op)} is not allowed")

    def on_BinOp(self, n: ast.BinOp) -> Any:
        if isinstance(n.op, ast.BitXor):
            raise self.fail("^ is not a power here; write **")
        a, b = self.number(n.left), self.number(n.right)
        match n.op:
            case ast.Add():
                return a + b
            case ast.Sub():
                return a - b
            case ast.Mult():
                return a * b
            case ast.Div():
                if b == 0:
                    raise self.fail(f"a division by zero in '{self.short(n)}'")
                return a / b
            case ast.Pow():
                return self.power(a, b)
        raise self.fail(f"{_describe(n.op)} is not allowed")

    def power(self, a: Any, b: Any) -> Any:
        if b.is_Rational and abs(b) > 10_000:
            raise self.fail(f"the exponent {float(b):g} is too large")
        if a.is_number and b.is_number:
            try:
                value = float(a) ** float(b)
            except (OverflowError, ZeroDivisionError, TypeError, ValueError):
                value = float("inf")
            if isinstance(value, complex) or not abs(value) < MAX_NUMBER:
                raise self.fail("a power of two numbers that is not a finite real number")
            if not (a.is_Rational and b.is_Integer and abs(b) <= 16):
                return self.sp.Float(value) if not (a.is_Rational and b == self.sp.Rational(1, 2)) else self.sp.sqrt(a)
        return a**b

    def on_Compare(self, n: ast.Compare) -> Any:
        kinds = {ast.Lt: self.sp.Lt, ast.LtE: self.sp.Le, ast.Gt: self.sp.Gt, ast.GtE: self.sp.Ge}
        if len(n.ops) != 1 or type(n.ops[0]) not in kinds:
            raise self.fail("one comparison of the form a < b, a <= b, a > b or a >= b is allowed")
        return kinds[type(n.ops[0])](*(self.finite(self.number(side)) for side in (n.left, n.comparators[0])))

    def on_Subscript(self, n: ast.Subscript) -> Any:
        vector = self.formula.vector
        if not (vector and isinstance(n.value, ast.Name) and n.value.id == vector[0]):
            raise self.fail(f"only the vector can be indexed, and '{self.short(n.value)}' is not the vector")
        offset = self.offset(n.slice)
        if offset is not None:
            if self.inside is None:
                raise self.fail(f"{self.short(n)} is only known inside sum(...) and prod(...)")
            self.inside.add(offset)
            return local(offset)
        index = self.whole(n.slice)
        if not -vector[1] <= index < vector[1]:
            raise self.fail(f"{self.short(n)} does not exist: {vector[0]} has {vector[1]} components")
        return fixed(index % vector[1])

    def offset(self, n: ast.AST) -> int | None:
        """o if the index reads i + o or i - o, else None."""
        if isinstance(n, ast.Name) and n.id == "i":
            return 0
        if isinstance(n, ast.BinOp) and isinstance(n.left, ast.Name) and n.left.id == "i" and isinstance(n.op, (ast.Add, ast.Sub)):
            return self.whole(n.right) * (1 if isinstance(n.op, ast.Add) else -1)
        return None

    def whole(self, n: ast.AST) -> int:
        """A whole number made of literals and `dim`."""
        value = self.node(n)
        if not value.is_Integer:
            raise self.fail(f"the index '{self.short(n)}' must be a whole number, or i plus or minus one")
        return int(value)

    def on_Call(self, n: ast.Call) -> Any:
        if not isinstance(n.func, ast.Name) or n.func.id not in FUNCTIONS:
            name = self.short(n.func)
            raise self.fail(f"there is no function '{name}'{suggest(name, FUNCTIONS)} (known: {', '.join(FUNCTIONS)})")
        if n.keywords or any(isinstance(a, ast.Starred) for a in n.args):
            raise self.fail(f"{n.func.id} takes plain arguments")
        name = n.func.id
        if name in ("sum", "prod"):
            return self.reduction(name, n.args)
        args = [self.node(a) if name == "where" and k == 0 else self.number(a) for k, a in enumerate(n.args)]
        count = {"where": 3, "min": 2, "max": 2}.get(name, 1)
        if len(args) != count:
            raise self.fail(f"{name} takes {count} argument{'s' * (count > 1)}, {len(args)} given")
        return self.apply(name, args)

    def apply(self, name: str, args: list[Any]) -> Any:
        sp = self.sp
        if name == "where":
            if not self.is_condition(args[0]):
                raise self.fail("where takes (comparison, number, number)")
            return sp.Piecewise((args[1], args[0]), (args[2], True))
        if name in ("min", "max", "abs", "sign"):
            args = [self.finite(a) for a in args]
        plain = args[0].is_extended_real  # else, as for log(x), SymPy would differentiate abs and sign as complex functions
        match name:
            case "min":
                return sp.Piecewise((args[0], args[0] <= args[1]), (args[1], True))
            case "max":
                return sp.Piecewise((args[0], args[0] >= args[1]), (args[1], True))
            case "abs":
                return sp.Abs(args[0]) if plain else sp.Piecewise((args[0], args[0] >= 0), (-args[0], True))
            case "sign" if not plain:
                return sp.Piecewise((1, args[0] > 0), (-1, args[0] < 0), (0, True))
            case "arctan":
                return sp.atan(args[0])
        return getattr(sp, name)(args[0])

    def reduction(self, kind: str, args: list[ast.expr]) -> Any:
        if not self.formula.vector:
            raise self.fail(f"{kind}(...) needs a vector variable")
        if self.inside is not None:
            raise self.fail(f"a {kind}(...) inside a sum or product")
        if len(args) not in (1, 3):
            raise self.fail(f"{kind} takes one term, or (term, start, stop)")
        self.inside = set()
        term = self.finite(self.number(args[0]))
        offsets, self.inside = self.inside, None
        if any(r.symbol in term.free_symbols for r in self.parsed.reductions):
            raise self.fail(f"a sum or product inside {kind}(...)")
        first, last = max(0, -min(offsets, default=0)), self.formula.dim - max(0, *offsets, 0)
        start, stop = first, last
        if len(args) == 3:
            start, stop = (b + self.formula.dim if b < 0 else b for b in map(self.whole, args[1:]))
            if start < first or stop > last:
                raise self.fail(f"i in [{start}, {stop}) reaches beyond the {self.formula.dim} components")
        if stop <= start:
            raise self.fail(f"{kind}(...) is empty: {self.formula.vector[0]} has only {self.formula.dim} components")
        for old in self.parsed.reductions:
            if (old.kind, old.term, old.start, old.stop) == (kind, term, start, stop):
                return old.symbol
        made = Reduction(kind, term, start, stop, symbol(f"{kind}[{len(self.parsed.reductions)}]"))
        self.parsed.reductions.append(made)
        return made.symbol


def _describe(n: ast.AST) -> str:
    """What a syntax node is, in a user's words."""
    if isinstance(n, ast.Attribute):
        return f"the attribute '.{n.attr}'"
    words = {
        "Lambda": "a lambda",
        "ListComp": "a comprehension",
        "GeneratorExp": "a comprehension",
        "NamedExpr": "an assignment (:=)",
        "JoinedStr": "text",
        "List": "a list",
        "Tuple": "a tuple",
        "Dict": "a dictionary",
        "IfExp": "'a if b else c' (use where)",
        "BoolOp": "and/or",
        "Await": "await",
        "FloorDiv": "//",
        "Mod": "%",
        "MatMult": "@",
        "Not": "not",
    }
    return words.get(type(n).__name__, f"{type(n).__name__}")
