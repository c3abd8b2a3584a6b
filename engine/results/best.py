"""The best point of a sweep, for tables, pictures, pages and the accessor alike: the lowest median final loss, in which a run that diverged
counts as infinite; of equal ones the point with the fewest diverged runs, then the first.

The best of many points on the same seeds looks better than it is: its luck was chosen with it (the optimiser's curse, Smith and Winkler
2006, doi:10.1287/mnsc.1050.0451). So the seeds with an even number choose, and `thalweg compare` reports those with an odd one. Where an
optimizer sweeps nothing there is nothing to choose and all seeds report; a single seed chooses and reports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .groups import endings, final_loss, sweep_dims, swept_coordinates
from .quantiles import quantile

HELD_OUT, NO_CHOICE, SAME_RUNS = "held out", "nothing to choose", "same runs"
CHOICES = {
    HELD_OUT: "best: the lowest median final loss of the even seeds",
    NO_CHOICE: "",
    SAME_RUNS: "best: the lowest median final loss",
}
"""What is said wherever a best point is shown."""


@dataclass(frozen=True)
class Best:
    """The best point of one group's sweep."""

    index: Mapping[str, int]
    """Sweep dimension -> position: `dataset.isel(best.index)` keeps seed and step."""
    values: Mapping[str, Any]
    """Swept field -> its value there, zipped ones too."""
    median: float
    """Of the final loss over the seeds that report; infinity where at least half diverged, NaN where no run is done."""
    q25: float
    q75: float
    counts: Mapping[str, int]
    """Runs at this point: unfinished, finished, diverged, stopped."""
    chosen: str = NO_CHOICE
    """How the point was chosen: held out, nothing to choose, same runs."""

    @property
    def text(self) -> str:
        """'lr=0.01, beta1=0.9'; empty where nothing is swept.

        >>> Best({"lr": 1}, {"lr": 0.01, "beta1": 0.9}, 1.0, 1.0, 1.0, {}).text
        'lr=0.01, beta1=0.9'
        """
        return in_words(self.values)

    @property
    def known(self) -> bool:
        """Whether there is a best point at all: some run ended, and not all of them diverged."""
        return self.counts["finished"] + self.counts["stopped"] > 0


def best_point(dataset: Any, name: str = "") -> Best:
    """The best point of one group's sweep. Raises SpecError if it has no loss."""
    final = final_loss(dataset, name)
    return best_of(dataset, final, *split(dataset["seed"].values, int(np.prod(final.shape[:-1], dtype=int))))


def best_of(dataset: Any, final: np.ndarray, choose: np.ndarray, report: np.ndarray, how: str = NO_CHOICE) -> Best:
    """The best point of values (sweep dims..., seed), chosen on some seeds (seed,) and reported on others."""
    dims = sweep_dims(dataset)
    status = dataset["status"].transpose(*dims, "seed").values
    where = lowest(final[..., choose])
    index = dict(zip(dims, where, strict=True))
    values = {str(key): dataset[key].isel(index, missing_dims="ignore").values.item() for key in swept_coordinates(dataset)}
    counts = endings(status[where])
    median, q25, q75 = (float(quantile(final[where][report], q)) for q in (0.5, 0.25, 0.75))
    return Best(index, values, median, q25, q75, counts, how)


def rule(bests: Iterable[Best]) -> str:
    """What the best points are the best by, in words; empty where nothing was chosen."""
    return "; ".join(dict.fromkeys(CHOICES[best.chosen] for best in bests if CHOICES[best.chosen]))


def lowest(final: np.ndarray) -> tuple[int, ...]:
    """Where the median along the last axis is lowest; of equal ones where the fewest are infinite, then the first; NaN comes last."""
    median, diverged = quantile(final, 0.5), np.isposinf(final).sum(-1)
    at = int(np.lexsort((diverged.ravel(), median.ravel()))[0])  # NaN sorts last; equal points keep their order
    return tuple(map(int, np.unravel_index(at, median.shape)))


def split(seeds: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Which seeds choose among so many points and which report, (seeds,) each, and in words how.

    >>> choose, report, how = split(np.arange(5), 7)
    >>> choose.astype(int), report.astype(int), how
    (array([1, 0, 1, 0, 1]), array([0, 1, 0, 1, 0]), 'held out')
    >>> split(np.arange(1), 7)[2], split(np.arange(5), 1)[2]
    ('same runs', 'nothing to choose')
    """
    every, odd = np.ones(len(seeds), dtype=bool), np.asarray(seeds) % 2 == 1
    if points == 1:
        return every, every, NO_CHOICE
    return (~odd, odd, HELD_OUT) if odd.any() and not odd.all() else (every, every, SAME_RUNS)


def in_words(values: Mapping[str, Any]) -> str:
    """'lr=0.01, beta1=0.9'."""
    return ", ".join(f"{name}={f'{value:.4g}' if isinstance(value, float) else value}" for name, value in values.items())
