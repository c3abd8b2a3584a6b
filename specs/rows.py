"""Which samples of a data set are used: `rows: "0:100"`, `rows: "y == 3"`, `rows: [0, 5, 9]`."""

import operator
import re
from collections.abc import Sequence

import numpy as np

from .errors import SpecError

SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?")
CONDITION = re.compile(r"y\s*(==|!=|<=|>=|<|>)\s*(.+)")
OPERATORS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
HOW = "write a slice (0:100), a condition on y (y == 3), or a list of positions from 0"


def picked(rows: str | Sequence[int], y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The positions of the samples, increasing where `rows` is text.

    Parameters
    ----------
    rows
        A slice of the samples, a condition on their y, or positions.
    y
        Numbers (n,) or (n, columns); positions in `classes` where these are labels.
    classes
        The labels that y may have, or numbers.

    Returns
    -------
    Whole numbers (some,).

    Raises
    ------
    SpecError
        For what is none of these, and where no sample is left.
    """
    n = len(y)
    if not isinstance(rows, str):
        found = np.asarray(rows, dtype=np.int64)
        if found.size and found.max() >= n:
            raise SpecError(f"rows: there is no position {found.max()}; there are {n} samples, counted from 0")
    elif match := SLICE.fullmatch(rows.strip()):
        start, stop, step = (None if part is None else int(part) for part in match.groups())
        if step is not None and step < 1:
            raise SpecError(f"rows: '{rows:.60}': the step of a slice must be at least 1")
        found = np.arange(n)[start:stop:step]
    elif match := CONDITION.fullmatch(rows.strip()):
        found = np.flatnonzero(_holds(match[1], match[2].strip(), y, classes))
    else:
        raise SpecError(f"rows: '{rows:.60}' selects no rows; {HOW}")
    if not found.size:
        raise SpecError(f"rows: {rows!r:.60} leaves none of the {n} samples")
    return found


def _holds(sign: str, text: str, y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Where y stands in this relation to the number or label."""
    if y.ndim > 1:
        raise SpecError(f"rows: 'y {sign} {text:.40}' needs one y per sample, and there are {y.shape[1]}")
    if classes.dtype.kind == "U":
        label = text.strip("'\"")
        if sign not in ("==", "!="):
            raise SpecError(f"rows: 'y {sign} {text:.40}': labels can only be compared by == and !=")
        if label not in classes:
            raise SpecError(f"rows: there is no label '{label:.40}' (known: {', '.join(map(str, classes[:30]))})")
        return OPERATORS[sign](y, np.flatnonzero(classes == label)[0])
    try:
        number = float(text)
    except ValueError:
        raise SpecError(f"rows: 'y {sign} {text:.40}' must compare y with a number") from None
    return OPERATORS[sign](y, number)
