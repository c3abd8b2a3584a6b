"""Names in formulas and claims: how they are compared, and which words Python's parser takes for its own.

Python reads identifiers in Unicode's form NFKC: the micro sign is the Greek mu, the script l an l. So do studies, wherever a name is given
or used. A name may be a word of Python's that means nothing here, such as lambda or class.
"""

import ast
import keyword
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from .errors import PlacedError
from .syntax import syntax_tree

SYNTAX = frozenset({"and", "or", "not", "if", "else", "in", "is", "for", "None", "True", "False"})
"""Python's words that are no names here either."""
FREE = frozenset(keyword.kwlist) - SYNTAX
"""Python's words that may be names."""
WORD = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])\d[\w.]*|\w+")
HIDDEN = "_python_"


def normal(name: str) -> str:
    """The name as Python's parser reads it; what is no name stays, so that a subscript is no digit."""
    return unicodedata.normalize("NFKC", name) if name.isidentifier() else name


def normal_names(given: Any) -> Any:
    """A list or dict with its names normalised; anything else as it is. Raises PlacedError if two names become one."""
    if not isinstance(given, (list, tuple, dict)) or not all(isinstance(name, str) for name in given):
        return given
    seen: dict[str, str] = {}
    for k, name in enumerate(given):
        other = seen.setdefault(normal(name), name)
        if other != name:
            place = name if isinstance(given, dict) else k
            raise PlacedError((place,), f"'{other}' and '{name}' are the same name to Python's parser ({normal(name)}); rename one of them")
    return {normal(name): value for name, value in given.items()} if isinstance(given, dict) else type(given)(map(normal, given))


def why_no_name(name: str) -> str | None:
    """What is wrong with a name, or None."""
    if name in SYNTAX:
        return f"'{name}' cannot be a name: it is a word of Python's syntax; choose another"
    if not name.isidentifier() or name.startswith("_"):
        return f"'{name}' is not a name: use letters, digits and underscores, beginning with a letter"
    return None


def for_parser(text: str, words: Collection[str] = FREE) -> str:
    """The text in one line, with `words` in a form that Python's parser takes for names."""
    flat = " ".join(text.split())
    used = frozenset(words) & FREE
    if not used or not used.intersection(WORD.findall(flat)):
        return flat
    return WORD.sub(lambda found: HIDDEN + found[0] if found[0] in used else found[0], flat)


def parse_expression(text: str, words: Collection[str] = FREE) -> ast.expr:
    """Python's syntax tree of an expression in which `words`, some of FREE, are names. Raises what ast.parse does."""
    try:
        tree = syntax_tree(for_parser(text, words), "eval").body
    except SyntaxError as error:
        error.msg = error.msg.replace(HIDDEN, "")
        raise
    for n in ast.walk(tree):
        for field in ("id", "attr", "arg"):
            name = getattr(n, field, None)
            if isinstance(name, str):
                setattr(n, field, name.removeprefix(HIDDEN))
    return tree


def same(name: str, known: Iterable[str]) -> str:
    """The known name that is this one to Python's parser; itself if there is none."""
    return next((k for k in known if normal(k) == normal(name)), name)
