"""The ground under trajectories: a two-dimensional landscape's loss over a grid, and the frame to show."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def heights(land: Any, values: Mapping[str, float], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The noiseless loss over a grid, (y, x); `values` are the landscape's numbers by name."""
    points = np.stack(np.meshgrid(x, y), axis=-1)
    with np.errstate(all="ignore"):
        found = land.value(points, {name: np.full((1, 1), value) for name, value in values.items()}, np)
    return np.broadcast_to(np.asarray(found, dtype=np.float64), points.shape[:2])


def finite(values: np.ndarray) -> np.ndarray:
    """NaN in place of infinities."""
    return np.where(np.isfinite(values), values, np.nan)


def framed(low: np.ndarray, high: np.ndarray, minima: Iterable[Any], reach: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """The corners (low, high) grown to minima nearby, no narrower than a quarter of their length, with a margin: `reach` spans
    to either side of the middle."""
    for at in minima:
        grown = np.minimum(low, at), np.maximum(high, at)
        if np.max(grown[1] - grown[0]) <= 4 * max(float(np.max(high - low)), 1e-9):
            low, high = grown
    span = high - low
    span = np.maximum(span, 0.25 * span.max())
    span = np.where(span > 0, span, np.maximum(np.abs(low), 1.0))
    middle = (low + high) / 2
    return middle - reach * span, middle + reach * span
