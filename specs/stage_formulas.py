"""Formulas of the repetition k in stages that are repeated: `mu: "10**-k"` is 1, 0.1, 0.01, ..."""

import math
from collections.abc import Callable
from typing import Any

from .errors import SpecError
from .plain import Key
from .program.function import FUNCTIONS
from .sweep import NumberFormula

K = "k"
TEXTS = ("name", "title", "description", "source", "kind", "label")
"""Keys whose values are words and no formulas."""


def with_repetition(value: Any, k: int, at: Callable[[Key], str], path: Key = ()) -> Any:
    """Plain data in which every text that is a formula of k alone is its value. Raises SpecError for one without a finite value.

    >>> with_repetition({"mu": "10**-k", "value": "k*x"}, 2, lambda path: "study")
    {'mu': 0.01, 'value': 'k*x'}
    """
    if isinstance(value, dict):
        return {key: one if key in TEXTS else with_repetition(one, k, at, (*path, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [with_repetition(one, k, at, (*path, n)) for n, one in enumerate(value)]
    if not isinstance(value, str) or not is_of_k(value):
        return value
    return number(value, k, at(path), ".".join(map(str, path)))


def is_of_k(text: str) -> bool:
    """Whether this is a formula whose only name is k."""
    if K not in text:
        return False
    try:
        names = NumberFormula.parse(text).names
    except ValueError:
        return False
    return K in names and all(name == K or name in FUNCTIONS.kinds() for name in names)


def number(text: str, k: int, place: str, key: str) -> int | float:
    """The value of a formula of k; a whole number is an int."""
    from .formulas import value

    found = float(value(NumberFormula(text), {K: float(k)}, 0))
    if not math.isfinite(found):
        raise SpecError(f"{place}: {key}: '{text:.60}' has no finite value for k = {k}")
    return int(found) if found.is_integer() and "/" not in text and "." not in text and "**-" not in text else found
