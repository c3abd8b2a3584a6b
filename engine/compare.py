"""Which optimizer did best, and where: every group of one or more stores at the best point of its sweep.

The final loss of a run is the last stored one; of a run that diverged, or ended at NaN or infinity, it is +infinity; of a run that is
not finished it is unknown, and left out. The best point of a sweep has the lowest median over seeds, of equal ones the fewest
diverged runs, then the first. Only the last stored step is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..specs.errors import SpecError, StoreError

__all__ = ["Best", "best_point", "compare", "final_loss", "quantile", "table"]

STATUS = {"unfinished": 0, "finished": 1, "diverged": 2, "stopped": 3}


@dataclass(frozen=True)
class Best:
    """The best point of one group's sweep."""

    index: Mapping[str, int]
    """Sweep dimension -> position: `dataset.isel(best.index)` keeps seed and step."""
    values: Mapping[str, Any]
    """Swept field -> its value there, zipped ones too."""
    median: float
    """Of the final loss over the seeds; infinity where at least half diverged, NaN where no run is done."""
    q25: float
    q75: float
    counts: Mapping[str, int]
    """Runs at this point: unfinished, finished, diverged, stopped."""

    @property
    def text(self) -> str:
        """'lr=0.01, beta1=0.9'; empty where nothing is swept.

        >>> Best({"lr": 1}, {"lr": 0.01, "beta1": 0.9}, 1.0, 1.0, 1.0, {}).text
        'lr=0.01, beta1=0.9'
        """
        return ", ".join(f"{name}={_short(value)}" for name, value in self.values.items())

    @property
    def known(self) -> bool:
        """Whether there is a best point at all: some run ended, and not all of them diverged."""
        return self.counts["finished"] + self.counts["stopped"] > 0


def compare(*sources: Any) -> Any:
    """Every optimizer at the best point of its sweep, as an xarray.Dataset along `optimizer`, the lowest median first.

    `sources` are stores (paths) or opened ones (xarray.DataTree). Variables: median, q25, q75 of the final loss over the seeds at the
    best point; `best`, that point in words; the numbers of runs, and of those finished, diverged, stopped and unfinished, in all and
    `..._at_best`. Groups of the same name in several sources are told apart as study/group.

    Raises StoreError for a path that is no store, SpecError where no loss was recorded or nothing was given.
    """
    import xarray

    if not sources:
        raise SpecError("compare: give at least one store")
    rows = [(study, name, _row(dataset, name)) for study, tree in _named(sources) for name, dataset in groups(tree).items()]
    names = [name for _, name, _ in rows]
    labels = np.array([name if names.count(name) == 1 else f"{study}/{name}" for study, name, _ in rows])
    order = np.argsort([row["median"] for *_, row in rows], kind="stable")
    data = {key: ("optimizer", np.array([row[key] for *_, row in rows])[order]) for key in rows[0][2]}
    return xarray.Dataset(data, coords={"optimizer": labels[order]})


def table(dataset: Any) -> Any:
    """The comparison as a rich Table, four significant digits."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left")
    made.add_column("optimizer", overflow="fold")
    made.add_column("best at", overflow="fold")
    for title in ("median", "25 %", "75 %", "runs", "diverged"):
        made.add_column(title, justify="right", no_wrap=True)
    for k, name in enumerate(dataset["optimizer"].values):
        row = {key: dataset[key].values[k] for key in dataset.data_vars}
        numbers = [_number(row[key]) for key in ("median", "q25", "q75")]
        lost, at_best = int(row["diverged"]), int(row["diverged_at_best"])
        counts = [f"{int(row['runs']):,}", f"{lost:,} ({at_best:,} at best)" if lost else "0"]
        made.add_row(Text(str(name)), Text(str(row["best"]) or "-"), *numbers, *counts)
    missing = int(dataset["unfinished"].sum())
    if missing:
        total = int(dataset["runs"].sum())
        made.caption = f"{missing:,} of {total:,} runs are not finished and left out; finish them with thalweg run --resume"
    return made


def groups(tree: Any) -> dict[str, Any]:
    """The groups of a store as datasets, in the study's order. Raises StoreError if there are none."""
    found = {name: child.to_dataset() for name, child in tree.children.items() if "status" in child.data_vars}
    if not found:
        raise StoreError("no groups with a `status`: this is not a store of thalweg's")
    return _in_order(found, tree)


def opened(source: Any) -> Any:
    """A path opened; an opened store as it is."""
    if isinstance(source, (str, Path)):
        from .api import open_run

        return open_run(source)
    return source


def best_point(dataset: Any, name: str = "") -> Best:
    """The best point of one group's sweep. Raises SpecError if it has no loss."""
    final = final_loss(dataset, name)
    status = dataset["status"].transpose(*sweep_dims(dataset), "seed").values
    median, q25, q75 = (quantile(final, q) for q in (0.5, 0.25, 0.75))
    diverged = np.isposinf(final).sum(-1)
    at = int(np.lexsort((diverged.ravel(), median.ravel()))[0])  # NaN sorts last; equal points keep their order
    where = np.unravel_index(at, median.shape)
    index = dict(zip(sweep_dims(dataset), map(int, where), strict=True))
    values = {str(key): dataset[key].isel(index, missing_dims="ignore").values.item() for key in swept_coordinates(dataset)}
    counts = {key: int((status[where] == code).sum()) for key, code in STATUS.items()}
    return Best(index, values, float(median[where]), float(q25[where]), float(q75[where]), counts)


def final_loss(dataset: Any, name: str = "") -> np.ndarray:
    """The last stored loss of every run, (sweep dims..., seed): infinity where diverged or not a number, NaN where not finished."""
    if "loss" not in dataset.data_vars and "final_loss" not in dataset.data_vars:
        raise SpecError(f"{name or 'this group'}: has no loss, which comparing needs; add loss to record.variables and run again")
    dims = (*sweep_dims(dataset), "seed")
    last = dataset["final_loss"] if "final_loss" in dataset.data_vars else dataset["loss"].isel(step=-1)
    loss = last.transpose(*dims).values.astype(np.float64)
    status = dataset["status"].transpose(*dims).values
    final = np.where(np.isfinite(loss) & (status != STATUS["diverged"]), loss, np.inf)
    return np.where(status == STATUS["unfinished"], np.nan, final)


def sweep_dims(dataset: Any) -> tuple[str, ...]:
    """The swept dimensions of a group."""
    return tuple(str(dim) for dim in dataset["status"].dims if dim != "seed")


def swept_coordinates(dataset: Any) -> list[Any]:
    """Names of the coordinates along the swept dimensions: their own, and those of zipped sweeps, in the dimensions' order."""
    dims = sweep_dims(dataset)
    found = [str(key) for key, made in dataset.variables.items() if made.ndim == 1 and made.dims[0] in dims]
    return sorted(found, key=lambda key: (dims.index(dataset[key].dims[0]), key not in dims, key))


def quantile(values: np.ndarray, q: float) -> np.ndarray:
    """The q-quantile along the last axis, linear between neighbours, NaN left out, infinity a number like any other.

    >>> float(quantile(np.array([3.0, np.inf, 1.0]), 0.5)), float(quantile(np.array([np.nan, 1.0, 2.0]), 0.5))
    (3.0, 1.5)
    """
    ordered = np.sort(values, axis=-1)
    count = np.sum(~np.isnan(ordered), axis=-1, keepdims=True)
    place = q * np.maximum(count - 1, 0)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    below, above = np.take_along_axis(ordered, low, -1), np.take_along_axis(ordered, high, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        between = below + (above - below) * (place - low)
    return np.where(low == high, below, np.where(np.isinf(above), above, between))[..., 0]


def _row(dataset: Any, name: str) -> dict[str, Any]:
    best = best_point(dataset, name)
    status = dataset["status"].values
    made: dict[str, Any] = {
        "median": best.median,
        "q25": best.q25,
        "q75": best.q75,
        "best": best.text if best.known else "",
        "runs": status.size,
    }
    made |= {key: int((status == code).sum()) for key, code in STATUS.items()}
    return made | {f"{key}_at_best": count for key, count in best.counts.items()}


def _named(sources: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """The stores with a name each: the study's, or where two share it, numbered."""
    import json

    trees = [opened(source) for source in sources]
    names = [str(json.loads(tree.attrs.get("study", "{}")).get("name", "study")) for tree in trees]
    return [(name if names.count(name) == 1 else f"{name}#{k + 1}", tree) for k, (name, tree) in enumerate(zip(names, trees, strict=True))]


def _in_order(found: dict[str, Any], tree: Any) -> dict[str, Any]:
    import json

    given = json.loads(tree.attrs.get("study", "{}")).get("optimizers", [])
    order = [o.get("label") or o.get("kind") for o in given]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """Four significant digits, or the word for what is no number."""
    if np.isnan(value):
        return "not run yet"
    return "diverged" if np.isinf(value) else f"{value:.4g}"
