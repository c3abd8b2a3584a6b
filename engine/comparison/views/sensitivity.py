"""How precisely a learning rate must be tuned: the width of the range in which the final loss stays close to the best one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....specs.errors import SpecError
from ...results.quantiles import quantile
from ...text.tables import Column
from ..cells import choices, counts, number, problem_column, words
from ..entries import Entry, by_problem, lowest_known


def view(found: Sequence[Entry], field: str = "lr", factor: float = 2.0) -> Any:
    """The width in decades of the range of `field`, around the best value, whose median final loss is within `factor` of the best.

    Losses may be negative, so the factor applies to the gap above the lowest loss known on the problem (the landscape's minimum, or the
    lowest final loss of any run if none is known): median(value) - lowest <= factor (median(best) - lowest). The other
    hyperparameters are those of the best point, the medians are over the seeds that report. The range is that of swept values, so the width
    is a lower bound. An xarray.Dataset along `optimizer`: `width`, NaN where the best gap is 0 or nothing converged; `low`, `high`, the
    ends; `points`, the values within; `open`, whether the range touches an end of the sweep; `median` and `lowest`.

    Raises SpecError if no optimizer sweeps the field in positive numbers, or the factor is below 1.
    """
    import xarray

    if not factor >= 1:
        raise SpecError(f"factor is {factor}; it must be at least 1")
    bottoms = {problem: lowest_known(some) for problem, some in by_problem(found).items()}
    rows, kept = [], []
    for one in found:
        if field in one.best.index and one.dataset[field].dtype.kind in "iuf" and (one.dataset[field].values > 0).all():
            rows.append(width(one, field, factor, bottoms[one.problem]))
            kept.append(one)
    if not rows:
        raise SpecError(
            f"sensitivity: no optimizer sweeps {field} over positive numbers; sweep it, e.g. {field}: {{logspace: [1.0e-3, 1.0e-1, 9]}}"
        )
    coords = {"optimizer": [one.label for one in kept], "problem": ("optimizer", [one.problem for one in kept])}
    data = {key: ("optimizer", np.array([row[key] for row in rows])) for key in rows[0]}
    data["chosen"] = ("optimizer", np.array([one.best.chosen for one in kept]))
    return xarray.Dataset(data, coords=coords, attrs={"field": field, "factor": factor})


def width(one: Entry, field: str, factor: float, bottom: float) -> dict[str, Any]:
    """The row of one optimizer."""
    final = one.final[tuple(slice(None) if dim == field else at for dim, at in one.best.index.items())]
    values = one.dataset[field].values.astype(float)
    order = np.argsort(values, kind="stable")
    values, median = values[order], quantile(final[order][:, one.best.reports], 0.5)
    at = int(np.flatnonzero(order == one.best.index[field])[0])
    gap = median - bottom
    row = {
        "best": values[at],
        "median": median[at],
        "lowest": bottom,
        "width": np.nan,
        "low": np.nan,
        "high": np.nan,
        "points": 0,
        "open": "",
    }
    if not (np.isfinite(gap[at]) and gap[at] > 0):
        return row
    fits = gap <= factor * gap[at]
    first, last = at, at
    while first > 0 and fits[first - 1]:
        first -= 1
    while last < len(values) - 1 and fits[last + 1]:
        last += 1
    ends = " and ".join(word for word, touches in (("below", first == 0), ("above", last == len(values) - 1)) if touches)
    return row | {
        "width": np.log10(values[last] / values[first]),
        "low": values[first],
        "high": values[last],
        "points": last - first + 1,
        "open": ends,
    }


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    field = dataset.attrs["field"]
    edge = {"": "", "below": "ends below", "above": "ends above", "below and above": "whole"}
    return [
        *problem_column(dataset),
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column(f"best {field}", [number(v) for v in dataset["best"].values]),
        Column("median", [number(v) for v in dataset["median"].values]),
        Column("decades", ["-" if np.isnan(v) else f"{v:.2f}" for v in dataset["width"].values]),
        Column("from", ["-" if np.isnan(v) else number(v) for v in dataset["low"].values]),
        Column("to", ["-" if np.isnan(v) else number(v) for v in dataset["high"].values]),
        Column("points", counts(dataset["points"])),
        Column("sweep", [edge[str(v)] for v in dataset["open"].values], text=True),
    ]


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    field, factor = dataset.attrs["field"], dataset.attrs["factor"]
    lows = ", ".join(dict.fromkeys(number(v) for v in dataset["lowest"].values))
    said = f"decades: width of the range of {field} around its best value in which the median is at most {factor:g} times as far"
    return [choices(dataset), f"{said} above the lowest known loss ({lows})"]
