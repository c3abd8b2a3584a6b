"""Numbers for the page: fewer of them, with few digits, and nothing that JSON lacks."""

from collections.abc import Collection
from typing import Any

import numpy as np


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


def spread(size: int, most: int, keep: Collection[int] = ()) -> np.ndarray:
    """At most `most` positions of `size`, evenly spaced with both ends; those in `keep` are among them, in place of the nearest others, and
    more than `most` where they are more.

    >>> spread(10, 4, keep=[5])
    array([0, 3, 5, 9])
    >>> spread(10, 2, keep=[5, 6, 7])
    array([5, 6, 7])
    """
    places = set(np.round(np.linspace(0, size - 1, min(size, most))).astype(int).tolist())
    for wanted in {*keep} - places:
        others = places - {*keep}
        if others:
            places.remove(min(others, key=lambda place: abs(place - wanted)))
        places.add(wanted)
    return np.array(sorted(places), dtype=np.int64)
