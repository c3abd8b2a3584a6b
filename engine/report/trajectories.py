"""Trajectories: the first seeds at every point shown, or of a store of statistics their middle; on a plane those of the best points alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...specs.landscapes.base import Landscape
from ..results.trajectories import iterates, joined
from .sweep_points import FEWEST_STEPS, MOST_STEPS, Shown
from .thinning import thinned

NUMBERS = 160_000
"""Numbers in all trajectories together."""
WIDEST = 2**25
"""Numbers of a trajectory, all components at all steps shown, up to which its plane is looked for."""
SEEDS = 5


def budget(points: int, seeds: int) -> tuple[int, int]:
    """(seeds, steps) of the trajectories of so many points."""
    count = int(np.clip(NUMBERS // (2 * points * 2 * FEWEST_STEPS), 1, min(SEEDS, seeds)))
    return count, int(np.clip(NUMBERS // (2 * points * count), FEWEST_STEPS, MOST_STEPS))


def steps_of(group: Shown, most: int) -> np.ndarray:
    """Positions of the steps at which trajectories are drawn."""
    return thinned(group.dataset.sizes["step"], most)


def trajectories(group: Shown, lands: Sequence[Landscape], of_points: Sequence[int], seeds: int, steps: np.ndarray) -> tuple[Any, str]:
    """((points, seeds, steps, 2), what they are); None where the iterates are not stored. `of_points` says on which landscape each point is."""
    parts, what = iterates(group.dataset.isel(step=steps), lands[0].blocks, seeds)
    if parts is None:
        return None, what
    parts = [part.reshape(group.count, *part.shape[len(group.places) :]) for part in parts]
    made = np.full((*parts[0].shape[:3], 2), np.nan)
    for k, land in enumerate(lands):
        here = np.asarray(of_points) == k
        if land.size == 2:
            made[here] = joined([part[here] for part in parts], land.blocks)
    return made, what


def of_point(group: Shown, land: Landscape, point: int, seeds: int, steps: np.ndarray) -> tuple[np.ndarray | None, str]:
    """((seeds, steps, components), what they are) at one point; None where the iterates are not stored, or too large."""
    if land.size * len(steps) > WIDEST:
        return None, ""
    parts, what = iterates(group.dataset.isel({**group.place(point), "step": steps}), land.blocks, seeds)
    return (None if parts is None else joined(parts, land.blocks)), what


def best_points(group: Shown, of_points: Sequence[int], land: int) -> list[int]:
    """The best points of a group on one of the landscapes."""
    if group.bests is None:
        return [group.best or 0] if land == of_points[group.best or 0] else []
    return sorted({best for point, best in enumerate(group.bests) if of_points[point] == land})
