"""The plane of a picture of a landscape with more than two components: through the end of a path, along the two directions in which the paths vary most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .landscape_grid import Ground, grid
from .principal import principal

COARSEST, FINEST, WORK = 25, 120, 10**10
"""Values along a side of the grid on a plane, at least and at most, and between them so many that weights times samples times points is about this."""
COSTLY = 2 * 10**8
"""Weights times samples above which even the coarsest grid takes too long: some ten seconds here."""
MOST = 2**24
"""Numbers of all paths together that the directions are found from; of longer paths, every k-th point."""


@dataclass(frozen=True)
class PathPlane:
    """The points `centre` + a `directions[0]` + b `directions[1]`."""

    centre: np.ndarray
    """(components,)."""
    directions: np.ndarray
    """Two orthogonal unit vectors, (2, components)."""
    share: np.ndarray
    """The share of the paths' variance along each, (2,)."""

    def project(self, path: np.ndarray) -> np.ndarray:
        """The nearest points of the plane, (..., components) -> (..., 2): the coordinates (a, b)."""
        with np.errstate(all="ignore"):
            return (path - self.centre) @ self.directions.T

    def points(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The points at all a in `x` for one b `y`, (a, components)."""
        return self.centre + x[:, None] * self.directions[0] + y * self.directions[1]

    def heights(self, land: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The noiseless loss over a grid, (y, x), row by row, so that no more than a row of a network's layers is held at a time."""
        values = {name: np.full((1, 1), value) for name, value in land.numbers().items()}
        rows = []
        with np.errstate(all="ignore"):
            for b in y:
                found = np.asarray(land.value(self.points(x, b)[None], values, np), dtype=np.float64)
                rows.append(np.broadcast_to(found, (1, len(x)))[0])
        return np.stack(rows)


def evaluation(land: Any) -> int:
    """Weights times samples: about how many multiplications the loss takes at a point."""
    return land.size * max(1, land.batch_count())


def too_costly(land: Any, planes: int = 1) -> str:
    """Why so many planes of this landscape are not drawn; empty if they are."""
    if land.size <= 2 or evaluation(land) * planes <= COSTLY:
        return ""
    of_samples = f" on {land.batch_count():,} samples" * (land.batch_count() > 0)
    return f"the loss of {land.kind}, with {land.size:,} weights{of_samples}, takes too long for a picture of the plane of its trajectories"


def grid_side(land: Any, finest: int = FINEST, planes: int = 1) -> int:
    """Values along a side of the grid on one of so many planes, fewer the longer the landscape's loss takes."""
    return int(np.clip(np.sqrt(WORK / planes / evaluation(land)), COARSEST, finest))


def path_plane(paths: Sequence[np.ndarray]) -> PathPlane | None:
    r"""The plane of paths (steps, components): their principal directions, through the last finite point of the first path that has one.

    The directions are the first two right singular vectors of $x_t - \bar x$ over the steps of all paths together, of which points that are not
    finite are left out. Where the paths lie on a line, the second is a fixed direction across it. None where nothing moves.

    Source: Li et al. 2018, arXiv:1712.09913, section 7 (there from the final point of one path; here the mean of all).
    """
    finite = [path[np.isfinite(path).all(axis=-1)] for path in paths]
    finite = [path for path in finite if len(path)]
    if not finite:
        return None
    components = finite[0].shape[-1]
    every = max(1, -(-sum(map(len, finite)) * components // MOST))
    points = np.concatenate([path[::every] for path in finite])
    with np.errstate(all="ignore"):
        spread = points - points.mean(axis=0)
        size = float(np.abs(spread).max())
    if not np.isfinite(size) or size <= 1e-12 * max(1.0, float(np.abs(points).max())):
        return None
    found, share = principal(spread[None, None] / size, 2)
    (first, second), share = found[0, 0], share[0, 0]
    if np.isnan(second).any():
        across = np.random.default_rng(0).normal(size=components)
        across -= (across @ first) * first
        second, share = across / np.linalg.norm(across), np.array([1.0, 0.0])
    return PathPlane(finite[0][-1].copy(), np.stack([first, second]), share)


def ground_on(land: Any, plane: PathPlane, low: np.ndarray, high: np.ndarray, side: int) -> Ground:
    """The landscape on a plane between two corners, on a grid of so many values a side."""
    x, y = grid(low, high, side)
    found = plane.heights(land, x, y)
    height = np.where(np.isfinite(found), found, np.nan)
    return Ground(x, y, height, [], float(np.nanmin(height)) if np.isfinite(height).any() else 0.0)


def axis_names_of(plane: PathPlane) -> tuple[str, str]:
    """What the two directions are, in words."""
    first, second = (f"principal direction {k + 1} ({100 * share:.3g} % of the variance)" for k, share in enumerate(plane.share))
    return first, second
