"""The functions of the language of claims (specs/claim.py has the grammar).

Values are xarray.DataArrays with the dimensions of the store, or plain numbers. Reductions name the dimensions they take away;
`mean`, `std`, `sum`, `median`, `quantile` of anything with NaN in it (a diverged run) are NaN, `min`, `max`, `argmin`, `correlation` look
past NaN, and a claim fails where they look past a diverged run, or where it counts one as not above something. With `diverged: ignore`
all of them leave diverged runs out. A condition is false of NaN. `min`, `max`, `argmin` over 'seed' are facts about these very seeds; all
other reductions of 'seed' estimate something.

CALLS below has every function with what it gives; `thalweg show NAME` prints it.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.lengths import as_written
from ...specs.probe import STEP as PROBED
from .fit import convexity, fit, vertex

VARIANT = "__variant__"
"""The dimension along which a reduction of the seeds has several values at once (intervals.py). No function takes it away."""
LOOK_PAST = ("min", "max", "argmin", "argmax", "at_argmin", "correlation", "or_zero", "vertex")
CONDITIONAL = ("where", "fraction", "min", "max")
"""Functions that take conditions as such; to all others they are the numbers 0 and 1."""
FACTS = ("min", "max", "argmin", "argmax", "at_argmin", "select")
"""Reductions of the seeds that say something of these very seeds; all others estimate something of all that there could be."""


def leaving_out(average: Callable[..., Any], lost: Any, x: Any, *args: Any, **named: Any) -> Any:
    """An average without the values that are lost; NaN where others are NaN, too."""
    value = average(x, *args, **named)
    other = np.isnan(x) & ~lost
    return value.where(~other.any([d for d in other.dims if d not in value.dims]))


def dims_of(x: Any, dims: Any) -> list[str]:
    """The named dimensions, which x must have; all of them where none is named."""
    if not hasattr(x, "dims"):
        raise SpecError(f"{str(x)[:40]!r} has no dimensions to reduce; it is a single value")
    if dims is None:
        return [str(d) for d in x.dims if d != VARIANT]
    named = [dims] if isinstance(dims, str) else list(dims)
    for name in named:
        if name not in getattr(x, "dims", ()):
            raise SpecError(
                f"there is no dimension '{name}' to reduce (there are: {', '.join(map(str, getattr(x, 'dims', ()))) or 'none'})"
            )
    return named


def reduction(name: str, **options: Any) -> Callable[..., Any]:
    def reduce(x: Any, dims: Any = None) -> Any:
        over = dims_of(x, dims)
        return getattr(x, name)(over, **options)

    return reduce


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*args: Any) -> Any:
        import xarray

        return xarray.apply_ufunc(function, *args)

    return apply


def quantile(x: Any, q: float, dims: Any = None, skipna: bool = False) -> Any:
    over = dims_of(x, dims)
    if hasattr(q, "dims") or not 0 <= q <= 1:
        raise SpecError(f"quantile() takes a level from 0 to 1, given {q}")
    return x.quantile(q, over, skipna=skipna).drop_vars("quantile")


def argument(which: str) -> Callable[..., Any]:
    def find(x: Any, dim: str) -> Any:
        dims_of(x, dim)
        return getattr(x, which)(dim)

    return find


def at_argmin(y: Any, x: Any, dim: str) -> Any:
    dims_of(x, dim)
    return y.isel({dim: x.argmin(dim)}).drop_vars(dim, errors="ignore")


def steps_of(x: Any) -> str:
    """The dimension of steps that x has: that of records, or of what a probe looked at."""
    (name,) = dims_of(x, PROBED if PROBED in getattr(x, "dims", ()) and "step" not in x.dims else "step")
    return name


def at(x: Any, step: int) -> Any:
    name = steps_of(x)
    if step not in x[name].values:
        raise SpecError(f"step {step} is not recorded")
    return x.sel({name: step}).drop_vars(name)


def end(position: int) -> Callable[..., Any]:
    def take(x: Any) -> Any:
        name = steps_of(x)
        return x.isel({name: position}).drop_vars(name)

    return take


def part(x: Any, fraction: float, last: bool) -> Any:
    name = steps_of(x)
    step = x[name]
    exact = as_written(fraction)  # so that 1 - 0.7 is 0.3
    cut = int(step[-1]) * (1 - exact if last else exact)
    cut = math.ceil(cut) if last else math.floor(cut)
    return x.isel({name: np.asarray(step >= cut if last else step <= cut)})


def first_time(x: Any, where: Any) -> Any:
    """The first recorded step at which the condition holds; infinity if none."""
    name = steps_of(x)
    return where[name].where(where).min(name).fillna(np.inf)


def time_to_stay_below(x: Any, level: Any, records: int = 0) -> Any:
    """The step from which x stays below: to the end, or for so many records. Infinity if never."""
    dims_of(x, "step")
    if not 0 <= records <= x.sizes["step"]:
        raise SpecError(f"time_to_stay_below() takes 0 to {x.sizes['step']} records, as many as there are, given {records:g}")
    if records:
        held = (x < level).rolling(step=int(records)).sum() == records
        return x["step"].shift(step=int(records) - 1).where(held).min("step").fillna(np.inf)
    after = x["step"].shift(step=-1).fillna(np.inf)  # the record after each; infinity after the last
    return after.where(~(x < level)).max("step").fillna(float(x["step"][0]))


def slope(y: Any, x: Any, dim: str) -> Any:
    dims_of(y, dim)
    x = x if hasattr(x, "dims") else y[dim] * 0 + x
    dx = x - x.mean(dim)
    return (dx * y).sum(dim, skipna=False) / (dx * dx).sum(dim)


def correlation(x: Any, y: Any, dims: Any) -> Any:
    """Pearson's, over one dimension or over a grid of several. Raises SpecError where neither has a dimension."""
    import xarray

    together = xarray.broadcast(x, y)
    return xarray.corr(*together, dims_of(together[0], dims))


def norm(x: Any, dims: Any = None) -> Any:
    return (x * x).sum(dims_of(x, dims), skipna=False) ** 0.5


def dot(x: Any, y: Any, dim: str) -> Any:
    dims_of(x, dim)
    return (x * y).sum(dim, skipna=False)


def component(x: Any, index: int) -> Any:
    last = [d for d in x.dims if d not in ("seed", "step", VARIANT)][-1:]
    if not last:
        raise SpecError("component(): there is no dimension besides 'seed' and 'step'")
    if not -x.sizes[last[0]] <= index < x.sizes[last[0]]:
        raise SpecError(f"component(): there are {x.sizes[last[0]]} components, counted from 0; given {index}")
    return x.isel({last[0]: int(index)}).drop_vars(last, errors="ignore")


def select(x: Any, **where: "float | str") -> Any:
    for dim, value in where.items():
        dims_of(x, dim)
        swept = x[dim].values
        words = swept.dtype.kind not in "iufb"
        same = np.array([str(v) == value for v in swept]) if words else np.isclose(swept.astype(float), value, rtol=1e-9, atol=0)  # type: ignore[arg-type]
        found = np.flatnonzero(same)
        if len(found) != 1:
            known = ", ".join(str(v) if words else f"{v:g}" for v in swept[:20])
            raise SpecError(f"{dim}={value if isinstance(value, str) else f'{value:g}'} is not one of the values swept ({known})")
        x = x.isel({dim: int(found[0])}).drop_vars(dim)
    return x


def conditional(condition: Any, a: Any, b: Any) -> Any:
    import xarray

    return xarray.where(condition, a, b)


def fraction(condition: Any, dims: Any = None) -> Any:
    return condition.astype(np.float64).mean(dims_of(condition, dims), skipna=False)


AVERAGES: Mapping[str, Callable[..., Any]] = {
    "mean": reduction("mean", skipna=True),
    "median": reduction("median", skipna=True),
    "std": reduction("std", skipna=True, ddof=1),
    "var": reduction("var", skipna=True, ddof=1),
    "sum": reduction("sum", skipna=True, min_count=1),
    "quantile": functools.partial(quantile, skipna=True),
}
"""Reductions that are NaN where a run diverged, as they are with `diverged: ignore`."""

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "mean": reduction("mean", skipna=False),
    "median": reduction("median", skipna=False),
    "std": reduction("std", skipna=False, ddof=1),
    "var": reduction("var", skipna=False, ddof=1),
    "sum": reduction("sum", skipna=False),
    "min": reduction("min", skipna=True),
    "max": reduction("max", skipna=True),
    "quantile": quantile,
    "fraction": fraction,
    "argmin": argument("idxmin"),
    "argmax": argument("idxmax"),
    "at_argmin": at_argmin,
    "initial": end(0),
    "final": end(-1),
    "at": at,
    "head": lambda x, fraction: part(x, fraction, last=False),
    "tail": lambda x, fraction: part(x, fraction, last=True),
    "first_time_below": lambda x, level: first_time(x, x < level),
    "first_time_above": lambda x, level: first_time(x, x > level),
    "time_to_stay_below": time_to_stay_below,
    "slope": slope,
    "correlation": correlation,
    "fit": fit,
    "vertex": vertex,
    "convexity": convexity,
    "shift": lambda x, records: x.shift(step=int(records)),
    "diff": lambda x, dim: x.diff(dim),
    "cumsum": lambda x, dim: x.cumsum(dim),
    "norm": norm,
    "dot": dot,
    "component": component,
    "select": select,
    "or_inf": lambda x: x.where(~np.isnan(x), np.inf),
    "or_zero": lambda x: x.where(~np.isnan(x), 0.0),
    **{
        name: elementwise(getattr(np, name))
        for name in ("abs", "sqrt", "exp", "log", "log10", "sin", "cos", "tan", "tanh", "arctan", "arcsin", "arccos")
    },
    **{name: elementwise(getattr(np, name)) for name in ("sign", "floor", "minimum", "maximum", "isfinite")},
    "where": conditional,
}

OVER = "over the dimensions named (a name in quotes, or a list of them); over all if none are named"
ENTRY = "of every entry"
CALLS: Mapping[str, str] = {
    **{
        name: f"{name}(x, dims): {words} {OVER}"
        for name, words in {
            "mean": "the mean",
            "median": "the median",
            "min": "the smallest value",
            "max": "the largest value",
            "sum": "the sum",
            "std": "the standard deviation (n - 1)",
            "var": "the variance (n - 1)",
        }.items()
    },
    "quantile": f"quantile(x, q, dims): the q-quantile, linear between order statistics, {OVER}",
    "fraction": f"fraction(condition, dims): the share of all runs, diverged ones too, for which a condition holds, {OVER}",
    "argmin": "argmin(x, dim): the coordinate at which x is smallest",
    "argmax": "argmax(x, dim): the coordinate at which x is largest",
    "at_argmin": "at_argmin(y, x, dim): y where x is smallest",
    "initial": "initial(x): the first record, or the first step that a probe looked at",
    "final": "final(x): the last record, or the last step that a probe looked at",
    "at": "at(x, step): the record of this step",
    "head": "head(x, fraction): the records of the first fraction of the steps",
    "tail": "tail(x, fraction): the records of the last fraction of the steps",
    "first_time_below": "first_time_below(x, level): the first recorded step at which x is below the level, infinity if never",
    "first_time_above": "first_time_above(x, level): the first recorded step at which x is above the level, infinity if never",
    "time_to_stay_below": "time_to_stay_below(x, level, records=0): the step from which x stays below, to the end or for this many records",
    "slope": "slope(y, x, dim): the slope of the least-squares line of y over x",
    "fit": "fit(y, x, dim, form='line', number): a number of a least-squares line, power law or parabola (in log x); engine/claims/fit.py",
    "vertex": "vertex(y, dim): where y is lowest between the values of a dimension, by a parabola through the lowest and its neighbours",
    "convexity": "convexity(y, dim): the smallest second divided difference; convex where it is not negative",
    "correlation": "correlation(x, y, dims): Pearson's correlation, over one dimension or several",
    "shift": "shift(x, k): the value k records before, NaN at the start",
    "diff": "diff(x, dim): differences of neighbours along a dimension",
    "cumsum": "cumsum(x, dim): running sums along a dimension",
    "norm": f"norm(x, dims): the root of the sum of squares {OVER}",
    "dot": "dot(x, y, dim): the sum of products along a dimension",
    "component": "component(x, k): the k-th entry along the last dimension",
    "select": "select(x, lr=0.1): x at this value of a swept field",
    "or_inf": "or_inf(x): x, infinity where it is NaN",
    "or_zero": "or_zero(x): x, 0 where it is NaN",
    **{
        name: f"{name}(x): {words} {ENTRY}"
        for name, words in {
            "abs": "the absolute value",
            "sqrt": "the square root",
            "exp": "the exponential",
            "log": "the natural logarithm",
            "log10": "the logarithm to base 10",
            "sin": "the sine",
            "cos": "the cosine",
            "tan": "the tangent",
            "tanh": "the hyperbolic tangent",
            "arctan": "the inverse of the tangent",
            "arcsin": "the inverse of the sine",
            "arccos": "the inverse of the cosine",
            "sign": "-1, 0 or 1: the sign",
            "floor": "the largest whole number not above it,",
            "isfinite": "whether it is neither NaN nor infinite,",
        }.items()
    },
    "minimum": "minimum(x, y): the smaller of two, entry by entry",
    "maximum": "maximum(x, y): the larger of two, entry by entry",
    "where": "where(condition, x, y): x where the condition holds, y elsewhere",
}
"""Every function as it is called, and what it gives."""
