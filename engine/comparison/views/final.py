"""The final loss of every optimizer at its best point: median, its confidence interval, quartiles, runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...results.groups import endings
from ...results.quantiles import METHODS, MOST_RESAMPLED, interval
from ...text.tables import Column
from ..cells import choices, counts, number, problem_column, words
from ..entries import Entry

CONFIDENCE = 0.95
SIGNED = (("median", "median"), ("low", "high"), ("q25", "q75"))
"""Numbers that change sign, and places, where larger values are better."""
PICTURE = "problems"
"""The kind of picture that shows it."""


def view(found: Sequence[Entry], confidence: float = CONFIDENCE) -> Any:
    """An xarray.Dataset along `optimizer`: median, low, high (the interval of the median), q25, q75 of the final loss at the best point
    over the seeds that report; `best`, that point in words; `edge`, the fields whose best value is an end of their sweep; `seeds`, how many reported; `chosen`, how the point was; the numbers of runs,
    and of those finished, diverged, stopped and unfinished, in all and `..._at_best`."""
    import xarray

    rows = [row(one, confidence) for one in found]
    data = {key: ("optimizer", np.array([made[key] for made in rows])) for key in rows[0]}
    coords = {"optimizer": [one.label for one in found], "problem": ("optimizer", [one.problem for one in found])}
    used = sorted({bool(made["seeds"] <= MOST_RESAMPLED) for made in rows}, reverse=True)
    attributes = {"confidence": confidence, "interval": "; ".join(METHODS[way] for way in used)}
    return xarray.Dataset(data, coords=coords, attrs=attributes)


def row(one: Entry, confidence: float) -> dict[str, Any]:
    """The numbers of one optimizer on one problem."""
    best, status = one.best, one.dataset["status"].values
    low, high = interval(one.at_best[one.best.reports], confidence)
    made: dict[str, Any] = {"median": best.median, "low": low, "high": high, "q25": best.q25, "q75": best.q75}
    made |= {"best": best.text if best.known else "", "seeds": int(one.done.sum()), "chosen": one.best.chosen, "runs": status.size}
    made |= endings(status)
    made["edge"] = ", ".join(at_the_edge(one))
    return made | {f"{key}_at_best": count for key, count in best.counts.items()}


def at_the_edge(one: Entry) -> list[str]:
    """The swept numbers, of three values or more, whose best value is the smallest or the largest of the sweep."""
    found = []
    for dim, at in one.best.index.items():
        values = one.dataset[dim].values
        if values.dtype.kind in "iuf" and len(values) >= 3 and one.best.known and values[at] in (values.min(), values.max()):
            found.append(str(dim))
    return found


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    names = ("median", "low", "high", "q25", "q75")
    median, low, high, q25, q75 = ([number(v) for v in dataset[name].values] for name in names)
    between = [f"[{a}, {b}]" if not np.isnan(v) else "-" for a, b, v in zip(low, high, dataset["low"].values, strict=True)]
    lost = [
        f"{a:,} ({b:,} at best)" if a else "0" for a, b in zip(dataset["diverged"].values, dataset["diverged_at_best"].values, strict=True)
    ]
    return [
        *problem_column(dataset),
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column("best at", words(dataset["best"]), text=True),
        Column("median", median),
        Column("25 %", q25, minor=True),
        Column("75 %", q75, minor=True),
        Column(f"{dataset.attrs.get('confidence', 0.95):.0%} of median".replace("%", " %"), between),
        Column("seeds", counts(dataset["seeds"])),
        Column("runs", counts(dataset["runs"]), minor=True),
        Column("diverged", lost),
    ]


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    missing, total = int(dataset["unfinished"].sum()), int(dataset["runs"].sum())
    left = f"{missing:,} of {total:,} runs are not finished and are left out; finish them with thalweg run --resume"
    edges = [f"{label}: {edge}" for label, edge in zip(dataset["optimizer"].values, dataset["edge"].values, strict=True) if str(edge)]
    wider = f"the best is at the edge of the sweep, which may be too narrow ({'; '.join(edges)}); thalweg widen STORE says how to go on"
    return [choices(dataset), wider if edges else "", f"interval: {dataset.attrs.get('interval', '')}", left if missing else ""]
