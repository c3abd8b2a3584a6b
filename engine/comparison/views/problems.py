"""A row for each problem and a column for each optimizer, with the median at its best point and its rank on the problem, where 1 is best.

The last row has the average ranks over the problems on which all of these optimizers ran; --view ranks tests whether they differ.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...text.tables import Column
from ..cells import choices, number, words
from ..entries import Entry, by_problem

SIGNED = (("median", "median"),)
LONGEST = 24
"""Characters of a heading."""
PICTURE = "problems"
"""The kind of picture that shows it."""


def view(found: Sequence[Entry]) -> Any:
    """An xarray.Dataset along `problem` and `optimizer`, the lowest average rank first: `median` of the final loss over the seeds that report, and
    `rank`, both NaN where the optimizer did not run or no run is finished (ties share the mean of their ranks); `average_rank` along `optimizer`,
    over the problems on which all of them have a rank, NaN where there is none; `best`, the best point in words."""
    import xarray
    from scipy.stats import rankdata

    problems = by_problem(found)
    solvers = list(dict.fromkeys(one.solver for one in found))
    median, best = np.full((len(problems), len(solvers)), np.nan), np.full((len(problems), len(solvers)), "", dtype=object)
    chosen = dict.fromkeys(solvers, "")
    for k, some in enumerate(problems.values()):
        for one in some:
            at = k, solvers.index(one.solver)
            median[at], best[at] = one.best.median, one.best.text if one.best.known else ""
            chosen[one.solver] = max(chosen[one.solver], one.best.chosen)
    rank = rankdata(median, axis=1, nan_policy="omit")
    whole = ~np.isnan(rank).any(1)
    average = rank[whole].mean(0) if whole.any() else np.full(len(solvers), np.nan)
    order = np.argsort(average, kind="stable")
    both = ("problem", "optimizer")
    data = {"median": (both, median[:, order]), "rank": (both, rank[:, order]), "best": (both, best[:, order].astype(str))}
    data |= {"average_rank": ("optimizer", average[order]), "chosen": ("optimizer", [chosen[solvers[j]] for j in order])}
    coords = {"problem": list(problems), "optimizer": [solvers[j] for j in order]}
    return xarray.Dataset(data, coords=coords, attrs={"problems": len(problems), "ranked": int(whole.sum())})


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    made = [Column("problem", [*words(dataset["problem"]), "average rank"], text=True)]
    for name in dataset["optimizer"].values:
        own = dataset.sel(optimizer=name)
        cells = [cell(m, r) for m, r in zip(own["median"].values, own["rank"].values, strict=True)]
        average = float(own["average_rank"])
        made.append(Column(shortened(str(name)), [*cells, "-" if np.isnan(average) else f"{average:.2f}"]))
    return made


def shortened(name: str) -> str:
    """An optimizer's name as a heading, cut where it is long."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."


def cell(median: float, rank: float) -> str:
    """The median and in brackets its rank."""
    return "-" if np.isnan(rank) else f"{number(median)} ({rank:g})"


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    about = dataset.attrs
    left = "" if about["ranked"] == about["problems"] else f"; average over the {about['ranked']} of {about['problems']} with all of them"
    return [choices(dataset), f"in brackets the rank on the problem, 1 is the best{left}"]
