"""Evaluates the expressions of claims over a run's results: specs/claim.py has the grammar, claim_functions.py the functions."""

import ast
import functools
import inspect
import math
import operator
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs import formulas
from ...specs.claim import OPERATORS, names, normal, parse_claim, path, segment, spelled, with_label
from ...specs.errors import SpecError
from ...specs.optimizer import Optimizer
from ...specs.probe import FOLDER
from ...specs.status import Status
from ...specs.study import PARTS, Study
from ...specs.sweep import NumberFormula, Sweep
from ..dims import group_dims
from . import three_valued
from .functions import AVERAGES, CONDITIONAL, FUNCTIONS, LOOK_PAST, VARIANT, leaving_out


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


@dataclass(frozen=True)
class Group:
    """The runs that a claim names by a label: where they are in the tree, their study, their optimizer."""

    path: str
    study: Study
    optimizer: Optimizer


class Results:
    """A run's tree as claims see it.

    `seeds` restricts it to some of the seeds, (variants, seeds). `ignore`: reductions leave diverged runs out; `strict`: those that would look past a diverged
    run are NaN. `instead` has values to take in place of those of calls, by their text, and `reductions` keeps the calls that took 'seed'
    away. `assumed` stands in place of every comparison's outcome, where it is not None.
    """

    def __init__(self, tree: Any, study: Study, groups: "Mapping[str, Group] | None" = None):
        """`groups` are those that claims can name, by their labels, where they are not the study's optimizers alone; `study` is that whose seeds
        and steps count."""
        self.tree, self.study = tree, study
        self.of = {o.name: Group(o.name, study, o) for o in study.optimizers} if groups is None else dict(groups)
        self.seeds: Any = None
        self.ignore = self.strict = False
        self.assumed: bool | None = None
        self.instead: dict[str, Any] = {}
        self.reductions: dict[str, Reduction] = {}
        self.text = ""
        self.loaded: dict[tuple[str, str], Any] = {}
        self.optimizers = {label: group.optimizer for label, group in self.of.items()}

    @property
    def first(self) -> str:
        """The group of a claim that names none: the first of the study that counts."""
        return next(label for label, group in self.of.items() if group.study is self.study)

    def node(self, group: str) -> Any:
        """The tree's node of a group, or of what lies below: LABEL or LABEL/PATH."""
        label, slash, rest = group.partition("/")
        return self.tree[f"{self.of[label].path}{slash}{rest}"]

    def study_of(self, group: str) -> Study:
        """The study whose runs a group has."""
        return self.of[group].study

    def names(self, group: str) -> set[str]:
        """Variables and coordinates of a group."""
        return {str(n) for n in self.node(group).variables}

    def probed(self, group: str, name: tuple[str, ...]) -> bool:
        """Whether this is an array that a probe of the group stored, PROBE.ARRAY."""
        below = getattr(self.node(group), "children", {}).get(FOLDER)
        found = below.children.get(name[0]) if below is not None and len(name) == 2 else None
        return found is not None and name[1] in found.data_vars

    def variable(self, group: str, name: str) -> Any:
        """A variable in memory, at the seeds looked at. Recorded numbers are promoted to float64."""
        if (group, name) not in self.loaded:
            value = self.node(group)[name].load()
            self.loaded[group, name] = value.astype(np.float64) if value.dtype == np.float32 else value
        value = self.loaded[group, name]
        return value if self.seeds is None else at_seeds(value, self.seeds)

    def evaluate(self, text: str, group: str) -> Any:
        """The expression's value for this group. Raises SpecError that names the expression."""
        import xarray

        self.text = normal(text)
        try:
            tree = parse_claim(text)
        except ValueError as error:
            raise SpecError(f"'{text}': {error}") from None
        try:
            with xarray.set_options(arithmetic_join="exact"), warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", RuntimeWarning)  # NaN and infinity are values like others
                return self.value(tree, group)
        except SpecError as error:
            raise SpecError(f"'{text}': {error}") from None
        except MemoryError as error:
            raise SpecError(f"'{text}': takes more memory than there is") from error
        except (AttributeError, TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, OverflowError) as error:
            raise SpecError(f"'{text}': {why_not(error)}") from error

    def value(self, node: ast.AST, group: str) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                return self.named(path(node), group)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                return [e.value for e in elements if isinstance(e, ast.Constant)]
            case ast.BinOp(left=left, op=op, right=right):
                return self.combined(op, self.value(left, group), self.value(right, group))
            case ast.UnaryOp(op=op, operand=operand):
                return self.combined(op, self.value(operand, group))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [(v, self.value(v, group)) for v in (left, *comparators)]
                pairs = [self.compared(op, a, b, group) for op, a, b in zip(ops, sides[:-1], sides[1:], strict=True)]
                return self.outcome(functools.reduce(lambda a, b: self.combined(ast.BitAnd(), a, b), pairs))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                key = segment(self.text, node)
                if key in self.instead:
                    return self.instead[key]
                given = [self.value(a, group) for a in args]
                named = {str(k.arg): self.value(k.value, group) for k in keywords}
                return self.call(key, node, name, given, named, group)
        raise SpecError(f"'{ast.unparse(node)}' is not allowed")  # unreachable: the parser refuses it

    def compared(self, op: ast.cmpop, left: tuple[ast.expr, Any], right: tuple[ast.expr, Any], group: str) -> Any:
        """One comparison. If `strict`, it is unknown whether the value of a run that diverged is above something, or other than it; that it
        is not below is right."""
        made = OPERATORS[type(op)](left[1], right[1])
        sides = {ast.Gt: [left], ast.GtE: [left], ast.Lt: [right], ast.LtE: [right], ast.NotEq: [left, right]}.get(type(op), [])
        lost = [np.isnan(x) & self.lost(x, node, group) for node, x in sides if self.strict and hasattr(x, "dims")]
        return three_valued.known_unless(made, functools.reduce(operator.or_, lost)) if lost else made

    def combined(self, op: ast.AST, *values: Any) -> Any:
        """What an operator makes of one or two values. Conditions are joined by & and |, and turned round by ~."""
        if not isinstance(op, (ast.BitAnd, ast.BitOr, ast.Invert)):
            return OPERATORS[type(op)](*values)
        if all(getattr(v, "dtype", np.dtype(type(v))) == bool for v in values):
            return OPERATORS[type(op)](*values)
        if not self.strict:
            raise SpecError("&, | and ~ join conditions, such as (loss < 1) & (lr > 0.1)")
        return {ast.BitAnd: three_valued.both, ast.BitOr: three_valued.either, ast.Invert: three_valued.negated}[type(op)](*values)

    def call(self, key: str, node: ast.Call, name: str, given: list[Any], named: dict[str, Any], group: str) -> Any:
        """A function's value; where it takes 'seed' away, that is kept in `reductions`."""
        try:
            bound = inspect.signature(FUNCTIONS[name]).bind(*given, **named)
        except TypeError as error:
            raise SpecError(f"{name}(): {error}") from None
        numbers = [x * 1.0 if getattr(x, "dtype", None) == bool and name not in CONDITIONAL else x for x in bound.args]
        given, named = numbers, bound.kwargs
        function = three_valued.chosen if name == "where" and self.strict and hasattr(given[0], "dims") else FUNCTIONS[name]
        lost: Any = None
        if (self.ignore and name in AVERAGES) or (self.strict and name in LOOK_PAST):
            looked_at = [x for x in (given[:2] if name in ("at_argmin", "correlation") else given[:1]) if hasattr(x, "dims")]
            lost = functools.reduce(operator.or_, [np.isnan(x) & self.lost(x, node, group) for x in looked_at], False)
        if self.ignore and lost is not None and name in AVERAGES:
            function = functools.partial(leaving_out, AVERAGES[name], lost)
        try:
            value = function(*given, **named)
        except (SpecError, MemoryError):
            raise
        except Exception as error:
            taken = ", ".join(map(described, (*given, *named.values())))
            raise SpecError(f"{name}() does not take {taken}") from error
        if self.strict and lost is not None and hasattr(lost, "dims"):
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

    def lost(self, x: Any, node: ast.expr, group: str) -> Any:
        """Where x, a value in this node, is that of a run that diverged, or of several of which one did."""
        marks = [False]
        for name in self.groups(node, group):
            if "status" in self.names(name):
                mark = self.variable(name, "status") == Status.DIVERGED
                mark = mark.any([d for d in mark.dims if d not in x.dims or not same_coordinate(mark, x, d)])
                marks.append(mark.drop_vars([c for c in mark.coords if c not in mark.dims]))
        return functools.reduce(operator.or_, marks)

    def groups(self, node: ast.expr, group: str) -> set[str]:
        """The groups whose results an expression takes."""
        found = {with_label(name, self.optimizers) for name in names(node)}
        return {name[0] if name[0] in self.optimizers and len(name) > 1 else group for name in found} or {group}

    def named(self, name: tuple[str, ...], group: str) -> Any:
        """What a name stands for: a recorded variable, a coordinate, a field of the study."""
        first, *others = name = with_label(name, self.optimizers)
        if first in self.optimizers and others:
            return self.named(tuple(others), first)
        study, optimizer = self.study_of(group), self.optimizers[group]
        if first == "diverged":
            return self.outcome(self.variable(group, "status") == Status.DIVERGED)
        if self.probed(group, name):
            return self.variable(f"{group}/{FOLDER}/{first}", others[0])
        if not others and first in self.names(group) and first != "dim":
            return self.variable(group, first)
        constants = {"steps": study.steps, "seeds": study.seeds, "dim": study.landscape.size, "pi": math.pi, "e": math.e}
        owners: list[tuple[str, Any]] = [("optimizer", optimizer)]
        parts = [(part, study.start() if part == "init" else getattr(study, part)) for part in PARTS]
        owners += [(part, one) for part, one in parts if not isinstance(one, Sweep)]
        for length in (None, 1):  # the whole path first, then its last part alone
            for owner, part in owners:
                rest = tuple(others) if first == owner else name
                for found, value, _ in part.fields():
                    if rest == (found[-length:] if length else found):
                        if isinstance(value, NumberFormula):
                            return self.formula(group, value)
                        return self.coordinate(group, owner, found) if isinstance(value, Sweep) else value
        if not others and first in constants:
            return constants[first]
        raise SpecError(f"there is nothing called '{spelled(name)}' in {group}")

    def formula(self, group: str, formula: NumberFormula) -> Any:
        """The value of a number that is written as a formula, along the dimensions of what is swept in it."""
        import xarray

        study = self.study_of(group)
        land = study.landscape
        if formula.changes:
            raise SpecError(f"'{formula}' changes from step to step, and a claim needs a number")
        if "dim" in formula.names and any(structural for _, structural in land.swept().values()):
            raise SpecError(f"'{formula}' depends on a size that is swept")
        known = formulas.names(land)
        swept = {path[-1]: self.coordinate(group, "landscape", path) for path in land.swept() if path[-1] in formula.names}
        together = dict(zip(swept, xarray.broadcast(*swept.values()), strict=True)) if swept else {}
        found = formulas.value(formula, known | {name: array.values for name, array in together.items()}, study.steps)
        one = next(iter(together.values()), None)
        return float(found) if one is None else xarray.DataArray(found, dims=one.dims, coords=one.coords)

    def coordinate(self, group: str, owner: str, field: tuple[str, ...]) -> Any:
        """The swept values of a field, along its dimension."""
        for dim in group_dims(self.study_of(group), self.optimizers[group]):
            for name, (who, where, _) in zip(dim.names, dim.sweeps, strict=True):
                if (who, where) == (owner, field):
                    return self.variable(group, name)
        raise SpecError(f"{'.'.join(field)} has no dimension in {group}")


def why_not(error: Exception) -> str:
    """What is wrong with an expression that raised this; in no library's words."""
    text = str(error)
    if isinstance(error, ZeroDivisionError):
        return "a division by zero"
    if isinstance(error, OverflowError):
        return "too large a number"
    if "arithmetic_join" in text or "cannot align" in text.lower() or "not equal" in text:
        return "its parts have different values along a dimension that they share, and cannot be combined"
    return "it combines values that do not go together"


def described(value: Any) -> str:
    """A value that a function was given, for a message."""
    if hasattr(value, "dims"):
        return f"(values along {', '.join(map(str, value.dims)) or 'no dimension'})"
    return f"{value!r:.60}"


def at_seeds(value: Any, seeds: Any) -> Any:
    """The value at these seeds (variants, seeds), along VARIANT and 'seed'."""
    import xarray

    if "seed" not in getattr(value, "dims", ()):
        return value
    return value.drop_vars("seed", errors="ignore").isel(seed=xarray.DataArray(seeds, dims=(VARIANT, "seed")))


def same_coordinate(a: Any, b: Any, dim: Any) -> bool:
    """Whether two arrays have the same values along a dimension."""
    if dim in a.coords and dim in b.coords:
        return a[dim].shape == b[dim].shape and bool((a[dim].values == b[dim].values).all())
    return a.sizes[dim] == b.sizes[dim]
