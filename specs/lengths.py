"""Lengths of parts of a run: a number up to 1 is a fraction of a whole, a number above 1 is steps.

So 1 is the whole, and a single step cannot be written but as a fraction: a warm-up or a decay of one step is none at all.
"""

from fractions import Fraction
from typing import Any

import numpy as np


def as_written(number: float) -> Fraction:
    """Exactly the decimal that a number is written as: 3/10 of 0.3, which no float is."""
    return Fraction(repr(float(number)))


def steps_of(length: float, total: int) -> int:
    """Whole steps of one length, computed exactly from the decimal that the number is written as; half a step goes to the even side.

    >>> steps_of(0.29, 100), steps_of(1.0, 100), steps_of(2.5, 100), steps_of(0.5, 5)
    (29, 100, 2, 2)
    """
    written = as_written(length)
    return round(written * total if written <= 1 else written)


def in_steps(lengths: Any, total: int) -> Any:
    """Lengths of any shape as whole steps, in float64 (exact up to 2^53)."""
    lengths = np.asarray(lengths, dtype=np.float64)
    values, places = np.unique(lengths, return_inverse=True)
    return np.array([steps_of(v, total) for v in values], dtype=np.float64)[places].reshape(lengths.shape)
