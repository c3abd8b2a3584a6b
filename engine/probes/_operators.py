"""Symmetric matrices of a landscape at a point: what a spectrum can be of, as products with vectors and written out.

A matrix is written out, or known by its factor F with A = F^T F (Gauss-Newton, covariance) or A = F F^T (tangent kernel).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes.base import Landscape
from ...specs.program.pieces import is_mean
from ._view import View

ELSEWHERE = (0.7, -0.4)
"""Where the number is taken that stands before half the squared residuals; the two must agree."""


@dataclass(frozen=True)
class Operator:
    """A symmetric matrix at every point of a view."""

    size: int
    product: Callable[[Any], Any]
    """From vectors (rows, seeds, ..., size) to the matrix times them."""
    factor: Any = None
    """F (rows, seeds, k, size) where the matrix is F^T F."""

    def matrix(self) -> Any:
        """The matrix written out (rows, seeds, size, size), symmetric."""
        if self.factor is not None:
            return np.matmul(np.swapaxes(self.factor, -1, -2), self.factor)
        made = self.product(np.eye(self.size))
        return (made + np.swapaxes(made, -1, -2)) / 2

    def eigenvalues(self) -> Any:
        """All eigenvalues (rows, seeds, size), increasing, by LAPACK's dsyevd; NaN where the matrix is not finite. Of a factor with fewer rows than
        columns those of F F^T, and zeros."""
        if self.factor is not None and self.factor.shape[-2] < self.size:
            found = eigenvalues_of(np.matmul(self.factor, np.swapaxes(self.factor, -1, -2)))
            zeros = np.zeros((*found.shape[:-1], self.size - found.shape[-1]))
            return np.sort(np.concatenate([np.maximum(found, 0.0), zeros], axis=-1), axis=-1)
        return eigenvalues_of(self.matrix())


def eigenvalues_of(matrix: Any) -> Any:
    """The eigenvalues (..., n) of symmetric matrices (..., n, n), increasing; NaN where a matrix is not finite."""
    finite = np.isfinite(matrix).all(axis=(-2, -1))
    return np.where(finite[..., None], np.linalg.eigvalsh(np.where(finite[..., None, None], matrix, 0.0)), np.nan)


def hessian(view: View) -> Operator:
    """The Hessian of the view's loss."""
    lead = view.x.shape[:2]

    def product(v: Any) -> Any:
        return view.hvp(v if v.shape[:2] == lead and v.ndim > 2 else np.broadcast_to(v, (*lead, *v.shape)))

    return Operator(view.x.shape[-1], product)


def of_factor(factor: Any) -> Operator:
    """F^T F."""

    def product(v: Any) -> Any:
        if v.ndim == 3:
            return product(v[:, :, None])[:, :, 0]
        return np.matmul(np.matmul(v, np.swapaxes(factor, -1, -2)), factor)

    return Operator(factor.shape[-1], product, factor)


def gauss_newton(view: View) -> Operator:
    """c J^T J of a loss c/2 |r|^2 with the residuals r and their derivatives J: the Hessian without the residuals' own curvature."""
    jacobian, number = view.jacobian(), _number(view)
    return of_factor(jacobian * np.sqrt(number)[..., None, None])


def _number(view: View) -> Any:
    """c of a loss c/2 |r|^2 (rows, seeds)."""
    found = []
    for at in ELSEWHERE:
        x = np.full_like(view.x, at) + np.linspace(0.0, 0.3, view.x.shape[-1])
        found.append(2 * view.value(x) / (view.residuals(x) ** 2).sum(axis=-1))
    return np.where(np.isclose(found[0], found[1], rtol=1e-9, atol=0.0), found[0], np.nan)


def ntk(view: View) -> Operator:
    """J J^T of the residuals' derivatives, as the landscape scales them: the tangent kernel."""
    return of_factor(np.ascontiguousarray(np.swapaxes(view.jacobian(), -1, -2)))


def gradient_covariance(view: View) -> Operator:
    """(1/n) sum of (g_i - g)(g_i - g)^T over the samples' gradients g_i, whose mean is g."""
    gradients = np.stack([view.sample_gradient(k) for k in range(view.landscape.batch_count())], axis=-2)
    spread = gradients - gradients.mean(axis=-2, keepdims=True)
    return of_factor(spread / np.sqrt(spread.shape[-2]))


def residual_count(land: Landscape) -> int:
    """How many residuals a landscape has, of one that has a Jacobian."""
    if isinstance(land, ProgramLandscape):
        return land.program().residuals.size
    return land.batch_count()


def knows_residuals(land: Landscape) -> bool:
    """Whether a landscape that has a Jacobian gives the residuals, too."""
    return type(land).residuals is not Landscape.residuals


def loss_is_mean(land: Landscape) -> bool:
    """Whether the loss is a mean over samples of the data, plus what they do not change, so that one sample has a gradient of its own."""
    count = land.batch_count()
    if not count:
        return False
    if not isinstance(land, ProgramLandscape):
        return True
    names = land.samples_of("n")
    some = 2  # of one, an axis of length 1 would not tell samples from anything else
    return count == 1 or (count > some and is_mean(land.program(count, "n").loss, land.program(some, "n").loss, names, count, some))
