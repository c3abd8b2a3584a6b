"""Average ranks of optimizers across problems, Friedman's test, and Nemenyi's critical difference.

Demsar 2006 (JMLR 7:1) recommends these for several methods on several data sets: Friedman's chi-square (by SciPy), Iman and Davenport's
F = (N - 1) chi2 / (N (k - 1) - chi2), and the critical difference CD = q sqrt(k (k + 1) / (6 N)). Here q is the quantile of the studentized
range for k groups and infinite degrees of freedom, divided by sqrt(2). Two optimizers differ if their average ranks are at least CD apart.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....specs.errors import SpecError
from ...text.tables import Column
from ..cells import chance, left_out, words
from ..entries import Entry, on_all
from ..profiles import shared_seeds

SIGNED = ()
"""Ranks are of values of which the lowest is the best, and have no sign."""
PICTURE = "ranks"
"""The kind of picture that shows it."""


def view(found: Sequence[Entry], alpha: float = 0.05) -> Any:
    """Average ranks by median final loss (1 is best, ties share) over the problems, as an xarray.Dataset along `optimizer`: `rank`,
    `clique` (the optimizers that cannot be told from it, itself included), and `p` (optimizer, other) of Nemenyi's test.

    With one problem the blocks are its seeds, which says nothing of other problems: `blocks` in the attributes says which. There are
    `friedman`, `p_friedman`, `iman_davenport`, `p_iman_davenport` and `critical_difference`, too. Raises SpecError for fewer than three
    optimizers on every problem (Friedman's test needs three), or fewer than two blocks.
    """
    import xarray

    solvers, problems, others = on_all(found)
    if len(solvers) < 3:
        raise SpecError(
            f"ranks: Friedman's test needs three optimizers on every problem, and there are {len(solvers)}; for two see --view pairs"
        )
    if len(problems) > 1:
        scores = np.array([[some[solver].best.median for solver in solvers] for some in problems.values()])
        blocks = "problems"
    else:
        chosen = [next(iter(problems.values()))[solver] for solver in solvers]
        seeds = shared_seeds(chosen)
        scores = np.stack([one.at_best[np.isin(one.seeds, seeds)] for one in chosen], axis=-1)
        blocks = "seeds"
    scores = scores[~np.isnan(scores).any(-1)]
    if len(scores) < 2:
        raise SpecError(f"ranks: at least two {blocks} are needed, and there are {len(scores)}; give more stores or seeds")
    rank, made = friedman(scores, alpha)
    p = nemenyi(rank, len(scores))
    order = np.argsort(rank, kind="stable")
    alike = np.abs(rank[:, None] - rank) < made["critical_difference"]
    clique = [", ".join(solvers[j] for j in order if alike[i, j]) for i in range(len(solvers))]
    names = [solvers[i] for i in order]
    data = {
        "rank": ("optimizer", rank[order]),
        "clique": ("optimizer", np.array(clique)[order]),
        "p": (("optimizer", "other"), p[np.ix_(order, order)]),
    }
    attributes = {"alpha": alpha, "blocks": blocks, "count": len(scores), "left_out": ", ".join(others), **made}
    return xarray.Dataset(data, coords={"optimizer": names, "other": names}, attrs=attributes)


def friedman(scores: np.ndarray, alpha: float = 0.05) -> tuple[np.ndarray, dict[str, float]]:
    """(average ranks (methods,), statistics) of scores (blocks, methods), lower is better."""
    from scipy import stats

    blocks, methods = scores.shape
    rank = stats.rankdata(scores, axis=1).mean(0)
    made = {"critical_difference": critical_difference(methods, blocks, alpha)}
    if np.ptp(rank) == 0:
        return rank, {"friedman": 0.0, "p_friedman": 1.0, "iman_davenport": 0.0, "p_iman_davenport": 1.0, **made}
    chi, p = map(float, stats.friedmanchisquare(*stats.rankdata(scores, axis=1).T))
    left = blocks * (methods - 1) - chi
    f = (blocks - 1) * chi / left if left > 1e-9 * chi else np.inf
    p_f = float(stats.f.sf(f, methods - 1, (methods - 1) * (blocks - 1)))
    return rank, {"friedman": chi, "p_friedman": p, "iman_davenport": f, "p_iman_davenport": p_f, **made}


def critical_difference(methods: int, blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of average ranks.

    >>> round(critical_difference(4, 14), 2)  # the example of Demsar 2006, section 3.2.2
    1.25
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2) * np.sqrt(methods * (methods + 1) / (6 * blocks)))


def nemenyi(rank: np.ndarray, blocks: int) -> np.ndarray:
    """p values (methods, methods) of Nemenyi's test for every two average ranks."""
    from scipy.stats import studentized_range

    methods = len(rank)
    apart = np.abs(rank[:, None] - rank) / np.sqrt(methods * (methods + 1) / (6 * blocks)) * np.sqrt(2)
    p = np.ones((methods, methods))
    upper = np.triu_indices(methods, 1)
    p[upper] = studentized_range.sf(apart[upper], methods, np.inf)
    return np.minimum(p, p.T)


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    return [
        Column("optimizer", words(dataset["optimizer"]), name=True),
        Column("average rank", [f"{v:.2f}" for v in dataset["rank"].values]),
        Column(
            "cannot be told from",
            [others(str(c), str(o)) for c, o in zip(dataset["clique"].values, dataset["optimizer"].values, strict=True)],
            name=True,
        ),
    ]


def others(clique: str, own: str) -> str:
    return ", ".join(name for name in clique.split(", ") if name != own) or "-"


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    about = dataset.attrs
    one = "" if about["blocks"] == "problems" else " of one problem, which says nothing about others"
    tests = f"Friedman chi-square {about['friedman']:.4g} (p {chance(about['p_friedman'])}), Iman-Davenport F {about['iman_davenport']:.4g} (p {chance(about['p_iman_davenport'])})"
    return [
        f"ranks over {about['count']:,} {about['blocks']}{one}; {tests}",
        f"Nemenyi's critical difference at {about['alpha']:g}: {about['critical_difference']:.3g}",
        left_out(dataset),
    ]
