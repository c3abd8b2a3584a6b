"""Confidence intervals, over the seeds, of an expression that a claim compares.

Every call that takes 'seed' away is a reduction, known by what it does to its argument, not by how it is written.

Exact: a mean, sum or share whose values at the seeds are two (a condition's) has the binomial interval of Clopper and Pearson 1934
(doi:10.1093/biomet/26.4.404); a median or quantile has that of two order statistics (the sign test's), which holds for every
distribution, discrete ones too. The expression is evaluated with such a reduction at either end of its interval. Where a point depends on
one of them alone, these are the ends of the expression's interval.

All others, and what several reductions make up together: random half-samples of the seeds (Politis and Romano 1994,
doi:10.1214/aos/1176325770). The value from n/2 of n seeds, drawn without replacement, differs from that of all n by the standard error of
the latter: n/2 of n have the variance (2/n - 1/n) s^2 = s^2/n. Student's t makes an interval of it, of the value and, where it and what
it is compared with are positive, of their ratio's logarithm, whichever reaches farther: a variance's error is skewed. Where halves give
equal values (argmin, a count) the spread says little; there the reductions' deviations are stretched by t, and the interval reaches as
far as the expression does then. The exact intervals' effects, added in quadrature, are the least that it may be.

`min`, `max` and `argmin` over the seeds are facts about these seeds: they have no error.
"""

import ast
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..specs.claim import names, segment
from .claim_functions import AVERAGES, FACTS, FUNCTIONS, VARIANT
from .claims import Reduction, Results, at_seeds

HALVES, ENUMERATED = 100, 256
BEYOND = 10
"""So many seeds must be expected beyond a quantile; there are no intervals of quantiles farther out."""
CONDITIONS = ("diverged", "isfinite")
JUMPS = ("floor", "sign", "minimum", "maximum", "first_time_below", "first_time_above", "time_to_stay_below", "argmin", "argmax", "status")
MOST_MOVES, MOST_NUMBERS = 2_000, 4_000_000
GROWTH = {"sum": 1.0, "dot": 1.0, "norm": 0.5}
"""Powers of the number of seeds that these grow with."""

Sides = Callable[[], tuple[Any, Any]]
"""Evaluates (measured, expected), xarray.DataArrays, with what stands in `Results.instead`."""


def interval(sides: Sides, found: list[Reduction], results: Results, group: str, level: float, random: bool) -> tuple[Any, Any]:
    """The ends of the interval of measured - expected, as arrays of its shape; each end lies beyond the truth with probability `level`.

    `found` are the outermost reductions. `random`: whether seeds may differ though they have not.
    """
    measured, expected = sides()
    deviation = measured - expected
    value, dims = deviation.values.astype(np.float64), deviation.dims
    if not found or not (random or any(varies(r) for r in found)):
        return value, value
    exact = {r.key: ends for r in found if (ends := exact_ends(r, results, group, level)) is not None}
    whole = all(r.key in exact and bool(np.all(~np.isnan(exact[r.key][0]) | np.isnan(r.value.values))) for r in found)
    spread = None if whole else Halves(sides, found, results, group, level, dims)
    if spread is not None:
        exact |= {r.key: ends for r in found if (ends := pooled_ends(r, spread.still[r.key], level)) is not None}
    moves = Moves(value, dims)
    for r in found:
        if r.key in exact:
            moves.add(r, exact[r.key], sides, results)
    if spread is None and bool((moves.count > 1).any()):
        spread = Halves(sides, found, results, group, level, dims)
    if spread is None:
        return moves.low, moves.high
    low, high = np.minimum(moves.together(-1), spread.low), np.maximum(moves.together(1), spread.high)
    alone = whole & (moves.count <= 1)
    return np.where(alone, moves.low, low), np.where(alone, moves.high, high)


def outermost(tree: ast.expr, text: str, results: Results) -> Iterator[Reduction]:
    """The reductions in an expression that lie in no other; a fact about these seeds is looked into."""
    r = results.reductions.get(segment(text, tree)) if isinstance(tree, ast.Call) else None
    if r is not None and r.name not in FACTS:
        yield r
        return
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, (ast.expr, ast.keyword)):
            yield from outermost(child.value if isinstance(child, ast.keyword) else child, text, results)


def varies(r: Reduction) -> bool:
    """Whether what is reduced differs between seeds."""
    arrays = [a for a in (*r.args, *r.named.values()) if "seed" in getattr(a, "dims", ())]
    return any(not (a.isel(seed=[0]).values == a.transpose("seed", ...).transpose(*a.dims).values).all() for a in arrays)


def exact_ends(r: Reduction, results: Results, group: str, level: float) -> tuple[Any, Any] | None:
    """The ends of a reduction's exact interval, NaN where it has none; None if it has none anywhere."""
    if r.name in ("mean", "sum", "fraction"):
        return share_ends(r, results, group, level)
    if r.name in ("median", "quantile") and r.dims == ["seed"]:
        return order_ends(r, level)
    return None


def share_ends(r: Reduction, results: Results, group: str, level: float) -> tuple[Any, Any] | None:
    """Clopper and Pearson's interval where the seeds' values are two, also where all are one of them. Where all are the same value of
    something that jumps (a count, a time), the share of others is bounded so, and they are taken to lie as far away as it is large."""
    x = r.args[0].astype(np.float64)
    x = x if r.lost is None else x.where(~r.lost)
    own = x.mean([d for d in r.dims if d != "seed"])
    first, last, n = own.min("seed"), own.max("seed"), own.notnull().sum("seed")
    same, jumps = first == last, None
    low, high = two_values(r, results, group)
    if low is None:
        binary = ((x == 0) | (x == 1) | x.isnull()).all(r.dims)
        jumps = bool(same.any()) and is_discrete(r, results, group)
        if not (jumps or bool(binary.any())):
            return None
        low, high, known = first * 0, first * 0 + 1, binary & (~same | jumps)
    else:
        known = low < high
    known = known & (((own == low) | (own == high) | own.isnull()).all("seed") | (same & (first >= low) & (first <= high)))
    count = (own.mean("seed") - low) / (high - low) * n
    below, above = clopper_pearson(count.values, n.values, level)
    ends = [low + (high - low) * (count * 0 + p) for p in (below, above)]
    if jumps:
        far = (1 - level ** (1 / np.maximum(n, 1))) * np.maximum(abs(first), 1)
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
    if not any(isinstance(n, ast.Compare) or called(n) in CONDITIONS for n in ast.walk(argument(r))):
        return None, None
    text, results.text, kept = results.text, r.text, dict(results.reductions)
    values = []
    try:
        for results.assumed in (True, False):
            x = results.value(argument(r), group)
            if "seed" not in getattr(x, "dims", ()):
                return None, None
            values.append(x.astype(np.float64).mean([d for d in r.dims if d != "seed"], skipna=False))
    finally:
        results.assumed, results.text, results.reductions = None, text, kept
    if any(not bool((v == v.isel(seed=0)).all()) for v in values):
        return None, None
    a, b = (v.isel(seed=0, drop=True) for v in values)
    return (None, None) if bool((a == b).all()) else (np.minimum(a, b), np.maximum(a, b))


def is_discrete(r: Reduction, results: Results, group: str) -> bool:
    """Whether what is reduced jumps: a condition, a rounded number, a step at which something happens, or recorded zeros and ones."""
    if any(isinstance(n, ast.Compare) or called(n) in (*CONDITIONS, *JUMPS) for n in ast.walk(argument(r))):
        return True
    found = [results.named(name, group) for name in names(argument(r))]
    found = [v.values for v in found if "seed" in getattr(v, "dims", ())]
    return bool(found) and all(bool(((v == 0) | (v == 1) | np.isnan(v)).all()) for v in found)


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


def pooled_ends(r: Reduction, still: Any, level: float) -> tuple[Any, Any] | None:
    """The ends for a quantile of all values of all seeds where no half-sample moves it, NaN elsewhere; None where there are none."""
    if r.name not in ("median", "quantile") or r.dims == ["seed"] or not still.any() or not varies(r):
        return None
    low, high = order_ends(r, level, r.args[0].sizes["seed"])
    return np.where(still, low, np.nan), np.where(still, high, np.nan)


class Moves:
    """What becomes of the deviation when exact reductions go to the ends of their intervals, an element at a time.

    `low` and `high` are the farthest it goes; `count` is how many elements move it.
    """

    def __init__(self, value: Any, dims: Any):
        self.value, self.dims = value, dims
        self.low, self.high, self.count = value.copy(), value.copy(), np.zeros(value.shape, int)
        self.squares = {-1: np.zeros(value.shape), 1: np.zeros(value.shape)}

    def add(self, r: Reduction, ends: tuple[Any, Any], sides: Sides, results: Results) -> None:
        """Elements that stay apart in the deviation move together, the others one after another."""
        apart = [d for d in r.value.dims if d in self.dims]
        others = [d for d in r.value.dims if d not in self.dims]
        elements = math.prod(r.value.sizes[d] for d in others)
        if elements > MOST_MOVES:  # all together, which half-samples complete
            apart, others, elements = [*others, *apart], [], 1
            self.count += 1
        start = r.value.transpose(*others, *apart)
        base = start.values.reshape(elements, -1)
        go = [r.value.copy(data=np.where(np.isnan(e), r.value.values, e)).transpose(*start.dims).values.reshape(elements, -1) for e in ends]
        size = max(1, MOST_NUMBERS // (2 * max(base.size, self.value.size, 1)))
        for at in range(0, elements, size):
            chosen = range(at, min(at + size, elements))
            numbers = np.repeat(base[None], 2 * len(chosen), axis=0)
            for row, k in enumerate(chosen):
                numbers[2 * row, k], numbers[2 * row + 1, k] = go[0][k], go[1][k]
            self.note(varied(r.key, start, numbers, sides, results, self.dims))

    def note(self, moved: Any) -> None:
        """Take account of the deviation with elements at their lower end (even rows) and at their upper one (odd rows)."""
        lowest = np.minimum(moved[0::2], moved[1::2])
        highest = np.maximum(moved[0::2], moved[1::2])
        lost = np.isnan(lowest) & ~np.isnan(self.value)
        lowest, highest = np.where(lost, -np.inf, lowest), np.where(lost, np.inf, highest)
        self.count += ((lowest < self.value) | (highest > self.value)).sum(axis=0)
        self.low, self.high = np.fmin(self.low, lowest.min(axis=0)), np.fmax(self.high, highest.max(axis=0))
        for sign, far in ((-1, lowest), (1, highest)):
            self.squares[sign] += (np.maximum(sign * difference(far, self.value), 0) ** 2).sum(axis=0)

    def together(self, sign: int) -> Any:
        """The end below (-1) or above (1) with all effects added in quadrature."""
        far = np.sqrt(self.squares[sign])
        return np.where(np.isfinite(self.value) & np.isfinite(far), self.value + sign * far, self.low if sign < 0 else self.high)


class Halves:
    """The interval `low`, `high` from half-samples of the seeds; `still` has, for each reduction, where no half-sample moved it."""

    def __init__(self, sides: Sides, found: list[Reduction], results: Results, group: str, level: float, dims: Any):
        from scipy.stats import norm, t

        n = results.study.seeds
        every = math.comb(n, n // 2) <= ENUMERATED
        count = math.comb(n, n // 2) if every else HALVES
        freedom = n - 1 if every else 1 / (1 / (n - 1) + 1 / HALVES)
        factor = math.sqrt((n // 2) / (n - n // 2))
        quantile = float(t.ppf(1 - level, freedom))
        stretch = factor * quantile / float(norm.ppf(1 - 1 / (count + 1)))
        self.still = {r.key: np.ones(r.value.shape, bool) for r in found}
        measured, expected, stretched = [], [], []
        samplers = [Sampler(r, results, group) for r in found]
        size = max(1, MOST_NUMBERS // max(1, sum(r.value.size + s.size for r, s in zip(found, samplers, strict=True))))
        for at in range(0, count, size):
            rows_here = range(at, min(at + size, count))
            seeds, moved = np.stack([half_sample(n, k, every) for k in rows_here]), {}
            sampled = [sampler(seeds) for sampler in samplers]
            for r, values in zip(found, sampled, strict=True):
                self.still[r.key] &= (values == r.value.values).all(axis=0)
                results.instead[r.key] = with_variants(r.value, values)
                moved[r.key] = with_variants(r.value, stretched_from(r.value.values, values, stretch))
            m, e = (rows(side, len(seeds), dims) for side in sides())
            measured.append(m)
            expected.append(e)
            results.instead |= moved
            m, e = (rows(side, len(seeds), dims) for side in sides())
            stretched.append(difference(m, e))
            results.instead.clear()
        m, e = (rows(side, 1, dims)[0] for side in sides())
        self.bounds(m, e, np.concatenate(measured), np.concatenate(expected), np.concatenate(stretched), factor * quantile)

    def bounds(self, m: Any, e: Any, measured: Any, expected: Any, stretched: Any, times: float) -> None:
        value, values = difference(m, e), difference(measured, expected)
        with np.errstate(all="ignore"):
            half = times * np.sqrt((difference(values, value) ** 2).mean(axis=0))
            low, high = value - half, value + half
            for sign in (1, -1):
                positive = (sign * m > 0) & (sign * e > 0) & (sign * measured > 0).all(axis=0) & (sign * expected > 0).all(axis=0)
                ratio = np.log(np.where(positive, measured / expected, 1)) - np.log(np.where(positive, m / e, 1))
                grow = np.exp(times * np.sqrt((ratio**2).mean(axis=0)))
                ends = m / grow - e, m * grow - e
                low = np.where(positive, np.fmin(low, np.fmin(*ends)), low)
                high = np.where(positive, np.fmax(high, np.fmax(*ends)), high)
            ordered = np.sort(values, axis=0)
            ties = (ordered[1:] == ordered[:-1]).any(axis=0)
            lost = np.isnan(stretched).any(axis=0) & ~np.isnan(value)
            far = np.where(lost, -np.inf, stretched.min(axis=0)), np.where(lost, np.inf, stretched.max(axis=0))
            low, high = np.where(ties, np.fmin(low, far[0]), low), np.where(ties, np.fmax(high, far[1]), high)
        known = np.isnan(value)
        self.low = np.where(np.isnan(low) & ~known, -np.inf, low)
        self.high = np.where(np.isnan(high) & ~known, np.inf, high)


class Sampler:
    """The values of a reduction at several choices of seeds. `size` is how many numbers a choice takes."""

    def __init__(self, r: Reduction, results: Results, group: str):
        self.r, self.results, self.group = r, results, group
        inside = [results.reductions[k] for node in ast.walk(r.node) if (k := key_of(r, node)) in results.reductions and k != r.key]
        self.facts = {i.key: i.value for i in inside if i.name in FACTS}
        self.nested = len(self.facts) < len({i.key for i in inside})
        self.size = max([a.size for a in (*r.args, *r.named.values()) if hasattr(a, "dims")])
        self.sums: Any = None
        if not self.nested and r.name in ("mean", "sum", "fraction"):
            x = r.args[0].astype(np.float64)
            x = x if r.lost is None else x.where(~r.lost)
            others = [d for d in r.dims if d != "seed"]
            held = x.notnull() if r.lost is not None else x.copy(data=np.ones(x.shape))
            self.sums = x.sum(others, skipna=r.lost is not None).transpose("seed", *r.value.dims).values
            self.counts = held.sum(others).transpose("seed", *r.value.dims).values
            self.size = self.sums.size

    def __call__(self, seeds: Any) -> Any:
        """At seeds (variants, seeds), as (variants, ...)."""
        r = self.r
        if self.sums is not None:
            with np.errstate(all="ignore"):
                mean = self.sums[seeds].sum(axis=1) / self.counts[seeds].sum(axis=1)
            return mean * self.counts.sum(axis=0) if r.name == "sum" else mean
        value = self.again(seeds) if self.nested else self.once(seeds)
        times = (self.results.study.seeds / seeds.shape[1]) ** GROWTH.get(r.name, 0.0)
        return value.transpose(VARIANT, *r.value.dims).values * times

    def once(self, seeds: Any) -> Any:
        """The function's value for what it has been given, at these seeds."""
        r = self.r
        function = AVERAGES[r.name] if r.lost is not None and r.name in AVERAGES else FUNCTIONS[r.name]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(*(at_seeds(a, seeds) for a in r.args), **{name: at_seeds(a, seeds) for name, a in r.named.items()})

    def again(self, seeds: Any) -> Any:
        """Evaluate it anew, with what it has inside; facts about all seeds stay what they are."""
        results, r = self.results, self.r
        kept, text, instead = dict(results.reductions), results.text, results.instead
        results.seeds, results.text, results.instead = seeds, r.text, self.facts
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", RuntimeWarning)
                return results.value(r.node, self.group)
        finally:
            results.seeds, results.text, results.reductions, results.instead = None, text, kept, instead


def key_of(r: Reduction, node: ast.AST) -> str | None:
    return segment(r.text, node) if isinstance(node, ast.Call) else None


def half_sample(n: int, k: int, every: bool) -> Any:
    """The k-th half of n seeds: of all halves in order, or one drawn at random, the same whenever it is asked for."""
    if every:
        return np.array(next(itertools.islice(itertools.combinations(range(n), n // 2), k, None)))
    return np.sort(np.random.default_rng(k).permutation(n)[: n // 2])


def varied(key: str, start: Any, numbers: Any, sides: Sides, results: Results, dims: Any) -> Any:
    """The deviation (variants, *shape) with a reduction at each of these values (variants, ...), laid out as `start`."""
    results.instead[key] = with_variants(start, numbers.reshape(-1, *start.shape))
    try:
        measured, expected = (rows(side, len(numbers), dims) for side in sides())
    finally:
        results.instead.clear()
    return difference(measured, expected)


def with_variants(value: Any, numbers: Any) -> Any:
    """Values (variants, *shape) in place of `value`."""
    import xarray

    return xarray.DataArray(numbers, dims=(VARIANT, *value.dims), coords=value.coords)


def rows(side: Any, count: int, dims: Any) -> Any:
    """An array (count, *shape): one row a variant, also where there is but one value of all."""
    side = side if VARIANT in side.dims else side.expand_dims({VARIANT: count})
    return side.transpose(VARIANT, *dims).values.astype(np.float64)


def stretched_from(start: Any, values: Any, times: float) -> Any:
    """start + times (values - start); an infinity stays one."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(start), start + times * difference(values, start), values)


def difference(a: Any, b: Any) -> Any:
    """a - b, and 0 where both are the same infinity."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)
