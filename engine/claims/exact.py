"""Exact confidence intervals of what claims reduce over the seeds.

A mean, sum or share whose values at the seeds are two (a condition's) has the binomial interval of Clopper and Pearson 1934
(doi:10.1093/biomet/26.4.404); a median or quantile has that of two order statistics (the sign test's), which holds for every distribution,
discrete ones too (Thompson 1936, doi:10.1214/aoms/1177732502).
"""

import ast
from typing import Any

import numpy as np

from ...specs.claim import names
from .evaluate import Reduction, Results

BEYOND = 10
"""So many seeds must be expected beyond a quantile; there are no intervals of quantiles farther out."""
CONDITIONS = ("diverged", "isfinite")
JUMPS = (
    "floor",
    "sign",
    "minimum",
    "maximum",
    "first_time_below",
    "first_time_above",
    "time_to_stay_below",
    "argmin",
    "argmax",
    "status",
    "tanh",
    "exp",
)


def exact_ends(r: Reduction, results: Results, group: str, level: float) -> tuple[Any, Any] | None:
    """The ends of a reduction's exact interval, NaN where it has none; None if it has none anywhere."""
    if r.name in ("mean", "sum", "fraction"):
        return share_ends(r, results, group, level)
    if r.name in ("median", "quantile"):
        return order_ends(r, level) if r.dims == ["seed"] else None
    return unknown_ends(r) if is_discrete(r, results, group) else None


def unknown_ends(r: Reduction) -> tuple[Any, Any]:
    """No interval where something that jumps has not: a variance of what happened at no seed, or at all."""
    still = np.zeros(r.value.shape, bool)
    for a in (*r.args, *r.named.values()):
        if "seed" in getattr(a, "dims", ()):
            alike = (a == a.isel(seed=0, drop=True)).all([d for d in a.dims if d not in r.value.dims])
            still |= alike.broadcast_like(r.value).transpose(*r.value.dims).values
    return np.where(still, -np.inf, np.nan), np.where(still, np.inf, np.nan)


def share_ends(r: Reduction, results: Results, group: str, level: float) -> tuple[Any, Any] | None:
    """Clopper and Pearson's interval where the seeds' values are two, also where all are one of them. Where all are the same value of
    something that jumps (a count, a time), the share of others is bounded so, and they are taken to lie as far away as it is large."""
    x = r.args[0].astype(np.float64)
    x = x if r.lost is None else x.where(~r.lost)
    own = x.mean([d for d in r.dims if d != "seed"])
    first, last, n = own.min("seed"), own.max("seed"), own.notnull().sum("seed")
    same, jumps, reach = first == last, None, 0.0
    low, high = two_values(r, results, group)
    if low is None:
        binary = ((x == 0) | (x == 1) | x.isnull()).all(r.dims)
        jumps = bool(same.any()) and is_discrete(r, results, group)
        if not (jumps or bool(binary.any())):
            return None
        reach = assumed_reach(r, results, group)
        binary = binary & (reach <= 1)
        low, high, known = first * 0, first * 0 + 1, binary & (~same | jumps)
    else:
        known = low < high
    known = known & (((own == low) | (own == high) | own.isnull()).all("seed") | (same & (first >= low) & (first <= high)))
    count = (own.mean("seed") - low) / (high - low) * n
    below, above = clopper_pearson(count.values, n.values, level)
    ends = [low + (high - low) * (count * 0 + p) for p in (below, above)]
    if jumps:
        far = (1 - level ** (1 / np.maximum(n, 1))) * np.maximum(np.maximum(abs(first), 1), reach)
        ends = [end.where(known, first + sign * far) for end, sign in zip(ends, (-1, 1), strict=True)]
        known = known | same
    known = known & (n > 0)
    if not bool(known.any()):
        return None
    times = x.notnull().sum(r.dims) if r.name == "sum" else 1
    low, high = ((end * times).where(known).transpose(*r.value.dims).values for end in ends)
    return low, high


def argument(r: Reduction) -> ast.expr:
    """The first argument as it is written."""
    return [*r.node.args, *(k.value for k in r.node.keywords if k.arg in ("x", "condition"))][0]


def two_values(r: Reduction, results: Results, group: str) -> tuple[Any, Any]:
    """What the first argument of a reduction is where its conditions hold and where they do not, the smaller first, if that is the same
    at every seed; else (None, None)."""
    assumed = under_assumptions(r, results, group)
    if not assumed or any("seed" not in getattr(x, "dims", ()) for x in assumed):
        return None, None
    values = [x.astype(np.float64).mean([d for d in r.dims if d != "seed"], skipna=False) for x in assumed]
    if any(not bool((v == v.isel(seed=0)).all()) for v in values):
        return None, None
    a, b = (v.isel(seed=0, drop=True) for v in values)
    return (None, None) if bool((a == b).all()) else (np.minimum(a, b), np.maximum(a, b))


def assumed_reach(r: Reduction, results: Results, group: str) -> Any:
    """The largest size, at any seed, of the first argument where its conditions hold or where they do not; 0 if it has none."""
    reach: Any = 0.0
    for x in under_assumptions(r, results, group):
        size: Any = np.abs(x * 1.0)
        reach = np.maximum(reach, size.max([d for d in r.dims if d in size.dims]) if hasattr(size, "dims") else size)
    return reach


def under_assumptions(r: Reduction, results: Results, group: str) -> list[Any]:
    """The first argument of a reduction if all its conditions held, and if none did; empty if it has no conditions."""
    if not has_conditions(argument(r)):
        return []
    text, results.text, kept, values = results.text, r.text, dict(results.reductions), []
    try:
        for results.assumed in (True, False):
            values.append(results.value(argument(r), group))
    finally:
        results.assumed, results.text, results.reductions = None, text, kept
    return values


def has_conditions(node: ast.AST) -> bool:
    """Whether an expression compares something, or asks how runs ended."""
    return any(isinstance(n, ast.Compare) or called(n) in CONDITIONS for n in ast.walk(node))


def is_discrete(r: Reduction, results: Results, group: str) -> bool:
    """Whether what is reduced jumps: a condition, a rounded number, a step at which something happens, or recorded zeros and ones."""
    inside = [n for a in (*r.node.args, *r.node.keywords) for n in ast.walk(a)]
    if any(isinstance(n, ast.Compare) or called(n) in (*CONDITIONS, *JUMPS) for n in inside):
        return True
    found = [results.named(name, group) for name in names(r.node)]
    found = [v.values for v in found if "seed" in getattr(v, "dims", ())]
    return bool(found) and all(len(np.unique(v[~np.isnan(v)])) <= 2 for v in found)


def called(node: ast.AST) -> str:
    """The name that a node is, or whose attribute it is."""
    return getattr(node, "id", "") or getattr(node, "attr", "")


def clopper_pearson(count: Any, n: Any, level: float) -> tuple[Any, Any]:
    """The ends of the exact interval of a binomial probability; each end is wrong with probability `level` at most."""
    from scipy.stats import beta

    count = np.clip(count, 0, n)
    with np.errstate(invalid="ignore"):
        below = np.where(count <= 0, 0.0, beta.ppf(level, np.where(count <= 0, 1, count), n - count + 1))
        above = np.where(count >= n, 1.0, beta.ppf(1 - level, count + 1, np.where(count >= n, 1, n - count)))
    return below, above


def order_ends(r: Reduction, level: float, seeds: int | None = None) -> tuple[Any, Any]:
    """Two order statistics between which a quantile lies, by the binomial distribution of how many values lie below it; infinite where
    the seeds are too few. With `seeds` the values are as many times as many, counted as so many: those of a seed may be all alike."""
    from scipy.stats import binom

    x = r.args[0].astype(np.float64)
    if r.lost is not None:
        x = x.where(~r.lost)
    q = 0.5 if r.name == "median" else float(r.args[1])
    dims = r.dims
    values = x.transpose(*dims, *r.value.dims).values.reshape(-1, *r.value.shape)
    values = np.sort(values, axis=0)
    held = (~np.isnan(values)).sum(axis=0)
    n = np.maximum(held if seeds is None else np.minimum(held, seeds), 1)
    each = np.maximum(held, 1) / n
    below, above = binom.ppf(level, n, q) - 1, binom.ppf(1 - level, n, q)
    few = (q != 0.5) & (n * min(q, 1 - q) < BEYOND)
    ends = []
    for k, missing, infinite in ((below, below < 0, -np.inf), (above, above > n - 1, np.inf)):
        place = np.clip(np.floor((k + (infinite > 0)) * each) - (infinite > 0), 0, np.maximum(held - 1, 0)).astype(np.int64)
        ends.append(np.where(missing | few, infinite, np.take_along_axis(values, place[None], axis=0)[0]))
    return ends[0], ends[1]


def pooled_ends(r: Reduction, still: Any, results: Results, group: str, level: float) -> tuple[Any, Any] | None:
    """The ends for a quantile of all values of all seeds where no half-sample moves it, NaN elsewhere; None where there are none."""
    if r.name not in ("median", "quantile") or r.dims == ["seed"] or not still.any() or not (varies(r) or is_discrete(r, results, group)):
        return None
    low, high = order_ends(r, level, r.args[0].sizes["seed"])
    return np.where(still, low, np.nan), np.where(still, high, np.nan)


def varies(r: Reduction) -> bool:
    """Whether what is reduced differs between seeds."""
    arrays = [a for a in (*r.args, *r.named.values()) if "seed" in getattr(a, "dims", ())]
    return any(not (a.isel(seed=[0]).values == a.transpose("seed", ...).transpose(*a.dims).values).all() for a in arrays)
