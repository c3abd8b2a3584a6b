"""How far from the origin a formula is certain to stay finite and below a limit: interval arithmetic over its tree.

Where every component is within such a box, a kernel needs the value only for records; the test for divergence would find nothing. The
bound is one on what a kernel computes, in any order of its sums and products: every number is widened by `SLACK`, relative to the largest
of its parts, and no part may come near overflow. Source of the method: Moore, Interval Analysis, 1966.
"""

import functools
import math
from collections.abc import Iterable, Mapping

import numpy as np

from ....optimizers._particles import ParticleOptimizer
from ....specs.expression import Formula, Parsed, parse
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.landscapes.base import SymbolicLandscape
from ....specs.tree import COMPARISONS, INDEX, OF_NUMBERS, Node, ordered, parameter
from ...plan import Group, Parts
from .disk_cache import disk_cached
from .entries import entries

REACH = {"float32": 2.0**17, "float64": 2.0**30}
"""Largest arguments of the elementary functions' sin, cos and tan."""
LEAST_BOX = 16.0
"""Smaller boxes are left too soon: value and gradient are then computed together at every step."""
Interval = tuple[float, float]
SLACK = 1e-3
"""More than 10,000 roundings in float32."""
EXPONENTS = range(-10, 64)
"""Boxes are powers of two in these bounds."""
CURVED = {"sin": 1.0, "cos": 1.0, "tanh": 1.0, "sign": 1.0, "arctan": math.pi / 2}
"""Functions bounded by a number."""
RISING = {
    **{name: OF_NUMBERS[name] for name in ("exp", "sinh", "log", "log1p", "expm1", "sigmoid", "softplus")},
    "sqrt": math.sqrt,
}
BOTH_RISING = {name: OF_NUMBERS[name] for name in ("maximum", "minimum", "logaddexp")}
"""Functions that rise with their argument, or both of them."""
LEAST = {"log": 0.0, "log1p": -1.0}
"""What an argument must be above."""


class _Unbounded(Exception):
    """There is no bound, or none that this arithmetic finds."""


def within(group: Group, parts: Parts) -> float:
    """How far from the origin every run of a group with these parts is certain not to diverge; 0.0 if that does not help."""
    land, stop, precision = parts.landscape, group.study.stop, group.study.precision
    formulas = (SymbolicLandscape, ProgramLandscape)
    if not isinstance(land, formulas) or isinstance(parts.optimizer, ParticleOptimizer) or stop.loss_below is not None:
        return 0.0
    if land.disorder_size:  # numbers without bounds
        return 0.0
    swept = {path: sweep.values for dim in group.dims for owner, path, sweep in dim.sweeps if owner == "landscape"}
    every = {path: swept.get(path, [value]) for path, value, structural in land.fields() if not structural}
    numbers = {path[-1]: (min(v), max(v)) for path, v in every.items() if isinstance(v[0], (int, float))}
    if land.takes_step:
        numbers |= {"steps": (group.study.steps, group.study.steps), "t": (1, max(1, group.study.steps))}
    limit = float(np.finfo(precision).max) if stop.diverge_above is None else stop.diverge_above
    by = (tuple(numbers.items()), limit, precision)
    return _box(land.definition(), *by) if isinstance(land, SymbolicLandscape) else _box_of_entries(entries(land), *by)


@disk_cached
def _box(formula: Formula, numbers: tuple[tuple[str, Interval], ...], limit: float, precision: str) -> float:
    return worthwhile(parse(formula), numbers, limit, precision)


@functools.lru_cache(maxsize=64)
def _box_of_entries(parsed: Parsed, numbers: tuple[tuple[str, Interval], ...], limit: float, precision: str) -> float:
    return worthwhile(parsed, numbers, limit, precision)


def worthwhile(parsed: Parsed, numbers: Iterable[tuple[str, Interval]], limit: float, precision: str) -> float:
    """The box of a formula with these numbers; 0.0 if it is too small."""
    found = box(parsed, dict(numbers), limit, precision, REACH[precision])
    return found if found >= LEAST_BOX else 0.0


def box(parsed: Parsed, numbers: Mapping[str, Interval], limit: float, precision: str, reach: float) -> float:
    """The largest power of two B such that |x_c| <= B for all c leaves the value within `limit`, and every argument of sin, cos and tan
    within `reach`; 0.0 if there is none. `numbers` are the intervals of the parameters."""
    low, high = EXPONENTS.start - 1, EXPONENTS.stop - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _Box(parsed, numbers, 2.0**middle, precision, reach).within(limit) else (low, middle - 1)
    return 2.0**low if low in EXPONENTS else 0.0


class _Box:
    def __init__(self, parsed: Parsed, numbers: Mapping[str, Interval], size: float, precision: str, reach: float):
        self.parsed, self.size, self.reach = parsed, size, reach
        self.most = 0.5 * float(np.finfo(precision).max)
        self.numbers = numbers
        self.known: dict[Node, Interval] = {}

    def within(self, limit: float) -> bool:
        try:
            self.known = {parameter(name): self.wide(*ends) for name, ends in self.numbers.items()}
            for r in self.parsed.reductions:
                if r.symbol in self.parsed.value.free:
                    self.known[INDEX] = (r.start, max(r.start, r.stop - 1))
                    self.known[r.symbol] = self.reduced(r.kind, self.of(r.term), r.stop - r.start)
            low, high = self.of(self.parsed.value)
        except (_Unbounded, OverflowError):
            return False
        return -self.most <= low and high <= limit

    def reduced(self, kind: str, term: Interval, count: int) -> Interval:
        """A sum or product of so many numbers of one interval."""
        size = largest(term)
        if kind == "sum":
            parts = 0.0 if term[0] >= 0 else count * size
            return self.wide(count * term[0], count * term[1], parts * max(1.0, count / 10_000))
        grown = self.product([size] * count)
        return self.wide(term[0] ** count, grown) if term[0] >= 0 else self.wide(-grown, grown)

    def wide(self, low: float, high: float, parts: float = 0.0) -> Interval:
        """An interval with its slack. For a sum of numbers not all positive, `parts` is that of their sizes."""
        size = max(abs(low), abs(high), parts)
        if not size <= self.most:
            raise _Unbounded
        return low * (1 - SLACK) if low >= 0 and not parts else low - SLACK * size, high + SLACK * size

    def product(self, sizes: list[float]) -> float:
        """The product of all; none of part of them may overflow."""
        made, grown = 1.0, 1.0
        for size in sizes:
            made, grown = made * size, grown * max(1.0, size)
            if not grown <= self.most:
                raise _Unbounded
        return made

    def of(self, e: Node) -> Interval:
        """The interval of an expression."""
        found: dict[Node, Interval] = {}
        for part in ordered([e]):
            if part.kind not in (*COMPARISONS, "truth"):
                found[part] = self.known.get(part) or self.one(part, [found[a] for a in part.args if a in found])
        return found[e]

    def one(self, e: Node, each: list[Interval]) -> Interval:
        """The interval of an operation on numbers in these."""
        match e.kind:
            case "number":
                return self.wide(e.value, e.value)
            case "symbol":
                return (-self.size, self.size)
            case "add":
                parts = sum(map(largest, each)) if any(a < 0 for a, _ in each) else 0.0
                return self.wide(sum(a for a, _ in each), sum(b for _, b in each), parts)
            case "multiply":
                return self.times(each)
            case "divide":
                return self.times([each[0], self.wide(*self.inverse(each[1]))])
            case "whole":
                return self.whole(each[0], e.data)
            case "power":
                return self.power(*each)
            case "where":
                return min(a for a, _ in each), max(b for _, b in each)
        return self.function(e.kind, each)

    def times(self, each: list[Interval]) -> Interval:
        self.product([largest(a) for a in each])
        low, high = 1.0, 1.0
        for a, b in each:
            ends = (low * a, low * b, high * a, high * b)
            low, high = min(ends), max(ends)
        return self.wide(low, high)

    def whole(self, base: Interval, n: int) -> Interval:
        """A whole power."""
        if n < 0:
            return self.wide(*self.inverse(self.whole(base, -n)))
        low, high = base
        ends = [low**n, high**n]
        self.product([largest(base)] * n)
        return self.wide(0.0 if n % 2 == 0 and low < 0 < high else min(ends), max(ends))

    def power(self, base: Interval, exponent: Interval) -> Interval:
        if base[0] > 0 or (base[0] == 0 and exponent[0] > 0):
            ends = [a**b for a in base for b in exponent]
            return self.wide(min(ends), max(ends))
        raise _Unbounded

    def inverse(self, a: Interval) -> Interval:
        if a[0] <= 0 <= a[1]:
            raise _Unbounded
        return 1 / a[1], 1 / a[0]

    def function(self, name: str, each: list[Interval]) -> Interval:
        a = each[0]
        if name in ("sin", "cos", "tan") and not largest(a) < self.reach:
            raise _Unbounded
        if name in CURVED:
            return self.wide(-CURVED[name], CURVED[name])
        if name == "abs":
            return (0.0 if a[0] < 0 < a[1] else min(map(abs, a)), largest(a))
        if name == "cosh":
            return self.wide(1.0, math.cosh(largest(a)))
        if name in BOTH_RISING:
            return self.wide(*(BOTH_RISING[name](*ends) for ends in zip(*each, strict=True)))
        if name in RISING and a[0] > LEAST.get(name, -math.inf) and (name != "sqrt" or a[0] >= 0):
            return self.wide(*map(RISING[name], a))
        raise _Unbounded


def largest(a: Interval) -> float:
    """The largest |x| of an interval."""
    return max(abs(a[0]), abs(a[1]))
