"""Paired tests between optimizers: seeds share start and noise, so the runs of one seed are pairs.

Wilcoxon's signed-rank test (Wilcoxon 1945, doi:10.2307/3001968), computed by SciPy, of the hypothesis that the differences of the final losses
are symmetric about 0. The p-values of the whole table are corrected by Holm's step-down rule (Holm 1979, Scand. J. Statist. 6:65).
"""

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ....specs.errors import SpecError
from ...results.quantiles import quantile
from ...text.tables import Column
from ..cells import chance, counts, number, problem_column, words
from ..entries import Entry, by_problem

SIGNED = (("difference", "difference"),)


def view(found: Sequence[Entry]) -> Any:
    """Every two optimizers on every problem, as an xarray.Dataset along `pair`: the names `first` (the lower median) and `second`,
    `difference`, the median of first - second, `wins`, `ties` and `losses` of the first (wins: its loss is lower), `seeds`, `p` and `holm`.

    Pairs are the seeds that both report. A diverged run lost against every other, and two diverged ones tie. Raises SpecError if
    there are no two optimizers on one problem with shared random numbers.
    """
    import xarray

    rows = []
    for problem, some in by_problem(found).items():
        for a, b in combinations(some, 2):
            seeds = np.intersect1d(a.seeds[a.done], b.seeds[b.done])
            if a.root_seed == b.root_seed and len(seeds):
                x, y = (one.at_best[np.isin(one.seeds, seeds)] for one in (a, b))
                rows.append({"problem": problem, "first": a.label, "second": b.label, **signed_rank(x, y)})
    if not rows:
        raise SpecError("tests: no two optimizers on the same landscape, start and noise share a root_seed and a finished, reported seed")
    data = {key: ("pair", np.array([row[key] for row in rows])) for key in rows[0]}
    data["holm"] = ("pair", holm(data["p"][1]))
    return xarray.Dataset(data, attrs={"test": "Wilcoxon signed-rank, two-sided", "correction": f"Holm over {len(rows)}"})


def signed_rank(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """What is known of paired losses x, y (seeds,): median difference, wins, ties and losses of x, p."""
    from scipy.stats import wilcoxon

    with np.errstate(invalid="ignore"):
        apart = np.where(x == y, 0.0, x - y)
    p = 1.0
    if apart.any():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(Sample size too small|Exact p-value calculation).*")
            p = float(wilcoxon(apart).pvalue)  # type: ignore[attr-defined]
    counts = {"wins": int((apart < 0).sum()), "ties": int((apart == 0).sum()), "losses": int((apart > 0).sum())}
    return {"difference": middle(apart), **counts, "seeds": len(x), "p": p}


def middle(apart: np.ndarray) -> float:
    """The median; of differences that are infinite on both sides, NaN."""
    low, high = float(quantile(apart, 0.5)), -float(quantile(-apart, 0.5))
    return low if low == high or np.isfinite(low) else np.nan


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's corrected p values: the running maximum of (m - rank) p in increasing order of p, at most 1.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    made = np.empty(len(p))
    made[order] = np.minimum(1.0, np.maximum.accumulate((len(p) - np.arange(len(p))) * np.asarray(p)[order]))
    return made


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    won = zip(*(counts(dataset[name]) for name in ("wins", "ties", "losses")), strict=True)
    return [
        *problem_column(dataset),
        Column("better", words(dataset["first"]), name=True),
        Column("than", words(dataset["second"]), name=True),
        Column("difference", [number(v) for v in dataset["difference"].values]),
        Column("won-tied-lost", ["-".join(three) for three in won]),
        Column("p", [chance(v) for v in dataset["p"].values]),
        Column("p (Holm)", [chance(v) for v in dataset["holm"].values]),
    ]


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    return [
        f"{dataset.attrs['test']}, on the final {'losses' if dataset.attrs.get('value', 'loss') == 'loss' else dataset.attrs['value']} of the seeds that both report; {dataset.attrs['correction']}"
    ]
