"""Text to nodes, through a whitelist over Python's syntax tree. Nothing in a formula is ever executed.

Grammar: numbers, names, + - * / ** @, comparisons, `and`, `or`, `not`, the functions of specs/functions/, definitions with arguments, indices
and slices x[0], x[1:3], x[:, 2], x.T for T(x), and three words that only this file knows:

    grad(y, name)              the gradient of the scalar y by a name, as an array of its shape
    iterate(k, d, start, body) d <- body, k times from d = start, unrolled
    stop_gradient(x)           a function like others (specs/functions/stop_gradient.py)

Axes are numbers, or names of sizes in quotes: mean(X, axis="n"). A mistake is told with the part of the formula and the shapes in it.
"""

import ast
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..errors import PlacedError, SpecError, suggest
from ..names import parse_expression
from .derivative import grad
from .function import FLOAT, FUNCTIONS, IDENTITY, as_node, number
from .function import WORDS as NAMES_OF_KINDS
from .node import MAX_NUMBERS, Node, Wrong, apply, at_most, charge, describe, node
from .written import WORDS, Definition, definitions, short, source

CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045}
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
}
COMPARISONS: dict[type[ast.AST], tuple[str, bool]] = {
    ast.Lt: ("less", False),
    ast.LtE: ("less_equal", False),
    ast.Gt: ("less", True),
    ast.GtE: ("less_equal", True),
    ast.Eq: ("equal", False),
    ast.NotEq: ("not_equal", False),
}
MAX_LENGTH, MAX_PARTS, MAX_DEPTH, MAX_TURNS = 10_000, 4_000, 60, 10_000
"""Of a formula: characters, parts, definitions nested in one another; turns of one `iterate`."""
STEP, MANY, MAX_AXES = 10, 20, 32
"""What reading one part of a formula counts; names listed in a message; axes of a shape that is written out."""


@dataclass
class Reading:
    """What formulas of one landscape may name: inputs by name, sizes, definitions in their order."""

    inputs: Mapping[str, Node]
    sizes: Mapping[str, int] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    """Definitions that are being read, to find those that call themselves."""
    known: dict[str, Node] = field(default_factory=dict)
    """Definitions without arguments that have been read."""
    trees: dict[str, ast.expr] = field(default_factory=dict)
    """Syntax trees of definitions, which may be inlined often."""
    gradients: int = 0
    """How many gradients the part that is being read is inside."""
    count: int = 0

    def read(self, text: str, path: tuple[str, ...] = ("value",)) -> Node:
        """The formula as a node. Raises PlacedError with the place, the part of the formula and what is allowed."""
        return _Reader(self, text, path, {}).read()

    def scalar(self, text: str, path: tuple[str, ...] = ("value",)) -> Node:
        """As `read`, of a formula whose value is one number."""
        made = self.read(text, path)
        if made.shape or made.kind == "bool":
            raise PlacedError(path, f"must be one number, but is {describe(made)}; take its sum or mean, in the formula '{short(text)}'")
        return made


class _Reader:
    """Turns one formula's syntax tree into nodes; what has no rule is refused. `local` are the arguments of a definition that is inlined."""

    def __init__(self, reading: Reading, text: str, path: tuple[str, ...], local: Mapping[str, Node]):
        self.reading, self.text, self.path, self.local = reading, text, path, dict(local)

    def read(self) -> Node:
        syntax = self.reading.trees.get(self.text)
        if syntax is None:
            syntax = self.reading.trees[self.text] = self.parsed()
        try:
            if self.reading.count:
                return self.node(syntax)
            self.reading.count = 1
            try:
                with at_most():
                    return self.node(syntax)
            finally:
                self.reading.count = 0
        except RecursionError:
            self.fail("too deeply nested")
        except Wrong as error:
            self.fail(error.text)

    def parsed(self) -> ast.expr:
        """The syntax tree of the text."""
        if len(self.text) > MAX_LENGTH:
            raise PlacedError(self.path, f"a formula of {len(self.text)} characters; at most {MAX_LENGTH} are allowed")
        if not self.text.strip():
            raise PlacedError(self.path, "the formula is empty")
        if "#" in self.text:
            self.fail("# is not allowed; there are no comments in a formula")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                syntax = parse_expression(self.text)
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg.split(";")[0] if isinstance(error, SyntaxError) else "too deeply nested or not text"
            self.fail(f"not a formula ({reason})")
        if sum(1 for _ in ast.walk(syntax)) > MAX_PARTS:
            self.fail(f"a formula of more than {MAX_PARTS} parts")
        return syntax

    def fail(self, problem: str) -> NoReturn:
        raise PlacedError(self.path, f"{problem}, in the formula '{short(self.text)}'") from None

    def wrong(self, error: Wrong, n: ast.AST, args: Sequence[Node], parts: Iterable[ast.AST]) -> NoReturn:
        """What a function refused, with how its arguments are written and their shapes."""
        texts = {id(a): source(part) for a, part in zip(args, parts, strict=True)}
        operands = [a.args[0] if a.function is FLOAT else a for a in error.operands]
        given = [f"{texts[id(a)]} is {describe(a)}" for a in operands if id(a) in texts and (a.shape or a.kind != "float")]
        said = error.said([texts.get(id(a), describe(a)) for a in operands])
        self.fail(f"`{source(n)}`: {', '.join(dict.fromkeys(given))}{': ' if given else ''}{said}")

    def build(self, n: ast.AST, name: str, args: list[Node], parts: Iterable[ast.AST], options: Mapping[str, Any] | None = None) -> Node:
        """The node of a function; what it refuses is told with the part of the formula."""
        try:
            return apply(name, *args, **(options or {}))
        except Wrong as error:
            self.wrong(error, n, args, parts)
        except LookupError as error:
            self.fail(f"`{source(n)}`: {error.args[0]}")
        except (TypeError, ValueError):
            self.fail(f"`{source(n)}`: {name} takes other arguments, as in {' or '.join(FUNCTIONS.load(name).examples[:2])}")

    def node(self, n: ast.AST) -> Node:
        charge(STEP)
        rule = getattr(self, f"on_{type(n).__name__}", None)
        if rule is None:
            self.fail(f"{WORDS.get(type(n).__name__, type(n).__name__)} is not allowed")
        return rule(n)

    def on_Constant(self, n: ast.Constant) -> Node:
        if isinstance(n.value, bool) or not isinstance(n.value, (int, float)):
            self.fail(f"{source(n)} is not a number")
        if not abs(n.value) < 1e300:
            self.fail(f"the number {source(n)} is too large")
        return number(n.value)

    def on_Name(self, n: ast.Name) -> Node:
        name, reading = n.id, self.reading
        for known in (self.local, reading.inputs, reading.known):
            if name in known:
                return known[name]
        if name in reading.definitions:
            return self.defined(n, reading.definitions[name])
        if name in reading.sizes:
            return number(reading.sizes[name])
        if name in CONSTANTS:
            return number(CONSTANTS[name])
        if name in WORDS_OF_CALLS or name in FUNCTIONS.modules():
            self.fail(f"{name} is a function: write {name}(...)")
        names = list(dict.fromkeys([*self.local, *reading.inputs, *reading.definitions, *reading.sizes, *CONSTANTS]))
        known = f"{', '.join(names[:MANY])}{', ...' if len(names) > MANY else ''}"
        self.fail(f"the name '{name:.60}' is not defined{suggest(name, names)} (known: {known})")

    def defined(self, n: ast.AST, definition: Definition, args: "list[Node] | None" = None) -> Node:
        """The value of a definition, inlined."""
        if (args is None) != (not definition.arguments):
            count = len(definition.arguments)
            what = (
                f"a function of {count} argument{'s' * (count > 1)}: write {definition.name}(...)" if count else "a value, not a function"
            )
            self.fail(f"`{source(n)}`: {definition.name} is {what}")
        if args is not None and len(args) != len(definition.arguments):
            count, wanted = len(definition.arguments), ", ".join(definition.arguments)
            self.fail(f"`{source(n)}`: {definition.name}({wanted}) takes {count} argument{'s' * (count > 1)}, {len(args)} given")
        if definition.name in self.reading.open:
            way = " -> ".join([*self.reading.open[self.reading.open.index(definition.name) :], definition.name])
            raise PlacedError(("define", definition.name), f"is defined in terms of itself: {way}")
        if len(self.reading.open) >= MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} definitions nested in one another")
        self.reading.open.append(definition.name)
        try:
            local = dict(zip(definition.arguments, args or (), strict=True))
            made = _Reader(self.reading, definition.text, ("define", definition.name), local).read()
        finally:
            self.reading.open.pop()
        if not definition.arguments:
            self.reading.known[definition.name] = made
        return made

    def on_UnaryOp(self, n: ast.UnaryOp) -> Node:
        names = {ast.USub: "negative", ast.Not: "logical_not"}
        operand = self.node(n.operand)
        if isinstance(n.op, ast.UAdd):
            return operand
        if type(n.op) not in names:
            self.fail("~ is not allowed; write `not`")
        return self.build(n, names[type(n.op)], [operand], [n.operand])

    def on_BinOp(self, n: ast.BinOp) -> Node:
        chain: list[ast.BinOp] = []
        first: ast.AST = n
        while isinstance(first, ast.BinOp):  # a long sum is a deep tree
            chain.append(first)
            first = first.left
        value = self.node(first)
        for each in reversed(chain):
            if isinstance(each.op, ast.BitXor):
                self.fail("^ is not a power here; write **")
            if type(each.op) not in OPERATORS:
                self.fail(f"{WORDS.get(type(each.op).__name__, type(each.op).__name__)} is not allowed")
            value = self.build(each, OPERATORS[type(each.op)], [value, self.node(each.right)], [each.left, each.right])
        return value

    def on_BoolOp(self, n: ast.BoolOp) -> Node:
        name = "logical_and" if isinstance(n.op, ast.And) else "logical_or"
        value = self.node(n.values[0])
        for other in n.values[1:]:
            value = self.build(n, name, [value, self.node(other)], [n.values[0], other])
        return value

    def on_Compare(self, n: ast.Compare) -> Node:
        if len(n.ops) != 1 or type(n.ops[0]) not in COMPARISONS:
            self.fail("one comparison at a time is allowed, with <, <=, >, >=, == or !=; join two with `and`")
        name, turned = COMPARISONS[type(n.ops[0])]
        parts = [n.left, n.comparators[0]]
        if turned:
            parts.reverse()
        return self.build(n, name, [self.node(part) for part in parts], parts)

    def on_Attribute(self, n: ast.Attribute) -> Node:
        if n.attr != "T":
            self.fail(f"the attribute '.{n.attr:.60}' is not allowed")
        return self.build(n, "T", [self.node(n.value)], [n.value])

    def on_Subscript(self, n: ast.Subscript) -> Node:
        x = self.node(n.value)
        parts = n.slice.elts if isinstance(n.slice, ast.Tuple) else [n.slice]
        if len(parts) == 1 and not isinstance(parts[0], ast.Slice):
            index = self.node(parts[0])
            if index.kind == "int":
                return self.build(n, "take", [x, index], [n.value, parts[0]])
        return self.build(n, "index", [x], [n.value], {"at": tuple(self.place(part) for part in parts)})

    def place(self, n: ast.AST) -> Any:
        """A whole number, or (start, stop, step) of a slice."""
        if isinstance(n, ast.Slice):
            return tuple(None if part is None else self.whole(part) for part in (n.lower, n.upper, n.step))
        return self.whole(n)

    def whole(self, n: ast.AST) -> int:
        """A whole number made of literals and sizes."""
        value = self.node(n)
        if not (value.is_number and value.number.is_integer()):
            self.fail(f"`{source(n)}` must be a whole number made of literals and sizes")
        return int(value.number)

    def on_Call(self, n: ast.Call) -> Node:
        if not isinstance(n.func, ast.Name):
            self.fail(f"`{source(n.func)}` cannot be called; functions have plain names")
        name = n.func.id
        if any(isinstance(a, ast.Starred) for a in n.args) or any(k.arg is None for k in n.keywords):
            self.fail(f"{name:.60} takes plain arguments, without stars")
        if name in self.reading.definitions and name not in self.local:
            if n.keywords:
                self.fail(f"{name} takes its arguments in order, without names")
            return self.defined(n, self.reading.definitions[name], [self.node(a) for a in n.args])
        if name in WORDS_OF_CALLS:
            return getattr(self, name)(n)
        if name in self.reading.inputs or name in self.local:
            self.fail(f"{name} is not a function; write * for a product")
        if name not in FUNCTIONS.modules():
            known = [*FUNCTIONS.kinds(), *self.reading.definitions, *WORDS_OF_CALLS]
            self.fail(f"there is no function '{name:.60}'{suggest(name, known)} (thalweg list functions)")
        options = [(str(keyword.arg), self.literal(keyword.value)) for keyword in n.keywords]
        args = [a for a in n.args if not isinstance(a, (ast.List, ast.Tuple))]
        if name in ("concat", "stack") and len(args) < len(n.args):
            self.fail(f"`{source(n)}`: {name} takes its arrays one by one, as in {name}(a, b, axis=0)")
        positional = {"shape" if name in SHAPED else "axis": self.literal(a) for a in n.args if isinstance(a, (ast.List, ast.Tuple))}
        if name == "einsum" and n.args and isinstance(n.args[0], ast.Constant) and isinstance(n.args[0].value, str):
            positional, args = {"subscripts": n.args[0].value}, list(n.args[1:])
        elif name in REDUCTIONS and len(args) == 2 and self.is_axis(args[1], name):
            positional, args = {"axis": self.literal(args[1])}, args[:1]
        return self.build(n, name, [self.node(a) for a in args], args, self.checked(n, name, [*positional.items(), *options]))

    def checked(self, n: ast.Call, name: str, given: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        """The options of a function, of which each is one that it has, given once, and of the kind of its default."""
        options: dict[str, Any] = {}
        known = FUNCTIONS.load(name).options() if given else {}
        for option, value in given:
            if option not in known:
                self.fail(
                    f"`{source(n)}`: {name} takes no '{option:.60}'{suggest(option, known)} (it takes {', '.join(known) or 'no options'})"
                )
            if option in options:
                self.fail(f"`{source(n)}`: '{option}' is given twice")
            kinds, words = OPTIONS.get(type(known[option]), ((), ""))
            if option != "axis" and kinds and type(value) not in kinds:
                self.fail(f"`{source(n)}`: {option} must be {words}")
            if option == "shape" and not (len(value) <= MAX_AXES and all(type(m) is int and 0 <= m <= MAX_NUMBERS for m in value)):
                self.fail(f"`{source(n)}`: a shape is a list of at most {MAX_AXES} whole numbers from 0 to {MAX_NUMBERS:,}")
            options[option] = value
        return options

    def is_axis(self, n: ast.AST, name: str) -> bool:
        """Whether the second argument of a reduction is its axis; max(a, b) and min(a, b) compare two arrays."""
        if isinstance(n, ast.Constant) and isinstance(n.value, str):
            return True
        return name not in ("max", "min") and isinstance(n, (ast.Constant, ast.UnaryOp))

    def literal(self, n: ast.AST) -> Any:
        """The value of an option: a whole number or number made of literals and sizes, a name in quotes, a truth value, or a list of these."""
        if isinstance(n, (ast.List, ast.Tuple)):
            return tuple(self.literal(part) for part in n.elts)
        if isinstance(n, ast.Constant) and isinstance(n.value, (str, bool)):
            return n.value
        value = self.node(n)
        if not value.is_number:
            self.fail(f"`{source(n)}` must be a number made of literals and sizes")
        return int(value.number) if value.number.is_integer() else value.number

    def grad(self, n: ast.Call) -> Node:
        """grad(y, name)."""
        if len(n.args) != 2 or n.keywords or not isinstance(n.args[1], ast.Name):
            self.fail(f"`{source(n)}`: grad takes a number and a name to differentiate by, as in grad(sum(x*x), x)")
        name, x = n.args[1].id, self.node(n.args[1])
        if x.kind != "float":
            self.fail(f"`{source(n)}`: there is no gradient by {name}, which is {describe(x)} and made of {NAMES_OF_KINDS[x.kind]}")
        if x.is_number:
            self.fail(f"`{source(n)}`: there is no gradient by {name}, which is the number {x.number:g}")
        before = self.local.get(name)
        if before is not None:  # another argument may have the same value, which is the same node
            x = self.local[name] = node(IDENTITY, (x,), x.shape, axes=x.axes, by=(name, self.reading.gradients))
        self.reading.gradients += 1
        try:
            y = self.node(n.args[0])
            try:
                return grad(y, [x])[0]
            except Wrong as error:
                self.wrong(error, n, [y], n.args[:1])
        finally:
            self.reading.gradients -= 1
            if before is not None:
                self.local[name] = before

    def iterate(self, n: ast.Call) -> Node:
        """iterate(k, d, start, body)."""
        if len(n.args) != 4 or n.keywords or not isinstance(n.args[1], ast.Name):
            self.fail(f"`{source(n)}`: iterate takes a count, a name, its start and the body: iterate(3, d, 0*x, d + x)")
        turns, name = self.whole(n.args[0]), n.args[1].id
        if not 0 <= turns <= MAX_TURNS:
            self.fail(f"`{source(n.args[0])}`: iterate makes 0 to {MAX_TURNS:,} turns")
        value, before = self.node(n.args[2]), self.local.get(name)
        try:
            for turn in range(turns):
                self.local[name] = node(IDENTITY, (value,), value.shape, value.kind, value.axes, turn=turn)
                after = self.node(n.args[3])
                if after.shape != value.shape:
                    self.fail(f"`{source(n)}`: {name} starts as {describe(value)} and becomes {describe(after)}")
                value = after
        except Wrong as error:
            self.fail(f"`{source(n)}`: {error.text}")
        finally:
            if before is None:
                self.local.pop(name, None)
            else:
                self.local[name] = before
        return value


SHAPED = ("reshape", "broadcast", "zeros", "ones")
REDUCTIONS = frozenset(
    (
        "sum",
        "mean",
        "var",
        "std",
        "max",
        "min",
        "prod",
        "logsumexp",
        "norm",
        "argmax",
        "argmin",
        "cumsum",
        "sort",
        "flip",
        "any",
        "all",
        "softmax",
        "log_softmax",
    )
)
WORDS_OF_CALLS = ("grad", "iterate")
OPTIONS = {
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    tuple: ((tuple,), "a list"),
}
"""By the kind of an option's default: what may be given, and that in words."""
__all__ = ["Definition", "Reading", "SpecError", "as_node", "definitions", "short"]
