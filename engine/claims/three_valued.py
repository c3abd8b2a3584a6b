"""Conditions that may be unknown: 0, 1 and NaN. Source: Kleene 1952, Introduction to Metamathematics, section 64."""

from typing import Any

import numpy as np


def known_unless(condition: Any, unknown: Any) -> Any:
    """A condition as 0 and 1, NaN where it is not known."""
    return (condition * 1.0).where(~unknown)


def both(a: Any, b: Any) -> Any:
    """a and b: 0 where one is, whatever the other is."""
    a, b = a * 1.0, b * 1.0
    return (a * b).where((a != 0) & (b != 0), 0.0)


def either(a: Any, b: Any) -> Any:
    """a or b: 1 where one is, whatever the other is."""
    a, b = a * 1.0, b * 1.0
    return (a + b - a * b).where((a != 1) & (b != 1), 1.0)


def negated(a: Any) -> Any:
    """not a."""
    return 1.0 - a


def chosen(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition is 1, b where it is 0, NaN where it is not known."""
    import xarray

    known = xarray.where(condition == 1, a, b)
    return xarray.where(np.isnan(condition * 1.0), np.nan, known)
