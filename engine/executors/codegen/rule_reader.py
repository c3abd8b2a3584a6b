"""From a rule's program to the statements of a lane loop.

Every value becomes a scalar of one run, and numbers written out get the working precision. What depends on nothing but hyperparameters is computed by
the host, once; what depends on the step too (bias corrections, the rate) is hoisted into a prelude that runs once a block of runs and not once a run.
A sum over the last axis, kept, becomes a loop of its own over the components before the one that updates them.
Division by a hoisted value becomes multiplication by its hoisted reciprocal, and beta**t a product that grows from step to step; roots that
remain in the loop, and all divisions, are the elementary functions' `root` and `divide`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....optimizers._particles import consensus
from ....optimizers.base import norm, unit
from ....specs.program.function import FUNCTIONS, Function, given, is_one, number
from ....specs.program.node import Node, node, ordered
from ....specs.program.split import replaced
from ....specs.program.trace import trace
from .refusal import NotFusable
from .written_out import written_out

ELEMENTWISE = {
    **{name: name for name in ("sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arctan", "sign")},
    **{name: name for name in ("maximum", "minimum", "floor", "where")},
    "abs": "absolute",
}
"""Function of the language -> the scalar function that generated code calls."""
OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "less": "<", "less_equal": "<=", "equal": "==", "not_equal": "!="}
OPERATORS |= {"logical_and": "&", "logical_or": "|"}
SCALAR = {*ELEMENTWISE, *OPERATORS, "number", "float", "negative", "divide", "power", "isfinite", "logical_not"}
"""What may happen to one component."""
MOVES = {"reshape", "broadcast"}
TOTALS = {"sum", "dot", "length"}
MAX_POWER = 16
MAX_OPERATIONS = 2000
"""A rule of more would take minutes to compile."""
FIXED, STEP, WHOLE, RUN = range(4)
"""What a value depends on: hyperparameters alone, the step too, sums over all components of the run's iterate, or one component."""


class _Own(Function):
    """What kernels compute in their own way, in the place of what a rule says."""

    def __init__(self, name: str):
        self.name = name  # type: ignore[misc]


LENGTH, DIRECTION = _Own("length"), _Own("direction")
"""norm(v) and unit(v) of optimizers/base.py."""
COMPLEMENT = _Own("complement")
"""1 - b**t, from b and 1 - b."""


@dataclass(frozen=True)
class Shared:
    """A number that all components of a run share: it is kept at `place`, for each run of the block."""

    place: str
    text: str
    """What it is, or what is summed over the components."""
    before: tuple[str, ...] | None = None
    """Of a sum, the statements that its text needs in the loop over components; None of what is no sum."""
    scales: bool = False
    """It is the power of two by which the vector `text` is multiplied before its squares are summed; the place before it is that sum."""


@dataclass
class Statements:
    """A rule as statements. `results` are the expressions it returns, `functions` the scalar functions it calls."""

    given: list[Node] = field(default_factory=list)
    """What the kernel gets, made of hyperparameters alone: n0, n1, ... in the statements."""
    stepped: list[str] = field(default_factory=list)
    """Those that depend on the step too."""
    powers: dict[tuple[str, str], str] = field(default_factory=dict)
    """(base, "") -> the name of base**t; (base, rest) -> that of 1 - base**t, with rest = 1 - base; both are among what the kernel gets."""
    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Hoisted expression -> the name under which `body` reads it, and its level."""
    body: list[str] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    """In the order in which they are computed."""
    results: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)


def statements(outputs: Sequence[Node], inputs: Mapping[str, Node], varying: Iterable[str], precision: str) -> Statements:
    """The statements of a rule.

    Parameters
    ----------
    outputs
        What it returns, as nodes of one run's shape.
    inputs
        What it was given, by name. Those that are neither `varying` nor t nor lr are hyperparameters.
    varying
        The names of those that differ from run to run and component to component.
    precision
        What arrays say when they are asked for their dtype.

    Returns
    -------
    The statements.

    Raises
    ------
    NotFusable
        For anything beyond arithmetic on components and sums over them.
    """
    shape = inputs["x"].shape
    levels = dict.fromkeys(varying, RUN) | {"t": STEP, "lr": STEP}
    if "f" in inputs:
        of_swarm = given("consensus", (1, shape[-1]))
        (told,) = trace(consensus, {name: inputs[name] for name in ("x", "f", "alpha")}, {}, precision)
        outputs, levels["consensus"] = replaced(outputs, {id(told): of_swarm}), RUN
    levelled = Levels(levels)
    scalars = Scalars(shape, levelled, precision, "f" in inputs).of(lengths(outputs, precision))
    return _Writer(levelled).written(scalars)


def lengths(outputs: Sequence[Node], precision: str) -> Sequence[Node]:
    """The outputs with LENGTH and DIRECTION in the place of what norm and unit consist of."""
    order = ordered(outputs)
    known = set(map(id, order))
    for largest in order:
        if largest.function.name == "max" and largest.args[0].function.name == "abs":
            (v,) = largest.args[0].args
            for function, means in ((LENGTH, norm), (DIRECTION, unit)):
                (found,) = trace(means, {"v": v}, {}, precision)
                if id(found) in known:
                    return lengths(replaced(outputs, {id(found): node(function, (v,), found.shape)}), precision)
    return outputs


class Levels:
    """What nodes depend on, by what the inputs of these names do; other inputs are hyperparameters."""

    def __init__(self, inputs: Mapping[str, int]):
        self.inputs = inputs
        self.known: dict[Node, int] = {}

    def __call__(self, n: Node) -> int:
        for part in () if n in self.known else ordered([n]):
            if part not in self.known:
                self.known[part] = self.of(part)
        return self.known[n]

    def of(self, n: Node) -> int:
        if n.function.name == "input":
            return self.inputs.get(n.option("name"), FIXED)
        if n.function.name in TOTALS:
            return WHOLE
        return max((STEP if n.function is COMPLEMENT else FIXED, *(self.known[a] for a in n.args)))


class Scalars:
    """Rewrites a program of arrays of this shape as one of the scalars of a component, in which no node has a shape."""

    def __init__(self, shape: tuple[int, ...], level: Levels, precision: str, swarm: bool = False, subject: str = "its rule"):
        self.shape, self.level, self.precision, self.swarm, self.subject = shape, level, precision, swarm, subject
        self.known: dict[Node, Node] = {}

    def of(self, outputs: Sequence[Node]) -> list[Node]:
        for n in ordered(outputs):
            if n not in self.known:
                if len(self.known) > MAX_OPERATIONS:
                    raise NotFusable(f"{self.subject} has more than {MAX_OPERATIONS} operations")
                self.known[n] = self.scalar(n, [self.known[a] for a in n.args])
        return [self.known[n] for n in outputs]

    def scalar(self, n: Node, args: list[Node]) -> Node:
        """The scalar that n is of these scalars."""
        name, deepest = n.function.name, max(map(self.level, args), default=FIXED)
        if name == "input":
            if self.swarm and n.option("name") == "alpha":
                raise NotFusable(f"{self.subject} uses alpha outside the consensus")
            return n
        if name in TOTALS or n.function is DIRECTION:
            return self.total(n, args)
        if name in MOVES and (deepest < WHOLE or self.stays(n, deepest)):
            return args[0]
        if (name == "array" and n.size == 1) or (deepest == FIXED and args and n.size == 1):
            return node(n.function, args, kind=n.kind, **dict(n.options))
        if name not in SCALAR:
            return self.simpler(n)
        if any(0 < a.ndim < len(self.shape) for a, new in zip(n.args, args, strict=True) if self.level(new) >= WHOLE):
            raise NotFusable(f"{self.subject} has a sum without keepdims=True")
        match name:
            case "add" if is_zero(args[0]) or is_zero(args[1]):
                return args[1] if is_zero(args[0]) else args[0]
            case "subtract" if is_zero(args[1]):
                return args[0]
            case "subtract" if is_one(args[0]) and self.is_power_of_step(args[1]):
                base = args[1].args[0]
                return node(COMPLEMENT, (base, operation("subtract", args[0], base)))
            case "multiply":
                return self.product(*args)
            case "divide" if self.level(args[1]) < WHOLE and self.level(args[0]) == RUN:
                return self.product(args[0], operation("divide", number(1.0), args[1]))
            case "where" if args[0].function.name == "array":
                return args[1 if args[0].option("entries").array.item() else 2]
        return node(n.function, args, kind=n.kind, **dict(n.options))

    def simpler(self, n: Node) -> Node:
        """The scalar of what is made of simpler functions."""
        try:
            if n.function.name not in MOVES and (simpler := written_out(n, self.precision)).function is not n.function:
                return self.of([simpler])[0]
        except NotFusable:
            pass
        name = "an array written out" if n.function.name == "array" else n.function.name
        raise NotFusable(f"{self.subject} takes {name}, which is neither arithmetic on components nor a sum over them")

    def total(self, n: Node, args: list[Node]) -> Node:
        """A sum over the components, or what depends on one."""
        if (
            any(a.shape != self.shape for a in n.args)
            or max(map(self.level, args)) != RUN
            or (n.function.name == "sum" and n.option("axis") != (-1,))
        ):
            raise NotFusable(f"{self.subject} has a sum over something other than the components")
        if n.function.name == "dot":
            return operation("sum", self.product(*args), axis=(-1,))
        return node(n.function, args, **dict(n.options))

    def stays(self, n: Node, deepest: int) -> bool:
        """Whether this new shape of n's argument leaves each number to its particle and component."""
        (a,) = n.args
        if n.function.name == "broadcast":
            return a.ndim in (0, len(self.shape))
        return n.shape == a.shape or (deepest == WHOLE and n.shape == (*a.shape, 1))

    def product(self, a: Node, b: Node) -> Node:
        """a b. Hoisted factors join each other, so that the loop has one product less."""
        if (is_zero(a) or is_zero(b)) and self.finite(a) and self.finite(b):
            return number(0.0)
        factor, rest = (a, b) if self.level(a) <= self.level(b) else (b, a)
        if self.level(factor) < WHOLE and self.level(rest) == RUN:
            if rest.function.name == "multiply" and self.level(rest.args[0]) < WHOLE and not factor.is_number:
                factor, rest = self.product(factor, rest.args[0]), rest.args[1]
            return operation("multiply", factor, rest)
        return operation("multiply", a, b)

    def finite(self, n: Node) -> bool:
        """Whether 0 n is 0: of numbers that hyperparameters make, and of the point of a run that has not diverged."""
        return self.level(n) < WHOLE or (not self.swarm and n.function.name == "input" and n.option("name") == "x")

    def is_power_of_step(self, n: Node) -> bool:
        return n.function.name == "power" and self.level(n.args[0]) == FIXED and is_step(n.args[1])


def operation(name: str, *args: Node, **options: Any) -> Node:
    """The function of this name on scalars, as it stands."""
    return node(FUNCTIONS.load(name), args, **options)


def is_zero(n: Node) -> bool:
    return n.is_number and n.number == 0.0


def is_step(n: Node) -> bool:
    return n.function.name == "input" and n.option("name") == "t"


class _Writer:
    """Writes scalars as statements: each operation on components, and each of the step, has one, and a name."""

    def __init__(self, level: Levels):
        self.level, self.made = level, Statements()
        self.text: dict[Node, str] = {}
        self.of_run: dict[Node, str] = {}
        """The statements of the loop over components, by what they compute."""
        self.places: dict[Node, str] = {}
        """Of numbers that all components share."""

    def written(self, outputs: Sequence[Node]) -> Statements:
        for n in ordered(outputs):
            if n.function.name == "input":
                self.text[n] = local(n.option("name"))
            elif self.level(n) == STEP:
                self.named(n, self.made.stepped)
            elif n.function.name == "sum":
                self.places[n] = self.share(self.seen(n.args[0], RUN), self.before(n.args))
            elif self.level(n) == WHOLE:
                self.text[n] = self.expression(n)
            elif self.level(n) == RUN:
                self.of_run[n] = self.named(n)
        self.made.body = [*self.before(outputs)]
        self.made.results = [self.seen(n, RUN) for n in outputs]
        return self.made

    def named(self, n: Node, among: list[str] | None = None) -> str:
        """The statement that gives n a name."""
        self.text[n], right = f"_{len(self.text)}", self.expression(n)
        statement = f"{self.text[n]} = {right}"
        if among is not None:
            among.append(statement)
        return statement

    def before(self, outputs: Sequence[Node]) -> tuple[str, ...]:
        """The statements of the loop over components that these need, without those whose sums are known by then."""
        sums = [n for n in ordered(outputs) if self.level(n) == WHOLE]
        return tuple(self.of_run[n] for n in ordered(outputs, sums) if n in self.of_run)

    def seen(self, n: Node, by: int) -> str:
        """The text of n in what has the level `by`."""
        if n.is_number:
            return literal(n.number)
        if self.level(n) == by and not (by == WHOLE and n in self.places):
            return self.text[n]
        return f"({self.hoisted(n, by)} != F(0.0))" if n.kind == "bool" else self.hoisted(n, by)

    def hoisted(self, n: Node, by: int) -> str:
        """Where the level `by` finds the number n: at a place, in a row of the prelude, or among what the kernel gets."""
        if self.level(n) == WHOLE:
            if n not in self.places:
                self.places[n] = self.share(self.text[n])
            return self.places[n]
        text = self.given(n) if self.level(n) == FIXED else self.text[n]
        return text if by == STEP else self.made.rows.setdefault(text, (f"h{len(self.made.rows)}", self.level(n)))[0]

    def given(self, n: Node) -> str:
        """The name under which the kernel gets what depends on hyperparameters alone."""
        if n not in self.made.given:
            self.made.given.append(n)
        return f"n{self.made.given.index(n)}"

    def share(self, text: str, before: tuple[str, ...] | None = None, scales: bool = False) -> str:
        """A new place for a number that all components of a run share."""
        place = f"Z[{len(self.made.shared)}, l]"
        self.made.shared.append(Shared(place, text, before, scales))
        return place

    def scaled_length(self, v: Node) -> tuple[str, str]:
        """(|s v|, s) with s a power of two: v is multiplied by it before it is squared, so that no square overflows or vanishes."""
        self.made.functions |= {"scaling", "sqrt"}
        text = self.seen(v, RUN)
        squares = self.share(f"{text} * {text}", self.before([v]))
        scale = self.share(text, scales=True)
        return self.share(f"sqrt({squares})"), scale

    def expression(self, n: Node) -> str:
        name, by = n.function.name, self.level(n)
        if n.function is DIRECTION:
            self.made.functions.add("divide")
            length, scale = self.scaled_length(n.args[0])
            return f"({self.seen(n.args[0], RUN)} * {scale} * {self.share(f'divide(F(1.0), {length})')})"
        if n.function is LENGTH:
            self.made.functions.add("divide")
            return "divide({}, {})".format(*self.scaled_length(n.args[0]))
        if n.function is COMPLEMENT:
            self.made.functions.add("complement")
            base, rest = map(self.given, n.args)
            return self.power_of_step(base, rest)
        if name == "power" and self.level(n.args[0]) == FIXED and is_step(n.args[1]):
            self.made.functions.add("pow")
            return self.power_of_step(self.given(n.args[0]))
        args = [self.seen(a, by) for a in n.args]
        if name in OPERATORS:
            return f"({args[0]} {OPERATORS[name]} {args[1]})"
        if name == "negative":
            return f"(-{args[0]})"
        if name == "float":
            return args[0]
        if name == "logical_not":
            return f"(not {args[0]})"
        if name == "isfinite":
            self.made.functions.add("absolute")
            return f"(absolute({args[0]}) <= -LOWEST)"
        exponent = n.args[1].number if name == "power" and n.args[1].is_number else 0.5
        if float(exponent).is_integer() and 2 <= exponent <= MAX_POWER:
            called, args = f"power{int(exponent)}", args[:1]
        else:
            called = {"sqrt": "root" if by == RUN else "sqrt", "power": "pow", "divide": "divide"}.get(name) or ELEMENTWISE[name]
        self.made.functions.add(called)
        return f"{called}({', '.join(args)})"

    def power_of_step(self, base: str, rest: str = "") -> str:
        return self.made.powers.setdefault((base, rest), f"power_{len(self.made.powers)}")


def literal(value: float) -> str:
    """A number in the working precision."""
    if math.isfinite(value):
        return f"F({value!r})"
    return f"F({'-' * (value < 0)}np.{'nan' if math.isnan(value) else 'inf'})"


def local(name: str) -> str:
    """The name that statements have for an input; none of the loop's own ends like this."""
    return name if name in ("t", "lr") else f"{name}_"
