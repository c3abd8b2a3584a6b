"""Scaling laws: the best learning rate, interpolated between the swept values, and how it and the loss scale with the size of the problem."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....specs.errors import SpecError
from ...claims.fit import between, least_second_difference
from ...results.quantiles import quantile
from ...text.tables import Column
from ..cells import choices, counts, number, words
from ..entries import Entry

RESAMPLES = 400


def view(found: Sequence[Entry], field: str = "lr") -> Any:
    """Power laws of the best value of `field` and of the median final loss there, over what the problems sweep.

    On each problem the best value is the minimum of a parabola in log(field) through the lowest median and its neighbours; other
    hyperparameters are those of the best point, medians are over the seeds that report. Over the swept numbers of the problems a, b, ... the law is
    log(value) = c + p log a + q log b + ... by least squares. Errors are standard deviations over 400 resamples of the seeds.

    An xarray.Dataset along `row`: `optimizer`, `quantity` (the field, or `loss`), `over` (what the exponent belongs to; empty with one
    problem), `value` (the geometric mean over the problems), `exponent`, `error` (of the exponent; of the value where there is none), `r2`,
    `problems`, `edge` (problems whose best value is an end of the sweep), `convex` (problems whose median is convex in log(field)).

    Raises SpecError if no optimizer sweeps the field in three positive numbers.
    """
    import xarray

    rows = []
    for solver in dict.fromkeys(one.solver for one in found):
        usable = [one for one in found if one.solver == solver and swept(one, field)]
        if usable:
            rows += laws(solver, usable, field)
    if not rows:
        raise SpecError(
            f"fit: no optimizer sweeps {field} over three or more positive numbers; sweep it, e.g. {field}: {{logspace: [1.0e-3, 1.0e-1, 9]}}"
        )
    data = {key: ("row", np.array([row[key] for row in rows])) for key in rows[0]}
    return xarray.Dataset(data, attrs={"field": field, "resamples": RESAMPLES})


def swept(one: Entry, field: str) -> bool:
    """Whether an optimizer sweeps the field in at least three positive numbers."""
    if field not in one.best.index or one.dataset[field].dtype.kind not in "iuf":
        return False
    values = one.dataset[field].values
    return len(np.unique(values)) >= 3 and bool((values > 0).all())


def laws(solver: str, entries: list[Entry], field: str) -> list[dict[str, Any]]:
    """The rows of one optimizer."""
    where = [one.dataset.coords for one in entries]
    shared = [name for name in where[0] if all(name in c and c[name].ndim == 0 and c[name].dtype.kind in "iuf" for c in where)]
    axes = {str(name): np.array([float(c[name]) for c in where]) for name in shared}
    axes = {name: np.log(values) for name, values in axes.items() if (values > 0).all() and len(np.unique(values)) > 1}
    at, curves = zip(*(medians(one, field) for one in entries), strict=True)
    best = np.array([between(x, y) for x, y in zip(at, curves, strict=True)])  # (problems, 1 + resamples)
    lowest = np.array([np.min(y, axis=-1) for y in curves])
    edge = sum(not x.min() < one[0] < x.max() for x, one in zip(at, best, strict=True))
    convex = sum(is_convex(x, y[0]) for x, y in zip(at, curves, strict=True))
    common = {"optimizer": solver, "problems": len(entries), "edge": edge, "convex": convex, "chosen": entries[0].best.chosen}
    rows = []
    for quantity, logs in ((field, best), ("loss", np.log(np.where(lowest > 0, lowest, np.nan)))):
        value = np.exp(logs.mean(0)) if quantity == field or np.isfinite(logs[:, 0]).all() else lowest.mean(0)
        coefficients, r2 = regression(list(axes.values()), logs)
        for k, over in enumerate(axes or [""]):
            exponent = coefficients[k] if axes else np.full(value.shape, np.nan)
            error = spread((exponent if axes else value)[1:])
            rows.append(
                {**common, "quantity": quantity, "over": over, "value": value[0], "exponent": exponent[0], "error": error, "r2": r2}
            )
    return rows


def spread(resamples: np.ndarray) -> float:
    """The standard deviation over the resamples that have a value; NaN of fewer than two."""
    known = resamples[np.isfinite(resamples)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else np.nan


def medians(one: Entry, field: str) -> tuple[np.ndarray, np.ndarray]:
    """(the logarithms of the field's values in order, the median final loss there (1 + resamples, values): of all seeds that report, and of
    resamples of them)."""
    final = one.final[tuple(slice(None) if dim == field else at for dim, at in one.best.index.items())]
    values = one.dataset[field].values.astype(float)
    order = np.argsort(values, kind="stable")
    final = final[order][:, one.best.reports]
    random, n = np.random.default_rng(0), final.shape[1]
    drawn = [quantile(final[:, random.integers(n, size=n)], 0.5) for _ in range(RESAMPLES)]
    return np.log(values[order]), np.stack([quantile(final, 0.5), *drawn])


def is_convex(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether y is convex over x. Infinity at an end counts as above everything."""
    finite = np.isfinite(y)
    if np.diff(np.flatnonzero(finite)).max(initial=1) > 1:
        return False
    return bool(finite.sum() < 3 or least_second_difference(x[finite], y[finite]) >= 0)


def regression(axes: list[np.ndarray], y: np.ndarray) -> tuple[np.ndarray, float]:
    """(exponents (axes, resamples), the r2 of the first column) of y (problems, resamples) over the logarithms of the axes. NaN where there are
    too few problems for so many axes."""
    if not axes or len(y) < len(axes) + 1 or not np.isfinite(y[:, 0]).all():
        return np.full((len(axes), y.shape[1]), np.nan), np.nan
    design = np.stack([np.ones(len(y)), *axes], 1)
    good = np.isfinite(y).all(0)
    coefficients = np.where(good, np.linalg.pinv(design) @ np.where(good, y, 0.0), np.nan)
    left, about_mean = y[:, 0] - design @ coefficients[:, 0], y[:, 0] - y[:, 0].mean()
    total = float((about_mean**2).sum())
    return coefficients[1:], 1 - float((left**2).sum()) / total if total > 0 and len(y) > len(axes) + 1 else np.nan


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    return [
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column("of", words(dataset["quantity"]), name=True),
        Column("mean", [number(v) for v in dataset["value"].values]),
        Column("over", words(dataset["over"]), name=True),
        Column("exponent", [optional(v, "{:.3f}") for v in dataset["exponent"].values]),
        Column("error", [optional(v, "{:.2g}") for v in dataset["error"].values]),
        Column("r2", [optional(v, "{:.4f}") for v in dataset["r2"].values]),
        Column("problems", counts(dataset["problems"])),
        Column("at the edge", counts(dataset["edge"])),
        Column("convex", counts(dataset["convex"])),
    ]


def optional(value: float, pattern: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if np.isnan(value) else pattern.format(value)


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    field = dataset.attrs["field"]
    lines = [
        choices(dataset),
        f"{field}: best between the values swept, by a parabola in log({field}); power laws by least squares; error: over {dataset.attrs['resamples']} resamples of the seeds",
    ]
    if bool((dataset["edge"] > 0).any()):
        lines.append(f"at the edge: problems whose best {field} is an end of its sweep; widen it before you believe the law")
    return lines
