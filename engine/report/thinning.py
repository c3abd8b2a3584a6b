"""Numbers for the page: fewer of them, with few digits, and nothing that JSON lacks."""

from typing import Any

import numpy as np

LEVELS = (0.25, 0.5, 0.75)
"""The quantiles over the seeds that the page shows: a median and its band."""


def plain(values: Any, digits: int = 4) -> Any:
    """Nested lists of numbers with so many significant digits; None for NaN and infinity.

    >>> plain(np.array([[1.0, np.nan], [np.inf, 0.123456]]))
    [[1, None], [None, 0.1235]]
    """
    if isinstance(values, np.ndarray) and values.ndim:
        return [plain(part, digits) for part in (values if values.ndim > 1 else values.tolist())]
    number = float(values)
    if not np.isfinite(number):
        return None
    short = float(f"{number:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e6 else short


def thinned(count: int, most: int) -> np.ndarray:
    """At most `most` positions of `count`: the first and the last, half of the others evenly spaced, half evenly in the logarithm.

    >>> thinned(5, 10)
    array([0, 1, 2, 3, 4])
    >>> len(thinned(100_000, 300)) <= 300
    True
    """
    if count <= most:
        return np.arange(count)
    even = np.linspace(0, count - 1, most - most // 2)
    early = np.geomspace(1, count - 1, most // 2)
    return np.unique(np.round(np.concatenate([even, early])).astype(np.int64))


def spread(size: int, most: int, keep: int | None = None) -> np.ndarray:
    """At most `most` positions of `size`, evenly spaced with both ends; `keep` is one of them.

    >>> spread(10, 4, keep=5)
    array([0, 3, 5, 9])
    """
    places = np.unique(np.round(np.linspace(0, size - 1, min(size, most))).astype(np.int64))
    if keep is not None and keep not in places:
        places[np.argmin(np.abs(places - keep))] = keep
    return np.sort(places)


def band(values: np.ndarray) -> np.ndarray:
    """The quantiles LEVELS along the last axis, stacked first; NaN left out, infinity the largest number.

    >>> band(np.array([[1.0, 3.0, np.nan], [np.inf, np.inf, 0.0]]))[1].tolist()
    [2.0, inf]
    """
    ordered = np.sort(values, axis=-1)  # NaN comes last
    last = np.maximum(np.sum(~np.isnan(ordered), axis=-1, keepdims=True) - 1, 0)
    made = []
    for level in LEVELS:
        place = level * last
        low = np.take_along_axis(ordered, np.floor(place).astype(np.int64), -1)
        high = np.take_along_axis(ordered, np.ceil(place).astype(np.int64), -1)
        with np.errstate(invalid="ignore", over="ignore"):
            between = low + (high - low) * (place - np.floor(place))
        made.append(np.where(place == np.floor(place), low, np.where(np.isinf(high), high, between))[..., 0])
    return np.stack(made)
