"""The particles of swarms on a two-dimensional landscape: those of the first seed, where `swarm` is recorded."""

from typing import Any

import numpy as np

from .sweep_points import Shown
from .thinning import plain, spread

NUMBERS = 100_000
"""Numbers in all swarms together."""
FEWEST, MOST = 20, 200
"""Particles of a swarm; where the points of the sweep leave fewer each, only the best point of a group has any."""


def shares(found: list[Shown], frames: int) -> list[tuple[list[int], int]]:
    """(the points whose swarms are held, particles of each) for every group."""
    owners = [group for group in found if "swarm" in group.dataset]
    total = sum(group.count for group in owners)
    each = NUMBERS // (2 * frames * max(total, 1))
    if each >= FEWEST:
        return [([*range(group.count)] if group in owners else [], min(each, MOST)) for group in found]
    each = max(1, min(MOST, NUMBERS // (2 * frames * max(len(owners), 1))))
    return [([group.best or 0] if group in owners else [], each) for group in found]


def swarms(group: Shown, points: list[int], most: int, steps: np.ndarray) -> dict[int, np.ndarray]:
    """Point -> (steps, particles, 2) of its first seed; particles evenly spread over their numbers where there are more than `most`."""
    if not points:
        return {}
    stored = group.dataset["swarm"].isel(seed=0, step=steps)
    stored = stored.isel(particle=spread(stored.sizes["particle"], most))
    inner = [d for d in stored.dims if d not in (*group.places, "step", "particle")]
    made = {}
    for point in points:
        values = stored.isel(group.place(point)).transpose("step", "particle", *inner).values.astype(np.float64)
        made[point] = values.reshape(*values.shape[:2], -1)[..., :2]
    return made


def listed(group: Shown, held: dict[int, np.ndarray]) -> "dict[str, Any] | None":
    """For the page: how many particles a swarm has, and at every point [xs, ys] a step, or None where they are left out."""
    if not held:
        return None
    values = [[[plain(x), plain(y)] for x, y in held[p].transpose(0, 2, 1)] if p in held else None for p in range(group.count)]
    return {"stored": group.dataset.sizes["particle"], "values": values}


def corners(swarm: np.ndarray) -> np.ndarray:
    """Two points that frame four fifths of all places where particles have been, (2, 2); noise throws a few of them far."""
    places = swarm.reshape(-1, 2)
    places = places[np.isfinite(places).all(-1)]
    return np.quantile(places, [0.1, 0.9], axis=0) if len(places) else np.full((2, 2), np.nan)
