"""Statistics over the seeds without storing the runs: mean, variance, quantiles, gathered part by part.

Runs that have diverged leave the statistics; `count` says how many remain. Mean and variance are exact and merged by the formula of
Chan, Golub and LeVeque 1979 in a fixed order, so that bits do not depend on threads. Quantiles are exact (linear between order
statistics, as numpy.quantile) where a point's seeds fit into one part. Otherwise each part of n values keeps SKETCH of them, evenly
spaced in rank, each standing for n / SKETCH values; FAN such sketches are merged to one of the same size, level by level, and the
quantiles are read from what is left. Rank error: at most (levels + 1) / (2 SKETCH), levels = log_FAN(parts) rounded up, that is below
0.2 % of the seeds up to a million (Munro and Paterson 1980, doi:10.1016/0304-3975(80)90061-4).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.record import Record
from ..executors.outcome import Block, Outcome
from ..plan import Shard

SEEDS = 256
"""Transposed at a time."""
SKETCH = 512
FAN = 16


@dataclass(frozen=True)
class Summary:
    """One variable at some records: every array (points, records, ...). `sketch` and `weight` have one more axis, the kept values."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    """Sum of squared deviations from the mean."""
    quantiles: np.ndarray | None = None
    sketch: np.ndarray | None = None
    weight: np.ndarray | None = None


@dataclass(frozen=True)
class Summarised:
    """A block's summaries by variable, and its last losses per run (points, seeds)."""

    start: int
    stop: int
    data: dict[str, Summary]
    last_loss: Any


def summarise(block: Block, record: Record, alone: bool) -> Summarised:
    """The statistics of one block; with `alone` it holds all seeds of its points, and quantiles are exact."""
    data = {name: summary(np.asarray(values), record, alone) for name, values in block.data.items()}
    loss = block.data.get("loss")
    return Summarised(block.start, block.stop, data, None if loss is None else np.array(loss[:, :, -1]))


def summary(values: np.ndarray, record: Record, alone: bool) -> Summary:
    """Of values (points, seeds, records, ...) over the seeds, NaN left out."""
    rows = seeds_last(values)
    rows.sort(axis=-1)  # NaN last
    missing = np.isnan(rows) if np.isnan(rows[..., -1]).any() else None
    count, kept = np.full(rows.shape[:-1], rows.shape[-1]), rows
    if missing is not None:
        count -= np.count_nonzero(missing, axis=-1)
        kept = np.where(missing, rows.dtype.type(0), rows)
    most = np.maximum(count, 1)
    mean = np.sum(kept, axis=-1, dtype=np.float64) / most
    away = kept - mean[..., None]
    if missing is not None:
        away[missing] = 0.0
    squares = np.sum(np.square(away, out=away), axis=-1)
    if "quantiles" not in record.stats:
        return Summary(count, mean, squares)
    if alone:
        return Summary(count, mean, squares, exact_quantiles(rows, count, record.quantiles))
    ranks = np.floor((np.arange(SKETCH) + 0.5) * most[..., None] / SKETCH).astype(np.int64)
    weight = np.broadcast_to((count / SKETCH)[..., None], ranks.shape)
    return Summary(count, mean, squares, None, np.take_along_axis(rows, ranks, axis=-1), weight)


def seeds_last(values: np.ndarray) -> np.ndarray:
    """A copy (points, records, ..., seeds) of values (points, seeds, records, ...). Some seeds at a time, whose records stay in the cache: six
    times as quick as all at once, and sorting along the last axis of the copy is six times as quick as along the second of the values."""
    moved = np.moveaxis(values, 1, -1)
    made = np.empty(moved.shape, values.dtype)
    for start in range(0, moved.shape[-1], SEEDS):
        made[..., start : start + SEEDS] = moved[..., start : start + SEEDS]
    return made


def exact_quantiles(rows: np.ndarray, count: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Of sorted rows with `count` valid values each: (..., levels); NaN where there are none."""
    at = np.asarray(levels) * np.maximum(count - 1, 0)[..., None]
    below = np.floor(at).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[..., None])
    low, high = (np.take_along_axis(rows, k, axis=-1).astype(np.float64) for k in (below, above))
    return low + (high - low) * (at - below)


def merge(a: Summary, b: Summary) -> Summary:
    """Both together; sketches are put side by side."""
    count = a.count + b.count
    most = np.maximum(count, 1)
    gap = b.mean - a.mean
    mean = a.mean + gap * (b.count / most)
    squares = a.squares + b.squares + gap * gap * (a.count * b.count / most)
    if a.sketch is None or b.sketch is None or a.weight is None or b.weight is None:
        return Summary(count, mean, squares)
    both = (np.concatenate([a.sketch, b.sketch], axis=-1), np.concatenate([a.weight, b.weight], axis=-1))
    return Summary(count, mean, squares, None, *both)


def shrink(given: Summary) -> Summary:
    """The same with a sketch of SKETCH values."""
    if given.sketch is None:
        return given
    levels = (np.arange(SKETCH) + 0.5) / SKETCH
    weight = np.broadcast_to((given.count / SKETCH)[..., None], (*given.count.shape, SKETCH))
    return Summary(given.count, given.mean, given.squares, None, weighted_quantiles(given, levels), weight)


def weighted_quantiles(given: Summary, levels: Any) -> np.ndarray:
    """The kept values below which these fractions of the weight lie, (..., levels); NaN where nothing was counted."""
    assert given.sketch is not None
    assert given.weight is not None
    order = np.argsort(given.sketch, axis=-1, kind="stable")
    values = np.take_along_axis(given.sketch, order, axis=-1)
    total = np.cumsum(np.take_along_axis(given.weight, order, axis=-1), axis=-1)
    target = np.asarray(levels) * total[..., -1:]
    flat = [
        np.searchsorted(t, want) for t, want in zip(total.reshape(-1, total.shape[-1]), target.reshape(-1, target.shape[-1]), strict=True)
    ]
    at = np.minimum(np.asarray(flat), values.shape[-1] - 1).reshape(target.shape)
    return np.take_along_axis(values, at, axis=-1)


class Gathered:
    """Collects the parts of a shard in their order, FAN sketches at a time."""

    def __init__(self, shard: Shard, parts: int):
        self.record, self.parts = shard.group.study.record, parts
        self.levels: dict[tuple[str, int], list[list[Summary]]] = {}
        self.stops: dict[int, int] = {}
        self.losses: list[Any] = []
        self.outcomes: list[Outcome] = []
        self.last = len(shard.group.steps)

    def add(self, made: Summarised) -> None:
        """The next block of the part at hand."""
        self.stops[made.start] = made.stop
        for name, one in made.data.items():
            push(self.levels.setdefault((name, made.start), []), one)
        if made.stop == self.last and made.last_loss is not None:
            self.losses.append(made.last_loss)

    def end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def result(self) -> list[tuple[int, int, dict[str, np.ndarray]]]:
        """(first record, end, stored variable -> (points, records, ...)) of every block."""
        made = []
        for start, stop in sorted(self.stops.items()):
            data: dict[str, np.ndarray] = {}
            for (name, at), levels in self.levels.items():
                if at == start:
                    data |= self.named(name, together(levels))
            made.append((start, stop, data))
        return made

    def named(self, name: str, whole: Summary) -> dict[str, np.ndarray]:
        """What is stored of one variable."""
        nothing = whole.count == 0
        made = {"count": whole.count.reshape(*whole.count.shape[:2], -1)[..., 0]}
        if "mean" in self.record.stats:
            made[f"{name}_mean"] = np.where(nothing, np.nan, whole.mean)
        if "var" in self.record.stats:
            with np.errstate(invalid="ignore", divide="ignore"):
                made[f"{name}_var"] = np.where(whole.count < 2, np.nan, whole.squares / (whole.count - 1))
        if "quantiles" in self.record.stats:
            found = whole.quantiles if whole.quantiles is not None else weighted_quantiles(whole, self.record.quantiles)
            made[f"{name}_quantile"] = np.where(nothing[..., None], np.nan, found)
        return made

    @property
    def final_loss(self) -> Any:
        return np.concatenate(self.losses, axis=1) if self.losses else None

    @property
    def status(self) -> Any:
        return np.concatenate([np.asarray(o.status) for o in self.outcomes], axis=1)

    @property
    def last_step(self) -> Any:
        return np.concatenate([np.asarray(o.last_step) for o in self.outcomes], axis=1)


def push(levels: list[list[Summary]], one: Summary, level: int = 0) -> None:
    """Put a summary on its level; FAN of them become one on the next."""
    while len(levels) <= level:
        levels.append([])
    levels[level].append(one)
    if len(levels[level]) == FAN:
        full, levels[level] = levels[level], []
        push(levels, shrink(together([full])), level + 1)


def together(levels: list[list[Summary]]) -> Summary:
    """Everything on these levels, the oldest first."""
    parts = [one for level in reversed(levels) for one in level]
    whole = parts[0]
    for one in parts[1:]:
        whole = merge(whole, one)
    return whole
