"""Formulas as they are written: definitions with their heads, and the parts of a formula in the words of messages."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import PlacedError
from ..names import parse_expression

WORDS = {
    "Lambda": "a lambda",
    "ListComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "NamedExpr": "an assignment (:=)",
    "JoinedStr": "text",
    "List": "a list here",
    "Tuple": "a tuple here",
    "Dict": "a dictionary",
    "Set": "a set",
    "SetComp": "a comprehension",
    "DictComp": "a comprehension",
    "Yield": "yield",
    "YieldFrom": "yield",
    "BitAnd": "& (write `and`)",
    "BitOr": "| (write `or`)",
    "LShift": "<<",
    "RShift": ">>",
    "IfExp": "'a if b else c' (use where)",
    "Await": "await",
    "FloorDiv": "//",
    "Mod": "%",
    "Starred": "a star",
}


@dataclass(frozen=True)
class Definition:
    """A part of the formula with a name: without arguments a value, with them inlined where it is called."""

    name: str
    arguments: tuple[str, ...]
    text: str


def definitions(given: Mapping[str, str]) -> dict[str, Definition]:
    """From {"net(x)": "tanh(x @ W)", "scale": "2*a"}: by name. Raises PlacedError for what is no head of a definition."""
    made: dict[str, Definition] = {}
    for head, text in given.items():
        try:
            parsed = parse_expression(head)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            parsed = None
        match parsed:
            case ast.Name(id=name):
                arguments: tuple[str, ...] = ()
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if args and all(isinstance(a, ast.Name) for a in args):
                arguments = tuple(a.id for a in args if isinstance(a, ast.Name))
            case _:
                raise PlacedError(("define", head), "must be a name, or a name with its arguments: net(x)")
        if len(set(arguments)) < len(arguments):
            raise PlacedError(("define", head), "two of its arguments have the same name")
        if name in made:
            raise PlacedError(("define", head), f"'{name}' is defined twice")
        made[name] = Definition(name, arguments, text)
    return made


def source(n: ast.AST) -> str:
    """A part of the formula as text, cut to a readable length."""
    try:
        text = ast.unparse(n)
    except (ValueError, RecursionError):
        return "..."
    return text if len(text) <= 60 else f"{text[:57]}..."


def short(text: str) -> str:
    """A formula in one line, cut to a readable length."""
    return " ".join(text.split())[:200]
