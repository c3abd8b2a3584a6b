"""Formulas: from text to a tree (tree.py), through a whitelist over Python's syntax tree. Nothing in a formula is ever executed.

Grammar: numbers, the landscape's variables and parameters, pi, e, + - * / **, the functions in FUNCTIONS, comparisons inside
where(condition, a, b). With one vector x of `dim` components also x[0], x[-1] (fixed components) and sum(term), prod(term), where the
term may use x[i], x[i+1], x[i-1] and i; i runs over all components for which every index exists, or over the Python slice
sum(term, start, stop). `dim` is the number of components.

The value is that of the text as it is written, in IEEE arithmetic or a form of it that loses less (tree.py); derivative.py says what the
gradient is at a kink.
"""

import ast
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import tree
from .errors import PlacedError, SpecError, suggest
from .names import parse_expression, why_no_name
from .tree import Node

KINDS = {"min": "minimum", "max": "maximum"}
"""Functions whose nodes have another name."""
NEWER = ("minimum", "maximum", "log1p", "expm1", "softplus", "sigmoid", "logaddexp")
"""Functions that studies may also use as names, since some did before there were these."""
FUNCTIONS = (
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "exp", "log", "sqrt"),
    *("abs", "sign", "min", "max", "where", "sum", "prod", *NEWER),
)
CONSTANTS = ("pi", "e")
RESERVED = {*FUNCTIONS, *CONSTANTS, "i", "dim"} - {*NEWER}
MAX_LENGTH, MAX_NODES, MAX_NUMBER, MAX_EXPONENT = 10_000, 2_000, 1e300, 10_000
MAX_TOTAL = 20_000
"""Different parts of all the formulas of a landscape."""


@dataclass(frozen=True)
class Reduction:
    """sum or prod over i in [start, stop) of `term`; `symbol` stands for the result."""

    kind: str
    term: Node
    start: int
    stop: int
    symbol: Node


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


@dataclass(eq=False)
class Parsed:
    """`value` and `observables` as trees over the symbols of fixed components, reductions and parameters."""

    formula: Formula
    value: Node = tree.ZERO
    observables: dict[str, Node] = field(default_factory=dict)
    reductions: list[Reduction] = field(default_factory=list)
    gradient: tuple[Node, ...] | None = None
    """Of a formula without reductions that comes with its gradient; by default it is that of `value`."""


def fixed(component: int) -> Node:
    """The symbol of component `component` of x, the same in every term."""
    return tree.symbol(f"x[{component}]")


def local(offset: int) -> Node:
    """The symbol of x[i + offset] inside a sum or product."""
    return tree.symbol(f"x[i{offset:+d}]")


def names(formula: Formula) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where every name but an observable's is given, and the name."""
    yield from ((("variables",), name) for name in formula.variables)
    yield from ((("vector", "name"), name) for name in (formula.vector or ())[:1])
    yield from ((("parameters", name), name) for name in formula.parameters)
    yield from ((("define", name), name) for name, _ in formula.define)


def check_names(formula: Formula) -> None:
    """Every name is a plain identifier, used once, and not one the language needs itself."""
    observables = [(("observables", name), name) for name, _ in formula.observables]
    for path, name in [*names(formula), *observables]:
        if problem := why_no_name(name):
            raise PlacedError(path, problem)
        if name in RESERVED:
            raise PlacedError(path, f"the name '{name}' is taken by the formula language; choose another")
    seen: set[str] = set()
    for path, name in names(formula):
        if name in seen:
            raise PlacedError(path, f"the name '{name}' is used twice among variables, parameters and definitions")
        seen.add(name)
    for path, name in observables:
        if name in ("loss", "params", "status", "last_step", "seed", "step"):
            raise PlacedError(path, f"an observable cannot be called '{name}'; every store already uses that name")


@functools.lru_cache(maxsize=256)
def parse(formula: Formula) -> Parsed:
    """The formula as trees. Raises SpecError with the text, the place and what is allowed."""
    check_names(formula)
    parsed = Parsed(formula)
    known: dict[str, Node] = {}
    for name, text in formula.define:
        known[name] = _Reader(parsed, known, ("define", name)).read(text)
    parsed.value = _Reader(parsed, known, ("value",)).read(formula.value)
    for name, text in formula.observables:
        parsed.observables[name] = _Reader(parsed, known, ("observables", name)).read(text)
    every = [parsed.value, *parsed.observables.values(), *(r.term for r in parsed.reductions)]
    if len(tree.ordered(every)) > MAX_TOTAL:
        raise SpecError(f"the formulas have more than {MAX_TOTAL} different parts")
    return parsed


class _Reader:
    """Turns one formula's syntax tree into ours, node by node; a node without a rule is refused."""

    def __init__(self, parsed: Parsed, known: dict[str, Node], path: tuple[str, ...]):
        self.parsed, self.formula, self.known, self.path = parsed, parsed.formula, known, path
        self.inside: set[int] | None = None  # offsets of x[i + o] seen, while inside a sum or product

    def fail(self, problem: str) -> SpecError:
        return PlacedError(self.path, f"{problem}, in the formula '{' '.join(self.text.split())[:200]}'")

    def read(self, text: str) -> Node:
        self.text = text
        if len(text) > MAX_LENGTH:
            raise PlacedError(self.path, f"a formula of {len(text)} characters; at most {MAX_LENGTH} are allowed")
        if "#" in text:
            raise self.fail("# is not allowed; there are no comments in a formula")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                syntax = parse_expression(text)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested or not text"
            raise self.fail(f"not a formula ({reason})") from None
        if sum(1 for _ in ast.walk(syntax)) > MAX_NODES:
            raise PlacedError(self.path, f"a formula of more than {MAX_NODES} parts")
        try:
            return self.number(syntax)
        except RecursionError:
            raise self.fail("too deeply nested") from None

    def number(self, n: ast.AST) -> Node:
        """The node's value, which must not be a comparison; if it is constant, it must be a finite real number."""
        value = self.node(n)
        if value.is_condition:
            raise self.fail("a comparison where a number is expected")
        return self.finite(value, n)

    def finite(self, value: Node, n: ast.AST) -> Node:
        if value.is_number and not abs(value.value) < MAX_NUMBER:
            raise self.fail(f"'{self.short(n)}' is not a finite real number (or beyond {MAX_NUMBER:g})")
        return value

    @staticmethod
    def short(n: ast.AST) -> str:
        """The node as text, cut to a readable length."""
        try:
            return ast.unparse(n)[:40]
        except (ValueError, RecursionError):
            return "..."

    def node(self, n: ast.AST) -> Node:
        rule = getattr(self, f"on_{type(n).__name__}", None)
        if rule is None:
            raise self.fail(f"{_describe(n)} is not allowed")
        return rule(n)

    def on_Constant(self, n: ast.Constant) -> Node:
        if isinstance(n.value, bool) or not isinstance(n.value, (int, float)):
            raise self.fail(f"{n.value!r} is not a number")
        if not abs(n.value) < MAX_NUMBER:
            raise self.fail(f"the number {self.short(n)} is too large")
        return tree.number(n.value)

    def on_Name(self, n: ast.Name) -> Node:
        name, f = n.id, self.formula
        if name in CONSTANTS:
            return tree.PI if name == "pi" else tree.E
        if name in self.known:
            return self.known[name]
        if name in f.variables:
            return fixed(f.variables.index(name))
        if name in f.parameters:
            return tree.parameter(name)
        if f.vector and name == "dim":
            return tree.number(f.dim)
        if f.vector and name == "i":
            if self.inside is None:
                raise self.fail("i is only known inside sum(...) and prod(...)")
            return tree.INDEX
        if f.vector and name == f.vector[0]:
            raise self.fail(f"the vector {name} needs an index: {name}[i] inside sum(...), or {name}[0], {name}[-1]")
        if name in FUNCTIONS:
            raise self.fail(f"{name} is a function: write {name}(...)")
        allowed = [*f.variables, *f.parameters, *self.known, *CONSTANTS]
        raise self.fail(f"the name '{name}' is not defined{suggest(name, allowed)} (known: {', '.join(allowed)})")

    def on_UnaryOp(self, n: ast.UnaryOp) -> Node:
        if isinstance(n.op, ast.USub):
            return tree.negative(self.number(n.operand))
        if isinstance(n.op, ast.UAdd):
            return self.number(n.operand)
        raise self.fail(f"{_describe(n.op)} is not allowed")

    def on_BinOp(self, n: ast.BinOp) -> Node:
        chain: list[ast.BinOp] = []
        first: ast.AST = n
        while isinstance(first, ast.BinOp):  # a long sum is a deep tree
            chain.append(first)
            first = first.left
        value = self.number(first)
        for each in reversed(chain):
            value = self.finite(self.operation(each, value), each)
        return value

    def operation(self, n: ast.BinOp, a: Node) -> Node:
        if isinstance(n.op, ast.BitXor):
            raise self.fail("^ is not a power here; write **")
        b = self.number(n.right)
        match n.op:
            case ast.Add():
                return tree.add(a, b)
            case ast.Sub():
                return tree.subtract(a, b)
            case ast.Mult():
                return tree.multiply(a, b)
            case ast.Div():
                if b is tree.ZERO:
                    raise self.fail(f"a division by zero in '{self.short(n)}'")
                return tree.divide(a, b)
            case ast.Pow():
                return self.power(a, b)
        raise self.fail(f"{_describe(n.op)} is not allowed")

    def power(self, a: Node, b: Node) -> Node:
        if b.is_number and abs(b.value) > MAX_EXPONENT:
            raise self.fail(f"the exponent {b.value:g} is too large")
        if b.is_number and not b.value.is_integer():
            self.real("power", a)
        made = tree.power(a, b)
        if made.is_number and not abs(made.value) < MAX_NUMBER:
            raise self.fail("a power of two numbers that is not a finite real number")
        return made

    def real(self, name: str, a: Node) -> None:
        """Refuse the root, power or logarithm of what is never positive."""
        if not a.is_number and not a.signs & tree.POSITIVE:
            raise self.fail(f"the {name} of a value that is never positive is not a finite real number")

    def on_Compare(self, n: ast.Compare) -> Node:
        kinds = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
        if len(n.ops) != 1 or type(n.ops[0]) not in kinds:
            raise self.fail("only a single comparison is allowed: a < b, a <= b, a > b or a >= b")
        return tree.compare(kinds[type(n.ops[0])], self.number(n.left), self.number(n.comparators[0]))

    def on_Subscript(self, n: ast.Subscript) -> Node:
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
        if not (value.is_number and value.value.is_integer()):
            raise self.fail(f"the index '{self.short(n)}' must be a whole number, or i plus or minus one")
        return int(value.value)

    def on_Call(self, n: ast.Call) -> Node:
        if not isinstance(n.func, ast.Name) or n.func.id not in FUNCTIONS:
            name = self.short(n.func)
            raise self.fail(f"there is no function '{name}'{suggest(name, FUNCTIONS)} (known: {', '.join(FUNCTIONS)})")
        if n.keywords or any(isinstance(a, ast.Starred) for a in n.args):
            raise self.fail(f"{n.func.id} takes plain arguments, without names or stars")
        name = n.func.id
        if name in ("sum", "prod"):
            return self.reduction(name, n.args)
        args = [self.node(a) if name == "where" and k == 0 else self.number(a) for k, a in enumerate(n.args)]
        count = {"where": 3, "min": 2, "max": 2, "minimum": 2, "maximum": 2, "logaddexp": 2}.get(name, 1)
        if len(args) != count:
            raise self.fail(f"{name} takes {count} argument{'s' * (count > 1)}, {len(args)} given")
        return self.apply(name, args)

    def apply(self, name: str, args: list[Node]) -> Node:
        if name == "where":
            if not args[0].is_condition:
                raise self.fail("where takes (comparison, number, number)")
            return tree.where(*args)
        if name in ("log", "sqrt"):
            self.real(name, args[0])
        return tree.call(KINDS.get(name, name), *args)

    def reduction(self, kind: str, args: list[ast.expr]) -> Node:
        if not self.formula.vector:
            raise self.fail(f"{kind}(...) needs a vector variable")
        if self.inside is not None:
            raise self.fail(f"a {kind}(...) inside a sum or product")
        if len(args) not in (1, 3):
            raise self.fail(f"{kind} takes one term, or (term, start, stop)")
        self.inside = set()
        term = self.number(args[0])
        offsets, self.inside = self.inside, None
        if any(r.symbol in term.free for r in self.parsed.reductions):
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
        signs = term.signs if not term.signs & tree.NEGATIVE else tree.ANY
        signs |= tree.ZERO_SIGN if kind == "prod" else 0
        result = tree.symbol(f"{kind}[{len(self.parsed.reductions)}]", signs=signs, rough=term.rough)
        made = Reduction(kind, term, start, stop, result)
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
