"""Principal directions of paths."""

from typing import Any

import numpy as np


def principal(path: Any, count: int) -> tuple[Any, Any]:
    """Principal directions of paths (rows, seeds, steps, dim), by the singular values of what is left of them after their mean: unit vectors
    (rows, seeds, count, dim), and the share of the variance along each. Steps that are not finite are left out; NaN beyond the rank."""
    kept = np.isfinite(path).all(axis=-1, keepdims=True)
    path = np.where(kept, path, 0.0)
    spread = np.where(kept, path - path.sum(axis=-2, keepdims=True) / np.maximum(kept.sum(axis=-2, keepdims=True), 1), 0.0)
    _, sizes, vectors = np.linalg.svd(spread, full_matrices=False)
    some = min(count, sizes.shape[-1])
    share = sizes**2 / np.where((total := (sizes**2).sum(axis=-1, keepdims=True)) > 0, total, np.nan)
    there = sizes > sizes[..., :1] * 1e-12
    made = np.full((*path.shape[:2], count, path.shape[-1]), np.nan)
    made[:, :, :some] = np.where(there[..., None], vectors, np.nan)[:, :, :some]
    shares = np.zeros((*path.shape[:2], count))
    shares[..., :some] = share[..., :some]
    return oriented(made), shares


def oriented(v: Any) -> Any:
    """v or -v, so that its component of the largest size is positive."""
    at = np.nanargmax(np.where(np.isnan(v), -1.0, np.abs(v)), axis=-1)
    return v * np.where(np.take_along_axis(v, at[..., None], axis=-1) < 0, -1.0, 1.0)
