"""Iterates along the steps, and the corners of the box that they lie in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.status import Status
from ...specs.variables import ENGINE, Blocks
from .blocks import boxes
from .groups import sweep_dims


def names_of(blocks: Blocks) -> list[str]:
    """The variables that hold the iterates."""
    return list(ENGINE["params"].arrays(blocks))


def iterates(dataset: Any, blocks: Blocks, seeds: int) -> tuple[list[np.ndarray] | None, str]:
    """(the iterates of the first seeds, a block each, (sweep dims..., seeds, steps, own dims...), what they are): of a store of statistics the
    median or the mean of every component as if it were one seed, and None where no iterates are stored."""
    names = names_of(blocks)
    for suffix, what in (("", "seeds"), ("_quantile", "the componentwise median over the seeds"), ("_mean", "the mean over the seeds")):
        if all(f"{name}{suffix}" in dataset for name in names):
            parts = [middle(dataset, f"{name}{suffix}") if suffix else dataset[name].isel(seed=slice(0, seeds)) for name in names]
            if all(part is not None for part in parts):
                order = (*sweep_dims(dataset), "seed", "step", ...)
                return [part.transpose(*order).values.astype(np.float64) for part in parts], what
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


def joined(parts: Sequence[np.ndarray], blocks: Blocks) -> np.ndarray:
    """Iterates of these blocks as vectors, (..., components). Where the size is swept, arrays are as large as the largest landscape's.

    >>> joined([np.arange(6.0).reshape(1, 2, 3)], {"x": (2,)})
    array([[[0., 1.],
            [3., 4.]]])
    """
    made = []
    for part, shape in zip(parts, blocks.values(), strict=True):
        own = part[(..., *(slice(0, n) for n in shape))]
        made.append(own.reshape(*own.shape[: own.ndim - len(shape)], -1))
    return np.concatenate(made, axis=-1)


def corners(values: np.ndarray, kept: "np.ndarray | bool" = True) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest finite values along all axes but the last, of those `kept`; infinity and -infinity where there are none.

    >>> corners(np.array([[1.0, 5.0], [np.nan, 7.0], [3.0, np.inf]]))
    (array([1., 5.]), array([3., 7.]))
    """
    fine, over = np.isfinite(values) & kept, tuple(range(values.ndim - 1))
    low, high = np.min(values, axis=over, where=fine, initial=np.inf), np.max(values, axis=over, where=fine, initial=-np.inf)
    return np.asarray(low), np.asarray(high)


def extent(dataset: Any, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the iterates of all runs that did not diverge, component by component; read in blocks, never whole.

    Raises SpecError if there are none.
    """
    runs, lows, highs = (*sweep_dims(dataset), "seed"), [], []
    fine = dataset["status"].transpose(*runs).values != Status.DIVERGED
    for name in names_of(blocks):
        array = dataset[name].transpose(*runs, "step", ...)
        own = array.shape[len(runs) + 1 :]
        low, high = np.full(own, np.inf), np.full(own, -np.inf)
        for before, last in boxes(array):
            box = (*before, last)
            values, inner = array[box].values, box[len(runs) + 1 :]
            kept = np.broadcast_to(fine[box[: len(runs)]].reshape(*values.shape[: len(runs)], *[1] * (1 + len(own))), values.shape)
            shape = values.shape[len(runs) + 1 :]
            found = corners(values.reshape(-1, int(np.prod(shape))), kept.reshape(-1, int(np.prod(shape))))
            low[inner] = np.minimum(low[inner], found[0].reshape(shape))
            high[inner] = np.maximum(high[inner], found[1].reshape(shape))
        lows.append(low.ravel())
        highs.append(high.ravel())
    ends = np.concatenate(lows), np.concatenate(highs)
    if not np.isfinite(ends).all():
        raise SpecError("on_landscape: every run diverged or has no finite iterate")
    return ends
