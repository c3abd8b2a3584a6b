"""The top of the Hessian. Up to FULL components the Hessian is formed and decomposed; above, its largest eigenvalue comes from Lanczos's
iteration with full reorthogonalisation, begun anew from its best vector until the residual says that it has converged.

Source: Lanczos 1950, doi:10.6028/jres.045.026.
"""

from collections.abc import Iterator
from typing import Any

from ._linear_algebra import direction, eigh, nan_unless, norm
from .base import View

FULL = 32
"""Components up to which the Hessian is formed; and Lanczos vectors that are kept at a time above."""
LOOK = 8
"""Products between two looks at what they have found."""
CYCLES = 64
"""Beginnings of Lanczos's iteration at most."""
CONVERGED, ENOUGH, ROUNDING = 1e-8, 1e-6, 1e-12
"""Residual over eigenvalue at which the iteration ends; above which, at its end, the eigenvalue counts as not found and is NaN; and residual
over the largest of the Hessian's eigenvalues in absolute value, which rounding may leave in either case."""
LANCZOS, MATRICES = 48, 5
"""Arrays that are held at a time: of the iterate's size in Lanczos's iteration, of the Hessian's size where it is formed."""


def workspace(size: int) -> int:
    """Numbers that the top of the Hessian of so many components takes."""
    return LANCZOS * size if size > FULL else MATRICES * size * size


def top(view: View) -> tuple[Any, Any]:
    """(largest eigenvalue of the Hessian (...), its unit vector (..., dim), NaN where the Hessian is 0)."""
    xp, x = view.xp, view.x
    value, vector = decomposed(view) if x.shape[-1] <= FULL else lanczos(view)
    vector = vector / norm(vector, xp)[..., None]
    return value, xp.where(xp.sum(vector**3, axis=-1, keepdims=True) < 0, -vector, vector)


def decomposed(view: View) -> tuple[Any, Any]:
    """The top of the whole Hessian."""
    xp, x = view.xp, view.x
    eye = xp.eye(x.shape[-1], dtype=x.dtype)
    hessian = xp.stack([view.hvp(xp.zeros_like(x) + eye[j, :]) for j in range(x.shape[-1])], axis=-1)
    values, vectors, finite = eigh(hessian / 2 + xp.matrix_transpose(hessian) / 2, xp)
    known = finite & xp.any(hessian != 0, axis=(-2, -1))
    return nan_unless(finite, values[..., -1], xp), nan_unless(known, vectors[..., :, -1], xp)


def lanczos(view: View) -> tuple[Any, Any]:
    """The top by products alone. Every run ends when it has converged, whatever the others do."""
    xp, x, begin = view.xp, view.x, direction(view.x, view.xp)
    shape = x.shape[:-1]
    value, vector, going = xp.zeros(shape, dtype=x.dtype), xp.zeros_like(x), xp.ones(shape, dtype=xp.bool)
    enough = going
    for _ in range(CYCLES):
        for theta, ritz, residual, most in cycle(view, begin):
            value, vector = xp.where(going, theta, value), xp.where(going[..., None], ritz, vector)
            size = xp.abs(theta)
            enough = xp.where(going, residual <= xp.maximum(ENOUGH * size, ROUNDING * most), enough)
            going = going & (residual > xp.maximum(CONVERGED * size, ROUNDING * most))
            begin = ritz / norm(ritz, xp)[..., None]
            if not xp.any(going):
                return value, vector
    return nan_unless(enough, value, xp), nan_unless(enough, vector, xp)


def cycle(view: View, q: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    """FULL products from the unit vector q on, and at every LOOK of them: the largest eigenvalue of the projected Hessian, its vector (0
    where the Hessian is, NaN where it is not finite), the residual, and the largest eigenvalue in absolute value."""
    xp, x = view.xp, view.x
    projected = xp.zeros((*x.shape[:-1], FULL, FULL), dtype=x.dtype)
    basis = xp.zeros((*x.shape[:-1], FULL, x.shape[-1]), dtype=x.dtype)
    for j in range(FULL):
        basis[..., j, :] = q
        w, known = view.hvp(q), basis[..., : j + 1, :]
        size = norm(w, xp)
        for _ in range(2):  # once leaves what rounding has put back
            along = xp.matmul(known, w[..., None])
            projected[..., max(0, j - 1) : j + 1, j] += along[..., max(0, j - 1) :, 0]
            w = w - xp.matmul(xp.matrix_transpose(known), along)[..., 0]
        left = norm(w, xp)
        fresh = left > 1e-14 * size
        left = xp.where(fresh | ~xp.isfinite(left), left, 0 * left)
        q = xp.where(fresh[..., None], w / xp.where(fresh, left, xp.ones_like(left))[..., None], xp.zeros_like(w))
        if j:
            projected[..., j, j - 1] = projected[..., j - 1, j]
            # in an invariant subspace the iteration has ended; a number below its largest eigenvalue keeps the place
            ended = xp.all(basis[..., j, :] == 0, axis=-1)
            below = projected[..., 0, 0] - xp.abs(projected[..., 0, 0]) - xp.abs(projected[..., 0, 1])
            projected[..., j, j] = xp.where(ended, below, projected[..., j, j])
        if (j + 1) % LOOK == 0:
            values, vectors, finite = eigh(projected[..., : j + 1, : j + 1], xp)
            ritz = xp.matmul(xp.matrix_transpose(known), vectors[..., :, -1:])[..., 0]
            ritz = xp.where(xp.any(projected != 0, axis=(-2, -1))[..., None], ritz, xp.zeros_like(ritz))
            residual = xp.where(finite, left * xp.abs(vectors[..., -1, -1]), xp.zeros_like(left))
            largest = xp.max(xp.abs(values), axis=-1)
            yield nan_unless(finite, values[..., -1], xp), nan_unless(finite, ritz, xp), residual, largest
