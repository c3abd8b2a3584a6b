"""A claim: a quantitative prediction about a run that `thalweg verify` checks, and the little language it is written in.

An expression is Python arithmetic over names and the functions in FUNCTIONS; nothing else parses, and nothing is executed. Names:

    loss, params, an observable      a recorded variable of the claim's group; `sgd.loss` is that of the group sgd, and `'sgd+m'.loss` that
                                     of a group whose label is no plain word
    lr, beta1, noise.scale, ...      a field of the group's optimizer, or landscape., noise., init. and a field; swept ones vary
    status, diverged, last_step      how every run ended
    step, steps, seeds, dim, pi, e   numbers

`thalweg.engine.claims` evaluates them. A label with dots may be written as it is, one with + or - in quotes.
"""

import ast
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .base import NonNegative, Real, Spec
from .errors import suggest
from .names import for_parser, parse_expression

FUNCTIONS = (
    *("mean", "median", "min", "max", "std", "var", "sum", "quantile", "fraction", "argmin", "argmax", "at_argmin"),
    *("initial", "final", "at", "head", "tail", "first_time_below", "first_time_above", "time_to_stay_below"),
    *(
        "slope",
        "fit",
        "vertex",
        "convexity",
        "correlation",
        "diff",
        "cumsum",
        "norm",
        "dot",
        "component",
        "select",
        "or_inf",
        "or_zero",
        "shift",
    ),
    *(
        "abs",
        "sqrt",
        "exp",
        "log",
        "log10",
        "sin",
        "cos",
        "tan",
        "tanh",
        "arctan",
        "arcsin",
        "arccos",
        "sign",
        "floor",
        "minimum",
        "maximum",
        "where",
        "isfinite",
    ),
)
OWN_NAMES = ("status", "diverged", "last_step", "step", "steps", "seeds", "dim", "pi", "e")
PARTS = ("landscape", "noise", "init")
MAX_LENGTH, MAX_NODES, MAX_DEPTH = 2_000, 400, 120


def power(a: Any, b: Any) -> Any:
    """a**b. Plain numbers are floats, so that a power of whole numbers cannot grow without bound. Raises OverflowError, ValueError."""
    plain = isinstance(a, (int, float)) and isinstance(b, (int, float))
    result = float(a) ** float(b) if plain else a**b
    if isinstance(result, complex):
        raise ValueError(f"{a}**{b} is not a real number")
    return result


OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: power,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@functools.lru_cache(maxsize=1024)
def parse_claim(text: str) -> ast.expr:
    """The expression's syntax tree, every node of which is allowed. Raises ValueError that says what is not."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression of {len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        tree = parse_expression(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"'{text[:80]}' is not an expression ({error.msg if isinstance(error, SyntaxError) else error})") from None
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise ValueError(f"an expression of more than {MAX_NODES} parts")
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    if depth > MAX_DEPTH:
        raise ValueError(f"an expression nested {depth} levels deep; at most {MAX_DEPTH} are allowed")
    for node in nodes:
        _allow(node)
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        raise ValueError(f"'{text[:40]}' is a name in quotes, not a number")
    constant(tree)
    return tree


def normal(text: str) -> str:
    """An expression's text as `parse_claim` gives it to Python's parser."""
    return for_parser(text)


def segment(text: str, node: ast.expr) -> str:
    """The part of the text that a node was read from."""
    return text.encode()[node.col_offset : node.end_col_offset].decode()


def constant(node: ast.AST) -> Any:
    """The value of an expression of numbers alone, None for any other. Raises ValueError where one inside has no finite value."""
    if isinstance(node, ast.Constant):
        return None if isinstance(node.value, str) else _finite(node, lambda: node.value)
    values = [constant(child) for child in ast.iter_child_nodes(node)]
    match node:
        case ast.BinOp(op=op) if values[0] is not None and values[2] is not None:
            return _finite(node, lambda: OPERATORS[type(op)](values[0], values[2]))
        case ast.UnaryOp(op=op) if values[1] is not None:
            return _finite(node, lambda: OPERATORS[type(op)](values[1]))
    return None


def _finite(node: ast.AST, value: Callable[[], Any]) -> Any:
    try:
        result = value()
        if math.isfinite(result):
            return result
        reason = "too large a number"
    except OverflowError:
        reason = "too large a number"
    except ZeroDivisionError:
        reason = "a division by zero"
    except (ValueError, TypeError):
        reason = "not a real number"
    text = ast.unparse(node)
    raise ValueError(f"'{text if len(text) <= 40 else text[:37] + '...'}' is {reason}")


MOST_RECORDS = 100_000
"""Records that a claim may always count."""


def check_numbers(tree: ast.expr, steps: int) -> None:
    """Numbers given to functions lie where they have a meaning in a study of so many steps. Raises ValueError that says which does not."""
    most = max(steps, MOST_RECORDS) + 1  # a study may be shortened below what a claim counts; evaluation says so
    ranges = {
        "quantile": (1, "q", "level", 0, 1),
        "head": (1, "fraction", "fraction", 0, 1),
        "tail": (1, "fraction", "fraction", 0, 1),
        "time_to_stay_below": (2, "records", "records", 0, most),
        "shift": (1, "records", "records", -most, most),
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in ranges:
            continue
        place, keyword, noun, low, high = ranges[node.func.id]
        given = [k.value for k in node.keywords if k.arg == keyword] + node.args[place : place + 1]
        value = constant(given[0]) if given else None
        if value is not None and (not low <= value <= high or (noun == "records" and value != int(value))):
            kind = "a whole number of records" if noun == "records" else f"a {noun}"
            raise ValueError(f"{node.func.id}() takes {kind} from {low} to {high}, given {value:.15g}")


def _allow(node: ast.AST) -> None:
    match node:
        case ast.Call(func=ast.Name(id=name), keywords=keywords):
            if name not in FUNCTIONS:
                raise ValueError(f"there is no function '{name}'{suggest(name, FUNCTIONS)} (known: {', '.join(FUNCTIONS)})")
            if any(k.arg is None for k in keywords):
                raise ValueError("** is not allowed")
        case ast.Call():
            raise ValueError(f"'{ast.unparse(node)[:40]}' is not a call of a function by its name")
        case ast.Constant(value=value):
            if isinstance(value, bool) or not isinstance(value, (int, float, str)):
                raise ValueError(f"{value!r} is neither a number nor a name in quotes")
        case ast.Attribute(value=ast.Constant(value=str())) | ast.Attribute(value=ast.Name() | ast.Attribute()):
            pass
        case ast.Name() | ast.keyword() | ast.expr_context():
            pass
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.operator() | ast.unaryop() | ast.cmpop():
            if isinstance(node, (ast.operator, ast.unaryop)) and type(node) not in OPERATORS:
                raise ValueError(f"the operator {type(node).__name__} is not allowed")
            if isinstance(node, ast.cmpop) and type(node) not in OPERATORS:
                raise ValueError(f"the comparison {type(node).__name__} is not allowed")
            for part in ast.iter_child_nodes(node):
                if isinstance(part, (ast.List, ast.Tuple)) or (isinstance(part, ast.Constant) and isinstance(part.value, str)):
                    raise ValueError(f"'{ast.unparse(part)[:40]}' is a name in quotes, not a number to compute with")
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            if not all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in elements):
                raise ValueError("a list must hold names of dimensions, in quotes")
        case _:
            raise ValueError(f"'{ast.unparse(node)[:40]}' is not allowed here; combine conditions with & and |")


def names(tree: ast.expr) -> set[tuple[str, ...]]:
    """The dotted names an expression uses, as paths; a function's own name is none."""
    found: set[tuple[str, ...]] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, (ast.Name, ast.Attribute)):
            found.add(path(node))
            return
        children = [*node.args, *node.keywords] if isinstance(node, ast.Call) else ast.iter_child_nodes(node)
        for child in children:
            visit(child)

    visit(tree)
    return found


def path(node: ast.expr) -> tuple[str, ...]:
    """`noise.scale` -> ("noise", "scale"); `'sgd.v2'.lr` -> ("sgd.v2", "lr")."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    first = node.id if isinstance(node, ast.Name) else str(node.value) if isinstance(node, ast.Constant) else None
    return (*([first] if first is not None else []), *reversed(parts))


def with_label(name: tuple[str, ...], labels: Iterable[str]) -> tuple[str, ...]:
    """The name with the longest label that it begins with as its first part: labels may hold dots.

    >>> with_label(("sgd", "v2", "loss"), ["sgd", "sgd.v2"])
    ('sgd.v2', 'loss')
    """
    known = set(labels)
    for length in range(len(name) - 1, 1, -1):
        if ".".join(name[:length]) in known:
            return (".".join(name[:length]), *name[length:])
    return name


def spelled(name: tuple[str, ...]) -> str:
    """A name as an expression has it, a label that is no plain word in quotes."""
    first, *others = name
    return ".".join([first if first.isidentifier() else f"'{first}'", *others])


class Claim(Spec):
    """measure == expected within atol + rtol |expected|, or an inequality, at every point of the swept dims where `where` holds.

    The measure's confidence interval over the seeds decides: a claim passes if all of it lies where the claim holds, fails if none of it
    does, and is undecided if the seeds are too few to tell. Confidence is shared out over the points (Bonferroni). A claim that leaves runs
    out because they diverged fails, unless it says `diverged: ignore`.
    """

    name: Annotated[str, Field(min_length=1)] = Field(description="the claim in words")
    group: Annotated[str | None, Field(description="an optimizer's label; default: the first one's")] = None
    measure: Annotated[str, Field(min_length=1)] = Field(description="an expression over the results")
    expected: str | Real | None = Field(
        default=None, description="what the measure must equal, within the tolerance: a number or an expression"
    )
    less_than: str | Real | None = Field(default=None, description="or: the measure must be below this")
    greater_than: str | Real | None = Field(default=None, description="or: the measure must be above this")
    where: str | None = Field(default=None, description="a condition on the sweep: the claim is about the points at which it holds")
    rtol: NonNegative = Field(default=0.0, description="tolerance relative to what is expected")
    atol: NonNegative = Field(default=0.0, description="absolute tolerance")
    confidence: Annotated[Real, Field(gt=0.5, lt=1)] = Field(
        default=0.99, description="confidence of the whole verdict, divided among the points"
    )
    diverged: Literal["fail", "ignore"] = Field(
        default="fail", description="if the measure has no value for diverged runs: fail the claim, or ignore those runs"
    )
    source: str = Field(default="", description="where the prediction comes from")

    @model_validator(mode="after")
    def _one_comparison(self) -> "Claim":
        if sum(v is not None for v in (self.expected, self.less_than, self.greater_than)) != 1:
            raise ValueError("give exactly one of expected, less_than, greater_than")
        if self.expected is not None and self.rtol == 0 and self.atol == 0:
            raise ValueError("`expected` needs a tolerance: rtol, atol or both")
        for field, text in self.expressions().items():
            try:
                parse_claim(text)
            except ValueError as error:
                raise PydanticCustomError("claim", "{field}: {reason}", {"field": field, "reason": str(error)}) from None
        return self

    @property
    def relation(self) -> str:
        """'=', '<' or '>'."""
        return "=" if self.expected is not None else "<" if self.less_than is not None else ">"

    @property
    def other(self) -> str:
        """What the measure is compared with."""
        return str(next(v for v in (self.expected, self.less_than, self.greater_than) if v is not None))

    def expressions(self) -> dict[str, str]:
        """Field -> expression, those that are given."""
        fields = {"measure": self.measure, "expected": self.expected, "less_than": self.less_than, "greater_than": self.greater_than}
        return {name: str(text) for name, text in {**fields, "where": self.where}.items() if text is not None}


def wrong_claims(claims: Iterable[Claim], groups: Mapping[str, set[tuple[str, ...]]], first: str, steps: int) -> Iterator[str]:
    """What is wrong with the names and numbers in claims.

    Parameters
    ----------
    claims
        The claims.
    groups
        By the label of a group what a claim about its runs may name, as paths.
    first
        The group of a claim that names none.
    steps
        The steps of the runs.

    Returns
    -------
    A sentence for each problem.
    """
    for claim in claims:
        if claim.group is not None and claim.group not in groups:
            yield f"claims: '{claim.name}' names the group '{claim.group}', which no optimizer has{suggest(claim.group, groups)}"
        own = groups.get(claim.group or "", groups[first])
        known = own | {(label, *name) for label, found in groups.items() for name in found}
        for field, text in claim.expressions().items():
            try:
                check_numbers(parse_claim(text), steps)
            except ValueError as error:
                yield f"claims: '{claim.name}': {field}: {error}"
            for name in sorted({with_label(name, groups) for name in names(parse_claim(text))} - known):
                near = suggest(spelled(name), [spelled(k) for k in known])
                listed = ", ".join(sorted({k[0] for k in own} | {spelled((g,)) for g in groups}))
                yield f"claims: '{claim.name}': {field}: there is nothing called '{spelled(name)}'{near} (known: {listed})"
