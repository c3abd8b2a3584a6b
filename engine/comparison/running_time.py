"""When every run first reached a target, and the expected running time to it.

ERT is the expected running time of COCO (Hansen et al. 2021, doi:10.1080/10556788.2020.1808977, section 5): the steps made in all runs
until they reached the target or ended, over the number of runs that reached it. A run that diverged at step t has made t steps. Losses
are looked at where they were stored, so a time is late by less than the distance of two stored steps. The loss is read in blocks of
whole chunks, never whole.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.status import Status
from ..results.blocks import boxes
from ..results.groups import needs_loss, sweep_dims
from .entries import Entry


def running_time(first: np.ndarray, steps: np.ndarray, done: np.ndarray) -> dict[str, np.ndarray]:
    """ert, success, successes, seeds over the last axis, from the step of the first hit (infinity where there is none), the steps that a run
    made in all, and which runs are done.

    >>> made = running_time(np.array([10.0, np.inf, 30.0]), np.array([50, 50, 50]), np.array([True, True, True]))
    >>> float(made["ert"]), float(made["success"].round(3))  # (10 + 50 + 30) / 2
    (45.0, 0.667)
    """
    hit = np.isfinite(first) & done
    made = np.where(done, np.where(np.isfinite(first), first, steps), 0.0).sum(-1)
    successes, count = hit.sum(-1), np.broadcast_to(done, first.shape).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ert = np.where(count > 0, np.where(successes > 0, made / np.maximum(successes, 1), np.inf), np.nan)
        return {"ert": ert, "success": successes / count, "successes": successes, "seeds": count}


def wilson(successes: np.ndarray, count: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval of a success rate (Wilson 1927, doi:10.1080/01621459.1927.10502953); NaN where there are no runs."""
    ends = [_wilson(int(k), int(n), confidence) for k, n in zip(successes.ravel(), count.ravel(), strict=True)]
    low, high = np.array(ends).reshape(*successes.shape, 2).transpose(-1, *range(successes.ndim))
    return low, high


@lru_cache(maxsize=65536)
def _wilson(successes: int, count: int, confidence: float) -> tuple[float, float]:
    from scipy.stats import binomtest

    if count == 0:
        return np.nan, np.nan
    found = binomtest(successes, count).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def first_steps(dataset: Any, wanted: np.ndarray) -> np.ndarray:
    """The first stored step at which the loss is at or below each target, (targets, sweep dims..., seed); infinity where it never is.

    `wanted` is (targets,) or (targets, sweep dims..., seed). A run that stopped early stayed where it was, so what it reached
    after that it reached at its last step.
    """
    dims = (*sweep_dims(dataset), "seed")
    loss, steps = dataset["loss"].transpose(*dims, "step"), dataset["step"].values
    wanted = wanted.reshape(len(wanted), *([1] * len(dims))) if wanted.ndim == 1 else wanted
    first = np.full((len(wanted), *loss.shape[:-1]), np.inf)
    for box, part in boxes(loss):
        mine = (slice(None), *box)
        look(loss[(*box, part)].values, steps[part], np.broadcast_to(wanted, first.shape)[mine], first[mine])
    stopped = dataset["status"].transpose(*dims).values == Status.STOPPED
    if stopped.any():
        last = dataset["last_step"].transpose(*dims).values
        first = np.where(stopped & np.isfinite(first), np.minimum(first, last), first)
    return first


def spent(dataset: Any) -> np.ndarray:
    """The steps each run has made, (sweep dims..., seed)."""
    dims = (*sweep_dims(dataset), "seed")
    return dataset["last_step"].transpose(*dims).values + (dataset["status"].transpose(*dims).values == Status.DIVERGED)


def starts(one: Entry, seeds: "np.ndarray | slice" = slice(None)) -> np.ndarray:
    """The loss at step 0 of the runs at the best point, (seed,), of all seeds or those at these places. Raises SpecError if it was not stored."""
    needs_loss(one.dataset, one.label)
    if int(one.dataset["step"][0]) != 0:
        raise SpecError(f"{one.label}: step 0 was not stored, so there is no gap to close; say which loss to reach with --target")
    return one.runs["loss"].isel(step=0, seed=seeds).values.astype(float)


def lows(dataset: Any) -> np.ndarray:
    """The lowest stored loss of every run, (sweep dims..., seed); infinity where none is a number."""
    dims = (*sweep_dims(dataset), "seed")
    loss = dataset["loss"].transpose(*dims, "step")
    least = np.full(loss.shape[:-1], np.inf)
    for box, part in boxes(loss):
        values = loss[(*box, part)].values
        least[box] = np.minimum(least[box], np.min(values, axis=-1, where=np.isfinite(values), initial=np.inf))
    return least


def look(values: np.ndarray, steps: np.ndarray, wanted: np.ndarray, first: np.ndarray) -> None:
    """Note in `first` (targets, runs...) which targets are first reached in this block (runs..., steps)."""
    values = np.where(np.isfinite(values), values, np.inf)  # -infinity is beyond the range of numbers, no success
    least = np.minimum.accumulate(np.ascontiguousarray(np.moveaxis(values, -1, 0)), axis=0)
    for k in range(len(wanted)):
        new = np.isinf(first[k]) & (least[-1] <= wanted[k])
        if new.any():
            before = np.count_nonzero(least > wanted[k], axis=0)
            first[k][new] = steps[before[new]]
