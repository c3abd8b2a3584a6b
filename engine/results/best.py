"""The best point of a sweep, for tables, pictures, pages and the accessor alike: the lowest median final loss, in which a run that diverged
counts as infinite; of equal ones the point with the fewest diverged runs, then the first.

The best of many points on the same seeds looks better than it is: its luck was chosen with it (the optimiser's curse, Smith and Winkler
2006, doi:10.1287/mnsc.1050.0451). So the seeds with an even number choose, and numbers are those of the seeds with an odd one. Where an
optimizer sweeps nothing there is nothing to choose and all seeds report; a single seed chooses and reports.

The landscape, the start and the noise are the problem, not hyperparameters: where they are swept, each of their points has a best point.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .groups import endings, final_loss, final_value, problem_dims, sweep_dims, swept_coordinates
from .quantiles import quantile
from .swept import is_hyperparameter

HELD_OUT, NO_CHOICE, SAME_RUNS = "held out", "nothing to choose", "same runs"
CHOICES = {
    HELD_OUT: "best: the lowest median final loss of the even seeds",
    NO_CHOICE: "",
    SAME_RUNS: "best: the lowest median final loss",
}
"""What is said where a best point is shown without numbers over seeds."""
RULES = {
    HELD_OUT: f"{CHOICES[HELD_OUT]}, diverged runs counted as infinite; numbers are those of the odd seeds",
    NO_CHOICE: "nothing was swept, all seeds are used",
    SAME_RUNS: f"{CHOICES[SAME_RUNS]}, chosen and reported on the same runs, which flatters",
}
"""What is said where numbers of a best point are shown."""


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
    reports: np.ndarray
    """Which seeds report, (seed,)."""
    chosen: str = NO_CHOICE
    """How the point was chosen: held out, nothing to choose, same runs."""

    @property
    def text(self) -> str:
        """'lr=0.01, beta1=0.9'; empty where nothing is swept.

        >>> Best({"lr": 1}, {"lr": 0.01, "beta1": 0.9}, 1.0, 1.0, 1.0, {}, np.ones(1, dtype=bool)).text
        'lr=0.01, beta1=0.9'
        """
        return in_words(self.values)

    @property
    def known(self) -> bool:
        """Whether there is a best point at all: some run ended, and not all of them diverged."""
        return self.counts["finished"] + self.counts["stopped"] > 0

    def reporting(self, dataset: Any) -> Any:
        """A dataset at the seeds that report."""
        return at_seeds(dataset, self.reports)


def highest_is_best(variable: str) -> bool:
    """Whether larger values of a variable are better, by its name: those of an accuracy."""
    return variable.endswith("accuracy")


def to_minimise(dataset: Any, variable: str, highest: bool, name: str = "") -> np.ndarray:
    """The last values of a variable (sweep dims..., seed), negated where the highest is the best: the lowest is always the best one. Infinity where
    diverged, NaN where not finished. Raises SpecError if there is no such variable."""
    final = final_loss(dataset, name) if variable == "loss" else final_value(dataset, variable, name)
    return np.where(np.isfinite(final), -final, final) if highest else final


def best_point(dataset: Any, name: str = "") -> Best:
    """The best point of all of one group's sweep. Raises SpecError if it has no loss, unless there is nothing to choose."""
    return best_of(dataset, final_or_unknown(dataset, name, sweep_dims(dataset)))


def each_problem(dataset: Any, name: str = "", final: np.ndarray | None = None) -> Iterator[tuple[dict[str, int], Best]]:
    """Every problem of a group, as its place along the swept landscape, start and noise, with the best hyperparameters there.

    `final` are the values (sweep dims..., seed) whose lowest median is the best, by default the final losses. Raises SpecError if no loss is
    stored, unless there is nothing to choose.
    """
    dims, apart = sweep_dims(dataset), problem_dims(dataset)
    if final is None:
        final = final_or_unknown(dataset, name, [dim for dim in dims if dim not in apart])
    dataset = dataset.assign(status=dataset["status"].load())
    for where in np.ndindex(*(dataset.sizes[dim] for dim in apart)):
        at = dict(zip(apart, where, strict=True))
        yield at, best_of(dataset.isel(at), final[tuple(at.get(dim, slice(None)) for dim in dims)])


def final_or_unknown(dataset: Any, name: str, choices: Sequence[str]) -> np.ndarray:
    """The final losses; NaN where none is stored and these dimensions leave nothing to choose."""
    stored = "loss" in dataset.data_vars or "final_loss" in dataset.data_vars
    if stored or any(dataset.sizes[dim] > 1 for dim in choices):
        return final_loss(dataset, name)
    return np.full([dataset.sizes[dim] for dim in (*sweep_dims(dataset), "seed")], np.nan)


def best_of(dataset: Any, final: np.ndarray) -> Best:
    """The best point of values (sweep dims..., seed), and its numbers on the seeds that report."""
    dims = sweep_dims(dataset)
    choose, reports, how = split(np.asarray(dataset["seed"].values), int(np.prod(final.shape[:-1], dtype=int)))
    where = lowest(final[..., choose])
    index = dict(zip(dims, where, strict=True))
    held = {str(key): c.values.item() for key, c in dataset.coords.items() if c.ndim == 0 and is_hyperparameter(c)}
    values = {str(key): dataset[key].isel(index, missing_dims="ignore").values.item() for key in swept_coordinates(dataset)}
    counts = endings(dataset["status"].transpose(*dims, "seed").values[where])
    q25, median, q75 = map(float, quantile(final[where][reports], (0.25, 0.5, 0.75)))
    return Best(index, held | values, median, q25, q75, counts, reports, how)


def report_of(dataset: Any) -> tuple[np.ndarray, str]:
    """Which seeds report of a group, (seed,), and in words how a point of its hyperparameters is chosen; the losses are not looked at."""
    apart = problem_dims(dataset)
    points = int(np.prod([dataset.sizes[dim] for dim in sweep_dims(dataset) if dim not in apart], dtype=int))
    return split(np.asarray(dataset["seed"].values), points)[1:]


def at_seeds(dataset: Any, which: np.ndarray) -> Any:
    """A dataset at some of its seeds, (seed,) truth values."""
    return dataset if which.all() else dataset.isel(seed=np.flatnonzero(which))


def positions(dataset: Any, found: Sequence[tuple[dict[str, int], Best]]) -> dict[str, Any]:
    """Where the best points of `each_problem` lie, for `dataset.isel`: hyperparameter's dimension -> position, an array along the problems'
    dimensions where there are any."""
    import xarray

    apart = problem_dims(dataset)
    made: dict[str, Any] = {}
    for dim in (dim for dim in sweep_dims(dataset) if dim not in apart):
        at = np.array([best.index[dim] for _, best in found]).reshape([dataset.sizes[a] for a in apart])
        made[dim] = xarray.DataArray(at, dims=apart) if apart else int(at)
    return made


def rule(chosen: Mapping[str, str]) -> str:
    """How the points of these optimizers were chosen and which seeds report, in words: one sentence, or one for each way with its optimizers.

    >>> rule({"sgd": SAME_RUNS, "adam": NO_CHOICE, "muon": NO_CHOICE}).split("; ")[1]
    'nothing was swept, all seeds are used (adam, muon)'
    """
    ways: dict[str, list[str]] = {}
    for name, way in chosen.items():
        ways.setdefault(way, []).append(name)
    return "; ".join(RULES[way] + (f" ({', '.join(names)})" if len(ways) > 1 else "") for way, names in ways.items())


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
