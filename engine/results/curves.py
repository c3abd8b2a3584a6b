"""Numbers over the seeds: the median and the band from 25 to 75 %, along the steps and over the points of a sweep.

A loss that is no number in a run that diverged counts as infinite; any other NaN is left out. Where only statistics over the seeds are
stored (record.stats) the stored quantiles are taken, else the mean, with the standard deviation where the variance is stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.status import Status
from .blocks import BLOCK_VALUES, boxes
from .groups import sweep_dims
from .quantiles import between_levels, quantile

LEVELS = (0.25, 0.5, 0.75)
LOSSES = ("loss", "average_loss")
"""Variables that are infinite once a run has diverged."""


@dataclass(frozen=True)
class Band:
    """A line and what lies around it; all arrays have one shape."""

    middle: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    what: str = "runs"
    """runs: median and quartiles of runs; quantiles: the same, as stored; mean; mean and standard deviation; fraction; expression: it has no seeds."""

    @property
    def parts(self) -> list[np.ndarray]:
        """The middle, and where there is a band its lower and upper edge."""
        return [part for part in (self.middle, self.low, self.high) if part is not None]


def of_values(values: np.ndarray, fraction: bool = False) -> Band:
    """Values (..., seeds) over the seeds: median and quartiles, no band of a single seed; of 0 and 1 the `fraction` of ones. NaN is left out,
    infinity a number like any other.

    >>> of_values(np.array([[1.0, np.inf, 2.0, np.nan]])).parts
    [array([2.]), array([1.5]), array([inf])]
    >>> of_values(np.array([[1.0, 0.0, 0.0, np.nan]]), fraction=True).middle.round(2)
    array([0.33])
    """
    if fraction:
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            return Band(np.where(known, values, 0).sum(-1) / np.where(known.any(-1), known.sum(-1), np.nan), what="fraction")
    low, middle, high = quantile(values, LEVELS)
    return Band(middle, low, high) if values.shape[-1] > 1 else Band(middle)


def curves(dataset: Any, variable: str, component: tuple[int, ...] = ()) -> Band | None:
    """A variable, or one component of it, along the steps at every point of the sweep: (sweep dims..., step). None if it is not stored."""
    if variable in dataset:
        array = component_of(dataset, dataset[variable], component)
        if array is None or "seed" not in array.dims:
            return None
        low, middle, high = over_seeds(dataset, array, variable, LEVELS)
        return Band(middle, low, high) if array.sizes["seed"] > 1 else Band(middle)

    def stored(statistic: str, *last: str) -> np.ndarray | None:
        name = f"{variable}_{statistic}"
        array = component_of(dataset, dataset[name], component) if name in dataset else None
        return None if array is None else array.transpose(*sweep_dims(dataset), "step", *last).values.astype(np.float64)

    levels = dataset["quantile"].values if "quantile" in dataset.coords else np.empty(0)
    if f"{variable}_quantile" in dataset and levels[0] <= 0.5 <= levels[-1]:
        quantiles = stored("quantile", "quantile")
        if quantiles is not None:
            whole = levels[0] <= LEVELS[0] and LEVELS[-1] <= levels[-1]
            found = between_levels(quantiles, levels, LEVELS if whole else (0.5,))
            return Band(found[1], found[0], found[2], "quantiles") if whole else Band(found[0], what="quantiles")
    mean, variance = stored("mean"), stored("var")
    if mean is None:
        return None
    if variance is None:
        return Band(mean, what="mean")
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = np.sqrt(np.maximum(variance, 0))
        return Band(mean, mean - deviation, mean + deviation, "mean and standard deviation")


def own_dims(dataset: Any, array: Any) -> list[str]:
    """An array's dimensions besides those of every run."""
    return [str(d) for d in array.dims if d not in (*sweep_dims(dataset), "seed", "step", "quantile")]


def component_of(dataset: Any, array: Any, component: tuple[int, ...]) -> Any:
    """One component of an array; None if it has not got it."""
    inner = own_dims(dataset, array)
    if len(inner) != len(component) or any(array.sizes[d] <= k for d, k in zip(inner, component, strict=True)):
        return None
    return array.isel(dict(zip(inner, component, strict=True)))


def over_seeds(dataset: Any, array: Any, variable: str, levels: Sequence[float] | np.ndarray) -> np.ndarray:
    """Quantiles over the seeds of an array of `dataset`, (levels, ...) with its other dimensions in their order; read in blocks, never whole."""
    dims = sweep_dims(dataset)
    array = array.transpose(*(dim for dim in array.dims if dim != "seed"), "seed")
    made = np.empty((len(levels), *array.shape[:-1]))
    lost = (dataset["status"] == Status.DIVERGED).transpose(*dims, "seed").values
    for box in row_boxes(array, max(1, BLOCK_VALUES // max(1, array.shape[-1]))):
        values = array[box].values.astype(np.float64)
        if variable in LOSSES:
            part = dict(zip(array.dims, box, strict=False))
            gone = lost[tuple(part[dim] for dim in dims)]  # (sweep dims..., seed): the loss has steps, too
            values = np.where(np.expand_dims(gone, array.dims.index("step")) & ~np.isfinite(values), np.inf, values)
        made[(slice(None), *box)] = quantile(values, levels)
    return made


def row_boxes(array: Any, rows: int) -> Iterator[tuple[slice, ...]]:
    """Boxes over all axes but the last, of about so many rows each, aligned with the chunks."""
    for box, part in boxes(array.isel(seed=0), rows):
        yield (*box, part)
