"""Which values of a costly test `make test` takes. `make verify` takes the others."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def few(values: Iterable[Any], keep: Iterable[Any] | Callable[..., bool]) -> list[Any]:
    """These values of a parametrized test, all but those to keep marked `full`. A value that is a tuple is several arguments.

    What to keep is a collection of values, which must be among them, or a function of a value's arguments."""
    cases = [case(value) for value in values]
    if callable(keep):
        chosen = [keep(*one.values) for one in cases]
    else:
        kept = [case(wanted).values for wanted in keep]
        for wanted in kept:
            if wanted not in [one.values for one in cases]:
                raise ValueError(f"{wanted} is to be kept and is none of the values")
        chosen = [one.values in kept for one in cases]
    if not any(chosen):
        raise ValueError("no value is kept")
    marked = zip(cases, chosen, strict=True)
    return [one if stays else pytest.param(*one.values, marks=[*one.marks, pytest.mark.full], id=one.id) for one, stays in marked]


def case(value: Any) -> Any:
    """This value as pytest holds one that has marks."""
    if hasattr(value, "marks"):
        return value
    return pytest.param(*value) if isinstance(value, tuple) else pytest.param(value)
