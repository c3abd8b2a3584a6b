"""Lanczos' method with full reorthogonalisation, for many symmetric matrices at once, and what is read off it.

After m steps from a unit vector v the tridiagonal matrix T has eigenvalues, the nodes, and the squares of its eigenvectors' first components, the
weights: Gauss quadrature of v's spectral measure, exact for polynomials up to degree 2m - 1. So v^T A^k v = sum of weight * node^k for k < 2m.
Sources: Golub & Welsch 1969, doi:10.1090/S0025-5718-69-99647-1; stochastic Lanczos quadrature: Ubaru, Chen & Saad 2017, doi:10.1137/16M1104974.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

GONE = 1e-12
"""A direction that is left of a vector's image, relative to the image: below it the Krylov space is invariant."""


@dataclass(frozen=True)
class Quadrature:
    """Nodes and weights (..., m), increasing nodes first; where the Krylov space is smaller, the last nodes repeat and weigh nothing."""

    nodes: Any
    weights: Any
    dead: Any
    """How many of the nodes repeat (...)."""
    first: Any
    """v^T A v of the unit start vectors (...)."""


def lanczos(product: Callable[[Any], Any], start: Any, steps: int) -> Quadrature:
    """`steps` steps of Lanczos' method for A, given v -> A v on arrays (..., dim), from unit vectors (..., dim). NaN where a product is not finite."""
    _, *made = _krylov(product, start, steps)
    return _quadrature(*made)


def ritz(product: Callable[[Any], Any], start: Any, steps: int, count: int) -> tuple[Any, Any]:
    """The `count` largest Ritz values (..., count), decreasing, and their unit vectors (..., count, dim) after that; NaN beyond those that there are."""
    basis, alpha, beta, live, lost = _krylov(product, start, steps)
    matrix = _tridiagonal(alpha, beta, live)
    nodes, vectors = np.linalg.eigh(matrix)
    place = np.arange(count)
    at = np.clip(live[..., None] - 1 - place, 0, nodes.shape[-1] - 1)  # those beyond the live ones come last
    gone = (place >= live[..., None]) | lost[..., None]
    values = np.where(gone, np.nan, np.take_along_axis(nodes, at, axis=-1))
    taken = np.take_along_axis(vectors, at[..., None, :], axis=-1)
    return values, np.where(gone[..., None], np.nan, np.matmul(np.swapaxes(taken, -1, -2), basis))


def _krylov(product: Callable[[Any], Any], start: Any, steps: int) -> tuple[Any, Any, Any, Any, Any]:
    """The basis (..., steps, dim), the tridiagonal matrix's diagonal and the one beside it, how many rows of it count, and where a product was not
    finite."""
    lead, dim = start.shape[:-1], start.shape[-1]
    steps = min(steps, dim)
    basis = np.zeros((*lead, steps, dim))
    alpha, beta = np.zeros((*lead, steps)), np.zeros((*lead, steps))
    alive, live = np.ones(lead, bool), np.zeros(lead, int)
    lost = np.zeros(lead, bool)
    q = start
    for k in range(steps):
        basis[..., k, :] = q
        w = np.asarray(product(q))
        broken = np.asarray(~np.isfinite(w).all(axis=-1))
        lost |= broken
        w = np.where(broken[..., None], 0.0, w)
        size = np.sqrt(_dot(w, w))
        alpha[..., k] = np.where(alive, _dot(w, q), 0.0)
        live += alive
        if k + 1 == steps:
            break
        some = basis[..., : k + 1, :]
        for _ in range(2):  # once leaves what cancellation let through; twice is enough (Parlett)
            along = np.matmul(some, w[..., None])  # every matrix by itself, so that bits do not depend on how many there are
            w = w - np.matmul(np.swapaxes(along, -1, -2), some)[..., 0, :]
        left = np.sqrt(_dot(w, w))
        alive = alive & (left > GONE * size)
        beta[..., k] = np.where(alive, left, 0.0)
        q = np.where(alive[..., None], w / np.where(alive, left, 1.0)[..., None], 0.0)
    return basis, alpha, beta, live, lost


def _dot(a: Any, b: Any) -> Any:
    return (a * b).sum(axis=-1)


def _tridiagonal(alpha: Any, beta: Any, live: Any) -> Any:
    """The matrices whose first `live` rows count: the others get a diagonal beyond all eigenvalues, so that they come last."""
    steps = alpha.shape[-1]
    beyond = 3 * (np.abs(alpha).max(axis=-1) + 2 * np.abs(beta).max(axis=-1)) + 1
    alpha = np.where(np.arange(steps) < live[..., None], alpha, beyond[..., None])
    matrix = np.zeros((*alpha.shape, steps))
    k = np.arange(steps)
    matrix[..., k, k] = alpha
    matrix[..., k[1:], k[:-1]] = matrix[..., k[:-1], k[1:]] = beta[..., :-1]
    return matrix


def _quadrature(alpha: Any, beta: Any, live: Any, lost: Any) -> Quadrature:
    steps = alpha.shape[-1]
    k = np.arange(steps)
    nodes, vectors = np.linalg.eigh(_tridiagonal(alpha, beta, live))
    last = np.take_along_axis(nodes, live[..., None] - 1, axis=-1)
    counts = k < live[..., None]
    nodes, weights = np.where(counts, nodes, last), np.where(counts, vectors[..., 0, :] ** 2, 0.0)
    none = np.where(lost, np.nan, 0.0)
    return Quadrature(nodes + none[..., None], weights + none[..., None], steps - live, alpha[..., 0] + none)


def highest(found: Quadrature, count: int) -> Any:
    """The `count` largest nodes, decreasing (..., count); NaN beyond those that there are. Each is a lower bound of the eigenvalue of its place."""
    return _ends(found, count, -1)


def lowest(found: Quadrature, count: int) -> Any:
    """The `count` smallest nodes, increasing (..., count): upper bounds of the eigenvalues of their places."""
    return _ends(found, count, 1)


def _ends(found: Quadrature, count: int, sign: int) -> Any:
    steps = found.nodes.shape[-1]
    live = steps - found.dead[..., None]
    place = np.arange(count)
    at = place if sign > 0 else live - 1 - place
    taken = np.take_along_axis(found.nodes, np.broadcast_to(np.clip(at, 0, steps - 1), (*found.dead.shape, count)), axis=-1)
    return np.where(place < live, taken, np.nan)


def outliers(values: Any) -> Any:
    """How many values stand apart (...): of the values (..., n), those above the largest ratio of two neighbours, both positive, among the larger half
    of all; 0 where there are no such two."""
    down = np.flip(np.sort(values, axis=-1), axis=-1)
    if values.shape[-1] < 2:
        return 0 * values.sum(axis=-1)
    half = max(2, (values.shape[-1] + 1) // 2)
    high, low = down[..., : half - 1], down[..., 1:half]
    ratio = np.where(low > 0, high / np.where(low > 0, low, 1.0), 0.0)
    at = ratio.argmax(axis=-1)
    some = np.take_along_axis(ratio, at[..., None], axis=-1)[..., 0] > 0
    return np.where(np.isnan(values).any(axis=-1), np.nan, np.where(some, at + 1.0, 0.0))
