"""From an update function to the statements of a lane loop.

The array executor calls a rule as it stands. Here its source is read instead, so that one rule body serves both: every value becomes a
scalar of one run, literals get the working precision, `if` on plain fields is decided now, and what depends on nothing but the
hyperparameters and the step (bias corrections, 1 - beta1) is hoisted into a prelude that runs once a block of runs and not once a run.
A sum over the last axis, kept, becomes a loop of its own over the components before the one that updates them.
Division by a hoisted value becomes multiplication by its hoisted reciprocal, and beta**t a product that grows from step to step; roots that
remain in the loop, and all divisions, are the elementary functions' `root` and `divide`.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....optimizers.base import norm, unit
from ....specs.syntax import compiled, syntax_tree

ELEMENTWISE = {
    **{name: name for name in ("sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "sign")},
    **{name: name for name in ("maximum", "minimum", "floor", "where", "absolute")},
    "abs": "absolute",
    "atan": "arctan",
    "power": "pow",
    "pow": "pow",
}
"""NumPy or array-API function -> the scalar function that generated code calls."""
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
MAX_POWER = 16
NAME = re.compile(r"[A-Za-z_]\w*")
FIXED, STEP, WHOLE, RUN = range(4)
"""What a value depends on: hyperparameters alone, the step too, sums over all components of the run's iterate, or one component."""
GIVEN, SCALING = -1, -2
"""Of a row in `sums` that is no sum: how it comes about."""


class NotFusable(Exception):
    """Why a part of a study cannot become a kernel; the array executor runs it."""


@dataclass(frozen=True)
class Value:
    """An expression of generated code, and what it depends on."""

    text: str
    level: int
    literal: float | None = None
    base: str = ""
    """Of base**t: what `1 - base` is, by name in `given`."""
    scaled: "tuple[Value, Value] | None" = None
    """Of a product with a hoisted number: (the rest, the number). A second such factor joins the first one before the loop."""


@dataclass
class Inlined:
    """A rule as statements. `results` are the expressions it returns, `functions` the scalar functions it calls."""

    fixed: list[str] = field(default_factory=list)
    """Statements of hyperparameters alone, which the host computes in float64; `stepped` depend on the step too."""
    given: dict[str, str] = field(default_factory=dict)
    """What the kernel gets of those: expression -> its name."""
    stepped: list[str] = field(default_factory=list)
    powers: dict[tuple[str, str], str] = field(default_factory=dict)
    """(base, "") -> the name of base**t; (base, rest) -> that of 1 - base**t, with rest = 1 - base, both named in `given`."""
    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Hoisted expression -> the name under which `body` reads it, and its level."""
    body: list[str] = field(default_factory=list)
    sums: list[tuple[str, str, int]] = field(default_factory=list)
    """In order: (a row that all components share, what is summed over them, how much of `body` that needs), (the row, what is assigned to it,
    GIVEN), or (the row, x, SCALING) after a row that sums the squares of x, which is then that of x multiplied by this one."""
    results: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)


def inline(
    update: Callable[..., Any], varying: Sequence[str], hoisted: Sequence[str], plain: Mapping[str, Any], head: Sequence[ast.stmt] = ()
) -> Inlined:
    """The statements of `update`.

    Parameters
    ----------
    update
        The rule.
    varying
        Its arguments that differ from run to run and component to component.
    hoisted
        Those that are numbers per run.
    plain
        Those that are Python values known now.
    head
        Statements that define others before the rule begins, from what is hoisted.

    Returns
    -------
    Inlined
        The statements.

    Raises
    ------
    NotFusable
        For anything beyond straight-line arithmetic.
    """
    try:
        tree = syntax_tree(textwrap.dedent(inspect.getsource(update))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError) as error:
        raise NotFusable(f"the source of its rule cannot be read ({error})") from None
    if not isinstance(tree, ast.FunctionDef):
        raise NotFusable("its rule is not a plain function")
    lengths = [n for n, f in (("norm", norm), ("unit", unit)) if update.__globals__.get(n) is f]
    return _Inliner(varying, hoisted, plain, lengths).function(tree, head)


class _Inliner:
    def __init__(self, varying: Sequence[str], hoisted: Sequence[str], plain: Mapping[str, Any], lengths: Sequence[str] = ()):
        self.made, self.lengths = Inlined(), lengths
        self.plain = dict(plain)
        self.known = {n: Value(n, RUN) for n in varying} | {n: Value(n, STEP if n in ("t", "lr") else FIXED) for n in hoisted}
        self.count = 0

    def function(self, tree: ast.FunctionDef, head: Sequence[ast.stmt]) -> Inlined:
        self.block([*head])
        for argument in tree.args.args:
            if argument.arg not in self.known and argument.arg not in self.plain and argument.arg not in ("xp",):
                raise NotFusable(f"its rule takes '{argument.arg}', which a kernel does not have")
        if not self.block(tree.body):
            raise NotFusable("its rule returns nothing")
        self.prune()
        return self.made

    def prune(self) -> None:
        """Drop statements of the body that nothing needs, and then rows."""
        made = self.made
        if made.sums:  # these count statements
            return
        needed = set(NAME.findall(" ".join(made.results)))
        for statement in reversed(made.body):
            name, _, text = statement.partition(" = ")
            if name in needed:
                needed |= set(NAME.findall(text))
        made.body = [s for s in made.body if s.partition(" = ")[0] in needed]
        made.rows = {text: row for text, row in made.rows.items() if row[0] in needed}
        needed = set(NAME.findall(" ".join(made.rows)))
        for statement in reversed(made.stepped):
            name, _, text = statement.partition(" = ")
            if name in needed:
                needed |= set(NAME.findall(text))
        made.stepped = [s for s in made.stepped if s.partition(" = ")[0] in needed]
        made.powers = {key: name for key, name in made.powers.items() if name in needed}
        needed |= {name for key in made.powers for name in key}
        made.given = {text: name for text, name in made.given.items() if name in needed}

    def block(self, statements: list[ast.stmt]) -> bool:
        """Read statements in order; True once one of them has returned."""
        return any(self.statement(s) for s in statements)

    def statement(self, s: ast.stmt) -> bool:
        match s:
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                return False
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self.assign({name: self.expression(value)})
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
                self.assign({self.name(n): self.expression(v) for n, v in zip(names, values, strict=True)})
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self.assign({name: self.expression(ast.BinOp(ast.Name(target.id, ast.Load()), op, value))})
            case ast.If(test=test, body=body, orelse=orelse):
                return self.block(body if self.decide(test) else orelse)
            case ast.Return(value=ast.Tuple(elts=values)):
                self.made.results = [self.inside(self.expression(v)) for v in values]
                return True
            case ast.Return(value=ast.expr() as value):
                self.made.results = [self.inside(self.expression(value))]
                return True
            case _:
                raise NotFusable(f"its rule has a statement that is not straight-line arithmetic: {ast.unparse(s).splitlines()[0]}")
        return False

    def name(self, target: ast.expr) -> str:
        if not isinstance(target, ast.Name):
            raise NotFusable(f"its rule assigns to {ast.unparse(target)}")
        return target.id

    def assign(self, values: dict[str, Value]) -> None:
        """Each assignment makes a new name, so that nothing is ever overwritten."""
        for name, value in values.items():
            if value.literal is not None:
                self.known[name] = value
                continue
            if value.level == WHOLE:
                self.known[name] = Value(self.inside(value), WHOLE)
                continue
            self.count += 1
            new = f"{name}_{self.count}"
            {FIXED: self.made.fixed, STEP: self.made.stepped, RUN: self.made.body}[value.level].append(f"{new} = {value.text}")
            self.known[name] = Value(new, value.level, None, value.base, value.scaled)

    def decide(self, test: ast.expr) -> bool:
        """A test of plain fields, decided now."""
        names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
        if not names <= set(self.plain):
            raise NotFusable(f"its rule branches on something other than plain fields: if {ast.unparse(test)}")
        code = compiled(ast.Expression(ast.fix_missing_locations(test)), "<rule>", "eval")
        return bool(eval(code, {"__builtins__": {}}, dict(self.plain)))  # an installed optimizer's own code, never a study's

    def inside(self, value: Value) -> str:
        """The value as text of the lane loop: hoisted values through a row of the prelude."""
        if value.level == RUN or value.literal is not None or value.text in {row for row, _, _ in self.made.sums}:
            return value.text
        if value.level == FIXED:
            value = Value(self.given(value), FIXED)
        if value.level == WHOLE:
            return self.row(value.text)
        return self.made.rows.setdefault(value.text, (f"h{len(self.made.rows)}", value.level))[0]

    def together(self, template: Callable[..., str], *values: Value) -> Value:
        """An operation on values, of the highest of their levels."""
        level = max(v.level for v in values)

        def shown(v: Value) -> str:
            if v.level == level or v.literal is not None:
                return v.text
            return self.inside(v) if level > STEP else self.given(v)

        return Value(template(*map(shown, values)), level)

    def given(self, value: Value) -> str:
        """The name under which the kernel gets what depends on hyperparameters alone."""
        return self.made.given.setdefault(value.text, f"n{len(self.made.given)}")

    def row(self, text: str, needs: int = GIVEN) -> str:
        """A new row for a number that all components of a run share, or for their sum."""
        place = f"Z[{len(self.made.sums)}, l]"
        self.made.sums.append((place, text, needs))
        return place

    def length(self, v: Value, direction: bool) -> Value:
        """norm(v) or unit(v) of base.py: v is multiplied by a power of two before it is squared."""
        self.made.functions |= {"scaling", "sqrt", "divide"}
        squares = self.row(f"{v.text} * {v.text}", len(self.made.body))
        scale = self.row(v.text, SCALING)
        length = self.row(f"sqrt({squares})")
        if direction:
            return Value(f"({v.text} * {scale} * {self.row(f'divide(F(1.0), {length})')})", RUN)
        return Value(f"divide({length}, {scale})", WHOLE)

    def expression(self, e: ast.expr) -> Value:
        match e:
            case ast.Constant(value=value) if isinstance(value, (int, float)) and not isinstance(value, bool):
                return literal(float(value))
            case ast.Name(id=name):
                return self.variable(name)
            case ast.Attribute(value=ast.Name(id="np" | "xp"), attr="pi"):
                return literal(3.141592653589793)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.expression(operand)
                return literal(-value.literal) if value.literal is not None else self.together(lambda a: f"(-{a})", value)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expression(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(op, self.expression(left), self.expression(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                sign = COMPARISONS[type(op)]
                return self.together(lambda a, b: f"({a} {sign} {b})", self.expression(left), self.expression(right))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.expression(body if self.decide(test) else orelse)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "xp"), attr=name), args=args, keywords=[]):
                return self.call(name, args)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "xp"), attr="sum"), args=[summed]) if _over_components(e):
                value = self.expression(summed)
                if value.level == RUN:
                    return Value(self.row(value.text, len(self.made.body)), WHOLE)
            case ast.Call(func=ast.Name(id=name), args=[vector], keywords=[]) if name in self.lengths:
                value = self.expression(vector)
                if value.level == RUN:
                    return self.length(value, name == "unit")
            case ast.Call(func=ast.Name(id="consensus"), args=[ast.Name("x"), ast.Name("f"), ast.Name("alpha")]) if self.swarm():
                return self.known["consensus"]
        raise NotFusable(f"its rule uses {ast.unparse(e)}, which is not elementwise arithmetic")

    def swarm(self) -> bool:
        """Whether the rule is one of particles, and x, f and alpha are still what it was given."""
        return "consensus" in self.known and all(self.known[name].text == name for name in ("x", "f", "alpha"))

    def variable(self, name: str) -> Value:
        if name in self.known and not (name == "alpha" and self.swarm()):
            return self.known[name]
        value = self.plain.get(name)
        if isinstance(value, (int, float)):
            return literal(float(value))
        raise NotFusable(f"its rule uses '{name}', which is neither an argument nor a number")

    def binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        if isinstance(op, ast.Pow):
            return self.power(a, b)
        if isinstance(op, (ast.BitAnd, ast.BitOr)):
            sign = "&" if isinstance(op, ast.BitAnd) else "|"
            return self.together(lambda x, y: f"({x} {sign} {y})", a, b)
        if isinstance(op, ast.Div):
            self.made.functions.add("divide")
            if b.level < WHOLE and a.level == RUN:
                return self.binary(ast.Mult(), a, self.together(lambda y: f"divide(F(1.0), {y})", b))
            return self.together(lambda x, y: f"divide({x}, {y})", a, b)
        if type(op) not in OPERATORS:
            raise NotFusable(f"its rule uses the operator {type(op).__name__}")
        if isinstance(op, ast.Mult) and 0.0 in (a.literal, b.literal) and all(map(self.finite, (a, b))):
            return literal(0.0)
        if isinstance(op, ast.Add) and 0.0 in (a.literal, b.literal):
            return b if a.literal == 0.0 else a
        if isinstance(op, ast.Sub) and a.literal == 1.0 and b.base:
            self.made.functions.add("complement")
            rest = self.given(Value(f"(F(1.0) - {b.base})", FIXED))
            return Value(self.power_row(self.given(Value(b.base, FIXED)), rest), STEP)
        made = self.together(lambda x, y: f"({x} {OPERATORS[type(op)]} {y})", a, b)
        if isinstance(op, ast.Mult) and min(a.level, b.level) < WHOLE and max(a.level, b.level) == RUN:
            number, rest = (a, b) if a.level < b.level else (b, a)
            if rest.scaled and number.literal is None:
                rest, number = rest.scaled[0], self.binary(op, number, rest.scaled[1])
                made = self.together(lambda x, y: f"({x} * {y})", rest, number)
            return replace(made, scaled=(rest, number))
        return made

    def finite(self, v: Value) -> bool:
        """Whether 0 v is 0: of numbers that hyperparameters make, and of the point of a run that has not diverged."""
        return v.level < WHOLE or (v.text == "x" and not self.swarm())

    def power(self, a: Value, b: Value) -> Value:
        if a.level == FIXED and b.text == "t":
            self.made.functions.add("pow")
            return Value(self.power_row(self.given(a)), STEP, base=a.text)
        whole = b.literal is not None and b.literal == int(b.literal) and 2 <= b.literal <= MAX_POWER
        name = f"power{int(b.literal)}" if whole and b.literal is not None else "pow"
        self.made.functions.add(name)
        return self.together(lambda x: f"{name}({x})", a) if whole else self.together(lambda x, y: f"pow({x}, {y})", a, b)

    def power_row(self, base: str, rest: str = "") -> str:
        return self.made.powers.setdefault((base, rest), f"power_{len(self.made.powers)}")

    def call(self, name: str, args: list[ast.expr]) -> Value:
        if name == "square":
            return self.power(self.expression(args[0]), literal(2.0))
        if name in ("zeros_like", "ones_like"):
            return literal(float(name == "ones_like"))
        if name in ("astype", "asarray", "float32", "float64"):
            return self.expression(args[0])
        if name not in ELEMENTWISE:
            raise NotFusable(f"its rule calls np.{name}, which has no scalar form here")
        values = [self.expression(a) for a in args]
        function = "root" if name == "sqrt" and values[0].level == RUN else ELEMENTWISE[name]
        self.made.functions.add(function)
        return self.together(lambda *given: f"{function}({', '.join(given)})", *values)


def literal(value: float) -> Value:
    """A number in the working precision."""
    return Value(f"F({value!r})", FIXED, value)


def _over_components(call: ast.Call) -> bool:
    """Whether this sum is over the last axis, which stays with length 1."""
    return {k.arg: ast.unparse(k.value) for k in call.keywords} == {"axis": "-1", "keepdims": "True"}
