"""The ground under trajectories: a two-dimensional landscape's loss over a grid, and the frame to show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Ground:
    """A landscape of two components in a frame."""

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    """The noiseless loss, (y, x); NaN where it is not finite."""
    minima: list[Any]
    """The known minima: all global ones, and the local ones in the frame."""
    bottom: float
    """The lowest value in sight, of the grid and the minima."""


def changing(land: Any) -> str:
    """Why one picture does not show this landscape: it is another one for every seed, or at every step. Empty if it is neither."""
    if land.disorder_size:
        return f"the landscape {land.kind} is random, and different for every seed"
    return f"the landscape {land.kind} changes from step to step" if land.takes_step else ""


def ground(land: Any, low: np.ndarray, high: np.ndarray, side: int) -> Ground:
    """A landscape between two corners, on a grid of so many values a side."""
    values = land.numbers()
    x, y = grid(low, high, side)
    found = heights(land, values, x, y)
    height = np.where(np.isfinite(found), found, np.nan)
    known = height[np.isfinite(height)]
    minima = [m for m in flat_minima(land, values) if not m.local or np.all((m.at >= low) & (m.at <= high))]
    return Ground(x, y, height, minima, min([float(known.min()) if known.size else 0.0, *(m.value for m in minima)]))


def flat_minima(land: Any, values: Mapping[str, float]) -> list[Any]:
    """The known minima with two components."""
    return [m for m in land.minima(values) if len(m.at) == 2]


def grid(low: np.ndarray, high: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """So many evenly spaced values from corner to corner, along x and y."""
    return np.linspace(low[0], high[0], side), np.linspace(low[1], high[1], side)


def heights(land: Any, values: Mapping[str, float], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The noiseless loss over a grid, (y, x); `values` are the landscape's numbers by name."""
    points = np.stack(np.meshgrid(x, y), axis=-1)
    with np.errstate(all="ignore"):
        found = land.value(points, {name: np.full((1, 1), value) for name, value in values.items()}, np)
    return np.broadcast_to(np.asarray(found, dtype=np.float64), points.shape[:2])


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
