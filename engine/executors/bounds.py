"""How far from the origin a formula is certain to stay finite and below a limit: interval arithmetic over its SymPy tree.

Where every component is within such a box, a kernel needs the value only for records; the test for divergence would find nothing. The
bound is one on what a kernel computes, in any order of its sums and products: every number is widened by `SLACK`, relative to the largest
of its parts, and no part may come near overflow. Source of the method: Moore, Interval Analysis, 1966.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...optimizers._particles import ParticleOptimizer
from ...specs.expression import Formula, Parsed, parse, symbol
from ...specs.landscapes.base import SymbolicLandscape
from ..plan import Group, Parts
from .cache import kept

REACH = {"float32": 2.0**17, "float64": 2.0**30}
"""Largest arguments of vecmath's sin, cos and tan."""
LEAST_BOX = 16.0
"""Smaller boxes are left too soon: value and gradient are then computed together at every step."""
Interval = tuple[float, float]
SLACK = 1e-3
"""More than 10,000 roundings in float32."""
EXPONENTS = range(-10, 64)
"""Boxes are powers of two in these bounds."""
CURVED = {"sin": 1.0, "cos": 1.0, "tanh": 1.0, "sign": 1.0, "atan": math.pi / 2}
"""Functions bounded by a number."""
RISING = {"exp": math.exp, "sinh": math.sinh, "log": math.log}


class _Unbounded(Exception):
    """There is no bound, or none that this arithmetic finds."""


def within(group: Group, parts: Parts) -> float:
    """How far from the origin every run of a group with these parts is certain not to diverge; 0.0 if that does not help."""
    land, stop, precision = parts.landscape, group.study.stop, group.study.precision
    if not isinstance(land, SymbolicLandscape) or isinstance(parts.optimizer, ParticleOptimizer) or stop.loss_below is not None:
        return 0.0
    swept = {path: sweep.values for dim in group.dims for owner, path, sweep in dim.sweeps if owner == "landscape"}
    every = {path: swept.get(path, [value]) for path, value, structural in land.fields() if not structural}
    numbers = {path[-1]: (min(v), max(v)) for path, v in every.items() if isinstance(v[0], (int, float))}
    limit = float(np.finfo(precision).max) if stop.diverge_above is None else stop.diverge_above
    return _box(land.definition(), tuple(numbers.items()), limit, precision)


@kept
def _box(formula: Formula, numbers: tuple[tuple[str, Interval], ...], limit: float, precision: str) -> float:
    found = box(parse(formula), dict(numbers), limit, precision, REACH[precision])
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
        self.known: dict[Any, Interval] = {}

    def within(self, limit: float) -> bool:
        try:
            self.known = {symbol(name): self.wide(*ends) for name, ends in self.numbers.items()}
            for r in self.parsed.reductions:
                if r.symbol in self.parsed.value.free_symbols:
                    self.known[symbol("i")] = (r.start, max(r.start, r.stop - 1))
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

    def of(self, e: Any) -> Interval:
        """The interval of an expression."""
        if e in self.known:
            return self.known[e]
        if e.is_number:
            value = float(e)
            return self.wide(value, value)
        if e.is_Symbol:
            return (-self.size, self.size)
        name = type(e).__name__
        if e.is_Add:
            each = [self.of(a) for a in e.args]
            parts = sum(map(largest, each)) if any(a < 0 for a, _ in each) else 0.0
            return self.wide(sum(a for a, _ in each), sum(b for _, b in each), parts)
        if e.is_Mul:
            return self.times([self.of(a) for a in e.args])
        if e.is_Pow:
            return self.power(self.of(e.base), self.of(e.exp), e.exp)
        if name == "Piecewise":
            each = [self.of(value) for value, _ in e.args]
            return min(a for a, _ in each), max(b for _, b in each)
        if not e.is_Function:
            raise _Unbounded
        return self.function(name, self.of(e.args[0]))

    def times(self, each: list[Interval]) -> Interval:
        self.product([largest(a) for a in each])
        low, high = 1.0, 1.0
        for a, b in each:
            ends = (low * a, low * b, high * a, high * b)
            low, high = min(ends), max(ends)
        return self.wide(low, high)

    def power(self, base: Interval, exponent: Interval, e: Any) -> Interval:
        low, high = base
        if e.is_Integer and int(e) > 0:
            n, ends = int(e), [low ** int(e), high ** int(e)]
            self.product([largest(base)] * min(n, 2048))
            return self.wide(0.0 if n % 2 == 0 and low < 0 < high else min(ends), max(ends))
        if e.is_Integer and (low > 0 or high < 0):
            return self.wide(*self.inverse(self.power(base, exponent, -e)))
        if low > 0 or (low == 0 and exponent[0] > 0):
            ends = [a**b for a in base for b in exponent]
            return self.wide(min(ends), max(ends))
        raise _Unbounded

    def inverse(self, a: Interval) -> Interval:
        if a[0] <= 0 <= a[1]:
            raise _Unbounded
        return 1 / a[1], 1 / a[0]

    def function(self, name: str, a: Interval) -> Interval:
        if name in ("sin", "cos", "tan") and not largest(a) < self.reach:
            raise _Unbounded
        if name in CURVED:
            return self.wide(-CURVED[name], CURVED[name])
        if name == "Abs":
            return (0.0 if a[0] < 0 < a[1] else min(map(abs, a)), largest(a))
        if name == "cosh":
            return self.wide(1.0, math.cosh(largest(a)))
        if name in RISING and (name != "log" or a[0] > 0):
            return self.wide(*map(RISING[name], a))
        raise _Unbounded


def largest(a: Interval) -> float:
    """The largest |x| of an interval."""
    return max(abs(a[0]), abs(a[1]))
