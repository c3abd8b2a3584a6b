"""A claim: a quantitative prediction about a run that `thalweg verify` checks, and the little language it is written in.

An expression is Python arithmetic over names and the functions in FUNCTIONS; nothing else parses, and nothing is executed. Names:

    loss, params, an observable      a recorded variable of the claim's group; `sgd.loss` is that of the group sgd
    lr, beta1, noise.scale, ...      a field of the group's optimizer, or landscape., noise., init. and a field; swept ones vary
    status, diverged, last_step      how every run ended
    step, steps, seeds, dim, pi, e   numbers

`thalweg.engine.claims` evaluates them.
"""

import ast
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from .base import NonNegative, Real, Spec
from .errors import suggest

FUNCTIONS = (
    *("mean", "median", "min", "max", "std", "var", "sum", "quantile", "fraction", "argmin", "argmax", "at_argmin"),
    *("initial", "final", "at", "head", "tail", "first_time_below", "first_time_above", "time_to_stay_below"),
    *("slope", "correlation", "diff", "cumsum", "norm", "dot", "component", "select", "or_inf", "or_zero", "shift"),
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
MAX_LENGTH, MAX_NODES = 2_000, 400
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod, ast.BitAnd, ast.BitOr, ast.USub, ast.UAdd, ast.Invert)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def parse_claim(text: str) -> ast.expr:
    """The expression's syntax tree, every node of which is allowed. Raises ValueError that says what is not."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"an expression of {len(text)} characters; at most {MAX_LENGTH} are allowed")
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"'{text[:80]}' is not an expression ({error.msg if isinstance(error, SyntaxError) else error})") from None
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise ValueError(f"an expression of more than {MAX_NODES} parts")
    for node in nodes:
        _allow(node)
    return tree


def _allow(node: ast.AST) -> None:
    match node:
        case ast.Call(func=ast.Name(id=name), keywords=keywords):
            if name not in FUNCTIONS:
                raise ValueError(f"there is no function '{name}'{suggest(name, FUNCTIONS)} (known: {', '.join(FUNCTIONS)})")
            if any(k.arg is None for k in keywords):
                raise ValueError("** is not allowed")
        case ast.Call():
            raise ValueError(f"'{ast.unparse(node)[:40]}' is not a call of one of the functions")
        case ast.Constant(value=value):
            if isinstance(value, bool) or not isinstance(value, (int, float, str)):
                raise ValueError(f"{value!r} is neither a number nor a name in quotes")
        case ast.Attribute(value=ast.Name() | ast.Attribute()) | ast.Name() | ast.keyword() | ast.expr_context():
            pass
        case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.operator() | ast.unaryop() | ast.cmpop():
            if isinstance(node, (ast.operator, ast.unaryop)) and not isinstance(node, _OPERATORS):
                raise ValueError(f"the operator {type(node).__name__} is not allowed")
            if isinstance(node, ast.cmpop) and not isinstance(node, _COMPARISONS):
                raise ValueError(f"the comparison {type(node).__name__} is not allowed")
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            if not all(isinstance(e, ast.Constant) and isinstance(e.value, str) for e in elements):
                raise ValueError("a list holds names of dimensions, in quotes")
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
    """`noise.scale` -> ("noise", "scale")."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts))


class Claim(Spec):
    """measure == expected within atol + rtol |expected|, or an inequality, at every point of the swept dims where `where` holds.

    The standard error over the seeds is taken into account: a claim passes if it holds with the stated confidence, fails if its
    opposite does, and is undecided if the seeds are too few to tell. Confidence is shared out over the points (Bonferroni).
    """

    name: Annotated[str, Field(min_length=1)] = Field(description="the claim in words")
    group: Annotated[str | None, Field(description="an optimizer's label; by default the first one's")] = None
    measure: Annotated[str, Field(min_length=1)] = Field(description="an expression over the results")
    expected: str | Real | None = Field(
        default=None, description="what the measure must equal, within the tolerance: a number or an expression"
    )
    less_than: str | Real | None = Field(default=None, description="or what it must lie below")
    greater_than: str | Real | None = Field(default=None, description="or above")
    where: str | None = Field(default=None, description="a condition on the sweep: the claim is about the points at which it holds")
    rtol: NonNegative = Field(default=0.0, description="tolerance relative to what is expected")
    atol: NonNegative = Field(default=0.0, description="absolute tolerance")
    confidence: Annotated[Real, Field(gt=0.5, lt=1)] = Field(default=0.99, description="of the verdict, shared out over the points")
    source: str = Field(default="", description="where the prediction is from")

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
