"""Evaluates the expressions of claims over a run's results (specs/claim.py has the grammar).

Values are xarray.DataArrays with the dimensions of the store, or plain numbers. Reductions name the dimensions they take away;
`mean`, `std`, `sum`, `median`, `quantile` of anything with NaN in it (a diverged run) are NaN, `min`, `max`, `argmin`, `correlation` look
past NaN, and a claim fails where they look past a diverged run. With `diverged: ignore` all of them leave diverged runs out. A condition
is false of NaN. `min`, `max`, `argmin` over 'seed' are facts about these very seeds; all other reductions of 'seed' estimate something.

    mean median min max std var sum (x, dims)   quantile(x, q, dims)   fraction(condition, dims): of all runs, diverged ones too
    argmin argmax (x, dim): the coordinate there          at_argmin(y, x, dim): y where x is smallest
    initial final (x)   at(x, step)   head tail (x, f): records of the first, last fraction f of the steps
    first_time_below first_time_above (x, level): a step, infinity if never   time_to_stay_below(x, level, records): below from then
    on, or for so many records
    slope(y, x, dim): least squares   correlation(x, y, dim)   diff cumsum (x, dim)   norm(x, dims)   dot(x, y, dim)
    shift(x, k): the value k records before, NaN at the start
    component(x, k): the k-th along the last dimension   select(x, lr=0.1)   or_inf(x): NaN becomes infinity
"""

import ast
import functools
import inspect
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..specs.claim import OPERATORS, names, normal, parse_claim, path, segment, spelled, with_label
from ..specs.errors import SpecError
from ..specs.study import PARTS, Study
from ..specs.sweep import Sweep
from .executors.recorder import DIVERGED
from .plan import group_dims

VARIANT = "__variant__"
"""The dimension along which a reduction of the seeds has several values at once (engine/intervals.py). No function takes it away."""
LOOK_PAST = ("min", "max", "argmin", "argmax", "at_argmin", "correlation")
FACTS = ("min", "max", "argmin", "argmax", "at_argmin", "select")
"""Reductions of the seeds that say something of these very seeds; all others estimate something of all that there could be."""


@dataclass(frozen=True)
class Reduction:
    """A call that takes the dimension 'seed' away, in an expression that was evaluated."""

    key: str
    text: str
    """The whole expression's, which the node is part of."""
    node: ast.Call
    name: str
    args: tuple[Any, ...]
    named: dict[str, Any]
    value: Any
    lost: Any
    """Where the first argument is NaN since a run diverged and `diverged: ignore` leaves it out; else None."""

    @property
    def dims(self) -> list[str]:
        """The dimensions that a mean, a sum, a median, ... of the first argument takes away."""
        return [d for d in map(str, self.args[0].dims) if d not in self.value.dims]


class Results:
    """A run's tree as claims see it.

    `seeds` restricts it to some of the seeds. `ignore`: reductions leave diverged runs out; `strict`: those that would look past a diverged
    run are NaN. `instead` has values to take in place of those of calls, by their text, and `reductions` keeps the calls that took 'seed'
    away. `assumed` stands in place of every comparison's outcome, where it is not None.
    """

    def __init__(self, tree: Any, study: Study):
        self.tree, self.study = tree, study
        self.seeds: Any = None
        self.ignore = self.strict = False
        self.assumed: bool | None = None
        self.instead: dict[str, Any] = {}
        self.reductions: dict[str, Reduction] = {}
        self.text = ""
        self.loaded: dict[tuple[str, str], Any] = {}
        self.optimizers = {o.name: o for o in study.optimizers}

    def names(self, group: str) -> set[str]:
        """Variables and coordinates of a group."""
        return {str(n) for n in self.tree[group].variables}

    def variable(self, group: str, name: str) -> Any:
        """A variable in memory, at the seeds looked at. Recorded numbers are promoted to float64."""
        if (group, name) not in self.loaded:
            value = self.tree[group][name].load()
            self.loaded[group, name] = value.astype(np.float64) if value.dtype == np.float32 else value
        value = self.loaded[group, name]
        return value.isel(seed=self.seeds) if self.seeds is not None and "seed" in value.dims else value

    def evaluate(self, text: str, group: str) -> Any:
        """The expression's value for this group. Raises SpecError that names the expression."""
        import xarray

        self.text = normal(text)
        try:
            with xarray.set_options(arithmetic_join="exact"), warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", RuntimeWarning)  # NaN and infinity are values like others
                return self.value(parse_claim(text), group)
        except SpecError as error:
            raise SpecError(f"'{text}': {error}") from None
        except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, OverflowError, MemoryError) as error:
            raise SpecError(f"'{text}': {error}") from error

    def value(self, node: ast.AST, group: str) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                return self.named(path(node), group)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [e.value for e in elements if isinstance(e, ast.Constant)]
            case ast.BinOp(left=left, op=op, right=right):
                return OPERATORS[type(op)](self.value(left, group), self.value(right, group))
            case ast.UnaryOp(op=op, operand=operand):
                return OPERATORS[type(op)](self.value(operand, group))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                values = [self.value(v, group) for v in (left, *comparators)]
                made = [OPERATORS[type(op)](a, b) for op, a, b in zip(ops, values[:-1], values[1:], strict=True)]
                return self.outcome(functools.reduce(operator.and_, made))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                key = segment(self.text, node)
                if key in self.instead:
                    return self.instead[key]
                given = [self.value(a, group) for a in args]
                named = {str(k.arg): self.value(k.value, group) for k in keywords}
                return self.call(key, node, name, given, named, group)
        raise SpecError(f"'{ast.unparse(node)}' is not allowed")  # unreachable: the parser refuses it

    def call(self, key: str, node: ast.Call, name: str, given: list[Any], named: dict[str, Any], group: str) -> Any:
        """A function's value; where it takes 'seed' away, that is kept in `reductions`."""
        try:
            bound = inspect.signature(FUNCTIONS[name]).bind(*given, **named)
        except TypeError as error:
            raise SpecError(f"{name}(): {error}") from None
        given, named = list(bound.args), bound.kwargs
        function, lost = FUNCTIONS[name], None
        if (self.ignore and name in AVERAGES) or (self.strict and name in LOOK_PAST):
            looked_at = [x for x in (given[:2] if name in ("at_argmin", "correlation") else given[:1]) if hasattr(x, "dims")]
            lost = functools.reduce(operator.or_, [np.isnan(x) & self.lost(x, node, group) for x in looked_at], False)
        if self.ignore and lost is not None and name in AVERAGES:
            function = functools.partial(leaving_out, AVERAGES[name], lost)
        value = function(*given, **named)
        if self.strict and hasattr(lost, "dims"):
            value = value.where(~lost.any([d for d in lost.dims if d not in value.dims]))
        if name == "isfinite":
            value = self.outcome(value)
        if any("seed" in getattr(x, "dims", ()) for x in given) and "seed" not in value.dims:
            self.reductions[key] = Reduction(key, self.text, node, name, tuple(given), named, value, lost)
        return value

    def outcome(self, condition: Any) -> Any:
        """A condition, or what is assumed of all conditions on the seeds."""
        if self.assumed is None or "seed" not in getattr(condition, "dims", ()):
            return condition
        return condition | True if self.assumed else condition & False

    def lost(self, x: Any, node: ast.AST, group: str) -> Any:
        """Where x, a value in this node, is that of a run that diverged, or of several of which one did."""
        marks = [False]
        for name in self.groups(node, group):
            if "status" in self.names(name):
                mark = self.variable(name, "status") == DIVERGED
                mark = mark.any([d for d in mark.dims if d not in x.dims or not same_coordinate(mark, x, d)])
                marks.append(mark.drop_vars([c for c in mark.coords if c not in mark.dims]))
        return functools.reduce(operator.or_, marks)

    def groups(self, node: ast.AST, group: str) -> set[str]:
        """The groups whose results an expression takes."""
        found = {with_label(name, self.optimizers) for name in names(node)}
        return {name[0] if name[0] in self.optimizers and len(name) > 1 else group for name in found} or {group}

    def named(self, name: tuple[str, ...], group: str) -> Any:
        """What a name stands for: a recorded variable, a coordinate, a field of the study."""
        first, *others = name = with_label(name, self.optimizers)
        if first in self.optimizers and others:
            return self.named(tuple(others), first)
        study, optimizer = self.study, self.optimizers[group]
        if first == "diverged":
            return self.outcome(self.variable(group, "status") == DIVERGED)
        if not others and first in self.names(group) and first != "dim":
            return self.variable(group, first)
        constants = {"steps": study.steps, "seeds": study.seeds, "dim": study.landscape.size, "pi": math.pi, "e": math.e}
        owners: list[tuple[str, Any]] = [("optimizer", optimizer)]
        owners += [(part, study.start() if part == "init" else getattr(study, part)) for part in PARTS]
        for length in (None, 1):  # the whole path first, then its last part alone
            for owner, part in owners:
                rest = tuple(others) if first == owner else name
                for found, value, _ in part.fields():
                    if rest == (found[-length:] if length else found):
                        return self.coordinate(group, owner, found) if isinstance(value, Sweep) else value
        if not others and first in constants:
            return constants[first]
        raise SpecError(f"there is nothing called '{spelled(name)}' in {group}")

    def coordinate(self, group: str, owner: str, field: tuple[str, ...]) -> Any:
        """The swept values of a field, along its dimension."""
        for dim in group_dims(self.study, self.optimizers[group]):
            for name, (who, where, _) in zip(dim.names, dim.sweeps, strict=True):
                if (who, where) == (owner, field):
                    return self.variable(group, name)
        raise SpecError(f"{'.'.join(field)} has no dimension in {group}")


def same_coordinate(a: Any, b: Any, dim: Any) -> bool:
    """Whether two arrays have the same values along a dimension."""
    if dim in a.coords and dim in b.coords:
        return a[dim].shape == b[dim].shape and bool((a[dim].values == b[dim].values).all())
    return a.sizes[dim] == b.sizes[dim]


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


def at(x: Any, step: int) -> Any:
    dims_of(x, "step")
    if step not in x["step"].values:
        raise SpecError(f"step {step} is not recorded")
    return x.sel(step=step).drop_vars("step")


def end(position: int) -> Callable[..., Any]:
    def take(x: Any) -> Any:
        dims_of(x, "step")
        return x.isel(step=position).drop_vars("step")

    return take


def part(x: Any, fraction: float, last: bool) -> Any:
    dims_of(x, "step")
    step = x["step"]
    cut = float(step[-1]) * (1 - fraction if last else fraction)
    return x.isel(step=np.asarray(step >= cut if last else step <= cut))


def first_time(x: Any, where: Any) -> Any:
    """The first recorded step at which the condition holds; infinity if none."""
    dims_of(x, "step")
    return where.step.where(where).min("step").fillna(np.inf)


def time_to_stay_below(x: Any, level: Any, records: int = 0) -> Any:
    """The step from which x stays below: to the end, or for so many records. Infinity if never."""
    dims_of(x, "step")
    if not 0 <= records <= x.sizes["step"]:
        raise SpecError(f"time_to_stay_below() takes a number of records from 0 to the {x.sizes['step']} there are, given {records:g}")
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


def correlation(x: Any, y: Any, dim: str) -> Any:
    import xarray

    return xarray.corr(x, y, dim)


def norm(x: Any, dims: Any = None) -> Any:
    return (x * x).sum(dims_of(x, dims), skipna=False) ** 0.5


def dot(x: Any, y: Any, dim: str) -> Any:
    dims_of(x, dim)
    return (x * y).sum(dim, skipna=False)


def component(x: Any, index: int) -> Any:
    last = [d for d in x.dims if d not in ("seed", "step", VARIANT)][-1:]
    if not last:
        raise SpecError("component(): there is no dimension but 'seed' and 'step'")
    if not -x.sizes[last[0]] <= index < x.sizes[last[0]]:
        raise SpecError(f"component(): there are {x.sizes[last[0]]} components, from 0 on; given {index}")
    return x.isel({last[0]: int(index)}).drop_vars(last, errors="ignore")


def select(x: Any, **where: float) -> Any:
    for dim, value in where.items():
        dims_of(x, dim)
        found = np.nonzero(np.isclose(x[dim].values.astype(float), value, rtol=1e-9, atol=0))[0]
        if len(found) != 1:
            raise SpecError(f"{dim}={value:g} is not one of the values swept ({', '.join(f'{v:g}' for v in x[dim].values[:20])})")
        x = x.isel({dim: int(found[0])}).drop_vars(dim)
    return x


def conditional(condition: Any, a: Any, b: Any) -> Any:
    import xarray

    return xarray.where(condition, a, b)


def fraction(condition: Any, dims: Any = None) -> Any:
    return condition.astype(np.float64).mean(dims_of(condition, dims))


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
    "shift": lambda x, records: x.shift(step=int(records)),
    "diff": lambda x, dim: x.diff(dim),
    "cumsum": lambda x, dim: x.cumsum(dim),
    "norm": norm,
    "dot": dot,
    "component": component,
    "select": select,
    "or_inf": lambda x: x.where(~np.isnan(x), np.inf),
    "or_zero": lambda x: x.where(~np.isnan(x), 0.0),
    **{name: elementwise(getattr(np, name)) for name in ("abs", "sqrt", "exp", "log", "log10", "sin", "cos", "tan", "tanh", "arctan")},
    **{name: elementwise(getattr(np, name)) for name in ("sign", "floor", "minimum", "maximum", "isfinite")},
    "where": conditional,
}
