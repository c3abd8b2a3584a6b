"""Trajectories on a two-dimensional landscape: the first seeds at every point shown, or of a store of statistics their middle."""

from typing import Any

import numpy as np

from ..comparison import sweep_dims
from ..store.layout import block_variable
from .sweep_points import FEWEST_STEPS, MOST_STEPS, Shown
from .thinning import thinned

NUMBERS = 160_000
"""Numbers in all trajectories together."""
SEEDS = 5


def budget(points: int, seeds: int) -> tuple[int, int]:
    """(seeds, steps) of the trajectories of so many points."""
    count = int(np.clip(NUMBERS // (2 * points * 2 * FEWEST_STEPS), 1, min(SEEDS, seeds)))
    return count, int(np.clip(NUMBERS // (2 * points * count), FEWEST_STEPS, MOST_STEPS))


def steps_of(group: Shown, most: int) -> np.ndarray:
    """Positions of the steps at which trajectories are drawn."""
    return thinned(group.dataset.sizes["step"], most)


def trajectories(group: Shown, blocks: dict[str, tuple[int, ...]], seeds: int, steps: np.ndarray) -> tuple[np.ndarray | None, str]:
    """((points, seeds, steps, 2), what they are); None where the iterates are not stored."""
    names = [block_variable("params", block, blocks) for block in blocks]
    stored = group.dataset.isel(step=steps)
    for suffix, what in (("", "seeds"), ("_quantile", "the componentwise median over the seeds"), ("_mean", "the mean over the seeds")):
        if all(f"{name}{suffix}" in stored for name in names):
            parts = [middle(stored, f"{name}{suffix}") if suffix else stored[name].isel(seed=slice(0, seeds)) for name in names]
            if any(part is None for part in parts):
                continue
            joined = [components(group, part) for part in parts]
            return np.concatenate(joined, axis=-1)[..., :2], what
    return None, ""


def middle(dataset: Any, name: str) -> Any:
    """A statistic as if it were one seed: the mean, or the median where that level is stored."""
    array = dataset[name]
    if "quantile" in array.dims:
        levels = dataset["quantile"].values
        if 0.5 not in levels:
            return None
        array = array.isel(quantile=int(np.argmax(levels == 0.5))).drop_vars("quantile")
    return array.expand_dims("seed")


def components(group: Shown, array: Any) -> np.ndarray:
    """(points, seeds, steps, components)."""
    inner = [d for d in array.dims if d not in (*sweep_dims(group.dataset), "seed", "step")]
    values = array.transpose(*group.places, "seed", "step", *inner).values.astype(np.float64)
    return values.reshape(group.count, array.sizes["seed"], array.sizes["step"], -1)
