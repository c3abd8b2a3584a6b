"""Curves between points of two views: polygons, quadratic Bezier curves whose middle is trained; the excess of a loss from its curvature."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..executors import philox
from ._view import View

CURVE = 2**34
"""The first step of Philox' stream PROBE that curves draw from."""
BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
"""Adam's constants."""
PIECES = 200
"""Chords that the length of a curve is summed from."""


@dataclass(frozen=True)
class Polygon:
    """Straight from corner to corner (rows, seeds, dim) each; of two corners a segment."""

    corners: Sequence[Any]

    @cached_property
    def ends(self) -> Any:
        """Where on the way, from 0 to 1, each leg ends (rows, seeds, legs)."""
        legs = np.stack([np.sqrt(((b - a) ** 2).sum(axis=-1)) for a, b in itertools.pairwise(self.corners)], axis=-1)
        total = legs.sum(axis=-1, keepdims=True)
        even = np.broadcast_to(np.arange(1, legs.shape[-1] + 1) / legs.shape[-1], legs.shape)
        return np.where(total > 0, legs.cumsum(axis=-1) / np.where(total > 0, total, 1.0), even)

    def at(self, alpha: float) -> Any:
        """The points at the share alpha of the length."""
        if alpha in (0.0, 1.0):
            return self.corners[-1 if alpha else 0]
        if len(self.corners) == 2:
            return (1 - alpha) * self.corners[0] + alpha * self.corners[1]
        x, start = np.full_like(self.corners[0], np.nan), np.zeros(self.ends.shape[:-1])
        for k, (a, b) in enumerate(itertools.pairwise(self.corners)):
            end = self.ends[..., k]
            here = ((alpha > start) & (alpha <= end))[..., None] if k else (alpha <= end)[..., None]
            share = np.where(end > start, (alpha - start) / np.where(end > start, end - start, 1.0), 0.0)[..., None]
            x = np.where(here, (1 - share) * a + share * b, x)
            start = end
        beyond = (alpha > start)[..., None]  # the last end is 1 but for rounding
        return np.where(beyond, self.corners[-1], x)

    def length(self) -> Any:
        """(rows, seeds)."""
        return sum(np.sqrt(((b - a) ** 2).sum(axis=-1)) for a, b in itertools.pairwise(self.corners))


@dataclass(frozen=True)
class Bezier:
    """(1 - t)^2 a + 2 t (1 - t) middle + t^2 b, (rows, seeds, dim) each."""

    a: Any
    middle: Any
    b: Any

    def at(self, t: float) -> Any:
        """The points at t."""
        if t in (0.0, 1.0):
            return self.b if t else self.a
        return (1 - t) ** 2 * self.a + 2 * t * (1 - t) * self.middle + t * t * self.b

    def length(self) -> Any:
        """The sum of chords (rows, seeds)."""
        total, last = np.zeros(self.a.shape[:-1]), self.a
        for t in np.linspace(0, 1, PIECES + 1)[1:]:
            here = self.at(float(t))
            total, last = total + np.sqrt(((here - last) ** 2).sum(axis=-1)), here
        return total

    @classmethod
    def trained(cls, first: View, b: Any, steps: int, lr: float) -> "Bezier":
        """The curve whose middle minimises the mean of the loss over t in (0, 1), as far as so many steps of Adam go.

        Parameters
        ----------
        first
            The view whose points the curves begin at, and whose loss it is.
        b
            Where they end.
        steps, lr
            Steps of Adam, and its rate in the first half; in the second it falls linearly to 0.

        Returns
        -------
        The curve.
        """
        a, root = first.x, first.group.study.root_seed
        middle = (a + b) / 2
        m, v = np.zeros_like(a), np.zeros_like(a)
        draws = philox.uniform(root, philox.PROBE, np.array([0]), [CURVE + k for k in range(steps)], 1, np.float64)[:, 0, 0]
        for k, t in enumerate(draws.tolist(), 1):
            gradient = 2 * t * (1 - t) * first.gradient(cls(a, middle, b).at(t))
            m, v = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient * gradient
            rate = lr * min(1.0, 2 * (1 - (k - 1) / steps))
            middle = middle - rate * (m / (1 - BETA1**k)) / (np.sqrt(v / (1 - BETA2**k)) + EPS)
        return cls(a, middle, b)


def excess_from_curvature(first: View, a: Any, b: Any, alphas: Any, nodes: int) -> Any:
    """L(alpha) - (1 - alpha) L(a) - alpha L(b) on the segment from a to b, from second derivatives alone.

    With D = b - a and h(s) = D^T H(a + s D) D it is -int_0^1 min(alpha, s) (1 - max(alpha, s)) h(s) ds, that is
    -(1 - alpha) int_0^alpha s h(s) ds - alpha int_alpha^1 (1 - s) h(s) ds: exact where h is a polynomial of degree 2 nodes - 2 between alphas.

    Parameters
    ----------
    first
        The view whose loss it is.
    a, b
        The ends (rows, seeds, dim).
    alphas
        Increasing, from 0 to 1.
    nodes
        Gauss-Legendre nodes between neighbouring alphas.

    Returns
    -------
    (rows, seeds, alphas).
    """
    way = b - a
    places, weights = np.polynomial.legendre.leggauss(nodes)
    near, far = [np.zeros(a.shape[:-1])], []
    for low, high in itertools.pairwise(alphas):
        half = (high - low) / 2
        left = right = 0.0
        for place, weight in zip(places, weights, strict=True):
            s = float((low + high) / 2 + half * place)
            h = (way * first.hvp(way, a + s * way)).sum(axis=-1)
            left, right = left + half * weight * s * h, right + half * weight * (1 - s) * h
        near.append(near[-1] + left)
        far.append(right)
    beyond = [np.zeros(a.shape[:-1])]
    for part in reversed(far):
        beyond.append(beyond[-1] + part)
    before, after = np.stack(near, axis=-1), np.stack(beyond[::-1], axis=-1)
    return -(1 - alphas) * before - alphas * after
