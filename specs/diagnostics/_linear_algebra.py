"""Norms and decompositions in which numbers that are not finite stay where they are."""

from typing import Any

import numpy as np


def norm(v: Any, xp: Any) -> Any:
    """Euclidean norms along the last axis; scaled, since squares of numbers that can be held may be too large, or too small."""
    largest = xp.max(xp.abs(v), axis=-1)
    largest = xp.where((largest > 0) & xp.isfinite(largest), largest, xp.ones_like(largest))
    v = v / largest[..., None]
    return largest * xp.sqrt(xp.sum(v * v, axis=-1))


def nan_unless(known: Any, values: Any, xp: Any) -> Any:
    """`values`, NaN where they are not known; `known` has the leading axes."""
    known = xp.reshape(known, (*known.shape, *(1,) * (len(values.shape) - len(known.shape))))
    return xp.where(known, values, xp.asarray(float("nan"), dtype=values.dtype))


def finite_matrices(matrix: Any, xp: Any) -> tuple[Any, Any]:
    """(matrices in which all entries are finite, others replaced by zeros; which those are)."""
    finite = xp.all(xp.isfinite(matrix), axis=(-2, -1))
    return xp.where(finite[..., None, None], matrix, xp.zeros_like(matrix)), finite


def eigh(matrix: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Eigenvalues and eigenvectors of symmetric matrices, and which of the matrices are finite; of others zeros are decomposed."""
    held, finite = finite_matrices(matrix, xp)
    return *xp.linalg.eigh(held), finite


def direction(x: Any, xp: Any) -> Any:
    """A unit vector in no particular direction, none of whose components is small; shaped as x."""
    rng, size = np.random.default_rng(0), x.shape[-1]
    v = rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size)
    return xp.asarray(v / np.linalg.norm(v)) + xp.zeros_like(x)
