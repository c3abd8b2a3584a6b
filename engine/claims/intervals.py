"""Confidence intervals, over the seeds, of an expression that a claim compares.

Every call that takes 'seed' away is a reduction, known by what it does to its argument, not by how it is written.

Shares, medians and quantiles have exact intervals (exact.py). The expression is evaluated with such a reduction at either end of its
interval, and where a point depends on one of them alone, these are the ends of the expression's interval.

All others, and what several reductions make up together: random half-samples of the seeds (Politis and Romano 1994,
doi:10.1214/aos/1176325770). The value from n/2 of n seeds, drawn without replacement, differs from that of all n by the standard error of
the latter: n/2 of n have the variance (2/n - 1/n) s^2 = s^2/n. Student's t makes an interval of it; of a variance or of numbers of one
sign, whose errors are skewed, also one of the logarithm of the ratio to what it is compared with, and the end farther away counts. Where
halves give equal values (argmin, a count) the spread says little; there the reductions' deviations are stretched by t, and the interval
reaches as far as the expression does then. The exact intervals' effects, added in quadrature, are the least that it may be.

`min`, `max` and `argmin` over the seeds are facts about these seeds: they have no error.
"""

import ast
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...specs.claim import segment
from .evaluate import Reduction, Results, at_seeds
from .exact import exact_ends, pooled_ends, varies
from .functions import AVERAGES, FACTS, FUNCTIONS, VARIANT

HALVES, FEW, UNITS = 100, 10, 4096
"""So many half-samples are drawn; of so few seeds all halves are taken; so many blocks are made of very many seeds."""
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
        exact |= {r.key: ends for r in found if (ends := pooled_ends(r, spread.still[r.key], results, group, level)) is not None}
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
        start = r.value.astype(np.float64).transpose(*others, *apart)
        base = start.values.reshape(elements, -1)
        go = [
            start.transpose(*r.value.dims)
            .copy(data=np.where(np.isnan(e), r.value.values, e))
            .transpose(*start.dims)
            .values.reshape(elements, -1)
            for e in ends
        ]
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
        every = n <= FEW
        count = math.comb(n, n // 2) if every else HALVES
        freedom = n - 1 if every else 1 / (1 / (n - 1) + 1 / HALVES)
        half = n // block(n) // 2 * block(n)
        factor = math.sqrt(half / (n - half))
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
        self.skewed = all(one_sign(r) for r in found)
        self.bounds(m, e, np.concatenate(measured), np.concatenate(expected), np.concatenate(stretched), factor * quantile)

    def bounds(self, m: Any, e: Any, measured: Any, expected: Any, stretched: Any, times: float) -> None:
        value, values = difference(m, e), difference(measured, expected)
        with np.errstate(all="ignore"):
            half = times * np.sqrt((difference(values, value) ** 2).mean(axis=0))
            low, high = value - half, value + half
            for sign in (1, -1):
                positive = (
                    self.skewed & (sign * m > 0) & (sign * e > 0) & (sign * measured > 0).all(axis=0) & (sign * expected > 0).all(axis=0)
                )
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
            self.sums = (x if r.lost is None else x.fillna(0)).sum(others, skipna=False).transpose("seed", *r.value.dims).values
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


def one_sign(r: Reduction) -> bool:
    """Whether a reduction is of numbers of one sign, or of squares."""
    x = np.asarray(r.args[0])
    return r.name in ("var", "std", "norm") or bool((x >= 0).all() or (x <= 0).all())


def half_sample(n: int, k: int, every: bool) -> Any:
    """The k-th half of n seeds: of all halves in order, or one drawn at random, the same whenever it is asked for. Of very many seeds it is
    half of UNITS blocks, which lie anywhere."""
    if every:
        return np.array(next(itertools.islice(itertools.combinations(range(n), n // 2), k, None)))
    rng, size = np.random.default_rng(k), block(n)
    chosen = np.sort(rng.permutation(n // size)[: n // size // 2])
    return (rng.integers(n) * (size > 1) + chosen[:, None] * size + np.arange(size)).ravel() % n


def block(n: int) -> int:
    """How many seeds stay together in half-samples."""
    return max(1, n // UNITS) if n > 16 * UNITS else 1


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
