"""From an optimizer's rule (or an iterate average) to a kernel module with two functions.

    prelude(T, C, H, R, K, fresh)   R <- what depends on hyperparameters and step alone, one row each
    rule(X, G, V, S, XI, R, Z, column)    one update of a block: X, G, XI (dim, W), S (states, dim, W)

G is the gradient; for particles it is their consensus, and V (W) are their values. Z is scratch, a row for each number that the components
of a run share. With `uniform` all runs of a block share their hyperparameters: H is (rows, 1), and a column of R is a step, so that one call of the
prelude serves W steps. Otherwise H is (rows, W), and a column of R is a run; rows that do not depend on the step, and the powers beta**t
in K, are then computed when `fresh` is set, and the powers multiplied on from one step to the next otherwise. T holds the numbers of
the updates, C the schedule's factors.
"""

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ....optimizers._particles import ParticleOptimizer
from ....optimizers.base import ElementwiseOptimizer, VectorOptimizer
from ....specs.average import Average
from .module_frame import module
from .number_source import head
from .rule_reader import ELEMENTWISE, FIXED, GIVEN, MAX_POWER, SCALING, STEP, Inlined, NotFusable, inline

FUSABLE = (ElementwiseOptimizer, VectorOptimizer, ParticleOptimizer)
"""Optimizers whose rules may be straight-line arithmetic with sums over the components."""

ASKED = ("t", "xi", "loss")
"""What a rule may ask for that is no field."""
Made = tuple[str, "Given", tuple[int, int, int]]
"""(source, what H's rows are, rows of R, K and Z)."""


def rule_source(optimizer: Any, precision: str, lanes: int, uniform: bool, known: tuple[str, ...] = ()) -> Made:
    """The module of an optimizer.

    Parameters
    ----------
    optimizer
        The optimizer.
    precision
        Of everything in the kernel.
    lanes
        How many runs lie side by side.
    uniform
        Whether all runs of a block share their hyperparameters.
    known
        The names of the landscape's numbers, which formulas may have.

    Returns
    -------
    Made
        The module, what it gets, and how many rows it needs.

    Raises
    ------
    NotFusable
        If its rule, or a formula among its numbers, has no scalar form.
    """
    if not isinstance(optimizer, FUSABLE):
        raise NotFusable(f"{optimizer.kind} is neither elementwise nor a rule of vectors or particles")
    moving = tuple((path[0], f) for path, f in optimizer.formulas().items() if f.changes and len(path) == 1 and path[0] != "lr")
    return _rule(type(optimizer), *_split(optimizer, optimizer.inputs()), moving, known if moving else (), precision, lanes, uniform)


def average_source(average: Average, precision: str, lanes: int, uniform: bool) -> Made:
    """The same for an iterate average: X is the average, G the iterate."""
    names = tuple(name for name in type(average).model_fields if name != "kind")
    return _average(type(average), *_split(average, names), precision, lanes, uniform)


@functools.lru_cache(maxsize=256)
def _rule(kind: Any, plain: Any, numbers: Any, moving: Any, known: Any, precision: str, lanes: int, uniform: bool) -> Any:
    first, of_landscape = head(moving, known) if moving else ([], {})
    numbers = (*(name for name in numbers if name not in dict(moving)), *of_landscape)
    particles = issubclass(kind, ParticleOptimizer)
    loads = {
        "x": "X[d, l]",
        "xi": "XI[d, l]",
        **({"f": "V[l]", "loss": "Z[Z.shape[0] - 1, l]", "consensus": "G[d, l]"} if particles else {"g": "G[d, l]"}),
    }
    if particles:
        numbers = tuple(name for name in numbers if name != "alpha")  # the driver's: it is in the consensus
    made = inline(kind.update, (*loads, *kind.state, *(["alpha"] if particles else [])), ("t", *numbers), dict(plain), first)
    if len(made.results) != 1 + len(kind.state):
        raise NotFusable(f"the rule of {kind.__name__} returns {len(made.results)} values, x and {len(kind.state)} states are needed")
    loads |= {name: f"S[{k}, d, l]" for k, name in enumerate(kind.state)}
    stores = ["X[d, l]", *(f"S[{k}, d, l]" for k in range(len(kind.state)))]
    return _module(made, loads, stores, numbers, precision, lanes, uniform), _given(made, numbers, of_landscape), _sizes(made)


@functools.lru_cache(maxsize=64)
def _average(kind: Any, plain: Any, numbers: Any, precision: str, lanes: int, uniform: bool) -> Any:
    made = inline(kind.update, ("a", "x"), ("t", "steps", *numbers), dict(plain))
    numbers = (*numbers, "steps")
    source = _module(made, {"a": "X[d, l]", "x": "G[d, l]"}, ["X[d, l]"], numbers, precision, lanes, uniform)
    return source, _given(made, numbers), _sizes(made)


class Given:
    """The numbers that a kernel gets of a rule's hyperparameters, in the order of H's rows: from `names`, by `text`. Some of the names stand
    for numbers `of_landscape` in formulas: label -> name."""

    def __init__(self, names: tuple[str, ...], text: str, count: int, of_landscape: Mapping[str, str] = MappingProxyType({})):
        self.names, self.text, self.count, self.of_landscape = names, text, count, of_landscape

    def __len__(self) -> int:
        return self.count

    @functools.cached_property
    def values(self) -> Any:
        """(names in float64) -> the numbers, in float64."""
        functions = {name: getattr(np, name) for name in ("where", "floor", "sqrt", *ELEMENTWISE) if hasattr(np, name)}
        powers = {f"power{n}": lambda x, n=n: x**n for n in range(2, MAX_POWER + 1)}
        scope = {**functions, **powers, "F": np.float64, "divide": np.divide, "pow": np.power, "arctan": np.arctan}
        exec(self.text, scope)  # noqa: S102 an installed optimizer's own code; of a study's formulas their operations
        return scope["values"]


NO_NUMBERS = Given((), "def values():\n    return []\n", 0)


def _given(made: Inlined, numbers: tuple[str, ...], of_landscape: Mapping[str, str] = MappingProxyType({})) -> Given:
    lines = [*made.fixed, f"return [{', '.join([*made.given, *['lr'] * ('lr' in numbers)])}]"]
    text = f"def values({', '.join(numbers)}):\n{_lines(4, lines)}"
    return Given(numbers, text, len(made.given) + ("lr" in numbers), of_landscape)


def _sizes(made: Inlined) -> tuple[int, int, int]:
    return len(made.rows), len(made.powers), len(made.sums)


def _split(unit: Any, names: tuple[str, ...]) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """(plain fields with their values, names of the numbers per run). A number that is 0 in every run is plain: its terms fall away."""
    strange = [name for name in names if name not in (*ASKED, *type(unit).model_fields)]
    if strange:
        raise NotFusable(f"its rule takes '{strange[0]}', which a kernel does not have")
    swept = {path[0]: structural for path, _, structural in unit.fields() if len(path) == 1}
    plain = [name for name in names if name not in ASKED and (swept.get(name, True) or getattr(unit, name) == 0)]
    return tuple((name, getattr(unit, name)) for name in plain), tuple(n for n in names if n not in (*plain, *ASKED))


def _module(
    made: Inlined, loads: dict[str, str], stores: list[str], numbers: tuple[str, ...], precision: str, lanes: int, uniform: bool
) -> str:
    run, column = ("0", "column") if uniform else ("l", "l")
    hyper = [f"{name} = H[{k}, {run}]" for k, name in enumerate(made.given.values())]
    hyper += [f"lr = H[{len(made.given)}, {run}] * C[l]"] * ("lr" in numbers)
    powers = list(enumerate(made.powers))
    still = [f"R[{k}, l] = {text}" for k, (text, (_, level)) in enumerate(made.rows.items()) if level == FIXED]
    moving = [f"R[{k}, l] = {text}" for k, (text, (_, level)) in enumerate(made.rows.items()) if level == STEP]
    fresh = [*still, *(f"K[{k}, l] = {f'complement({rest}' if rest else f'pow({base}'}, T[l])" for k, (base, rest) in powers)]
    grown = [f"K[{k}, l] = {rest + ' + ' if rest else ''}{base} * K[{k}, l]" for k, (base, rest) in powers]
    held = [f"{name} = K[{k}, l]" for k, name in enumerate(made.powers.values())]
    rows = [f"{name} = R[{k}, {column}]" for k, (name, _) in enumerate(made.rows.values())]
    reads = [f"{name} = {where}" for name, where in loads.items()]
    writes = [f"_new{k} = {text}" for k, text in enumerate(made.results)] + [f"{where} = _new{k}" for k, where in enumerate(stores)]
    wide = _wide("H", "R", "K") if not uniform else _wide("R", "K")
    outer, inner = (rows, []) if uniform else ([], rows)
    sums = ""
    for k, (place, text, needs) in enumerate(made.sums):
        if needs == GIVEN:
            sums += _loop(4, [*inner, f"{place} = {text}"])
        elif needs == SCALING:
            (squares, _, before), scaled = made.sums[k - 1], f"({text} * {place})"
            again = _sum(8, [*inner, *reads, *made.body[:before]], squares, f"{scaled} * {scaled}")
            check = [f"{place} = scaling({squares})", f"far = np.int32(far | (0 if {place} == F(1.0) else 1))"]
            sums += f"    far = np.int32(0)\n{_loop(4, check)}    if far:\n{again}"
        else:
            sums += _sum(4, [*inner, *reads, *made.body[:needs]], place, text)
    body = f"""
@njit(types.void(A1, A1, A2, A2, A2, types.int64), **JIT)
def prelude(T, C, H, R, K, fresh):
    vectorised()
    estimates()
{wide}    if fresh:
{_loop(8, [*hyper, *fresh])}    else:
{_loop(8, [*hyper, *grown])}
{_loop(4, ["t = T[l]", *hyper, *held, *made.stepped, *moving])}

@njit(types.void(A2, A2, A1, A3, A2, A2, A2, types.int64), **JIT)
def rule(X, G, V, S, XI, R, Z, column):
    vectorised()
    estimates()
{_wide("X", "G", "XI", "R", "Z")}    assume(S.shape[2] == W)
    assume(S.shape[1] == X.shape[0])
{_lines(4, outer)}{sums}    for d in range(X.shape[0]):
        for l in range(W):
{_lines(12, [*inner, *reads, *made.body, *writes])}"""
    return module(made.functions, body.lstrip("\n"), precision, lanes)


def _wide(*names: str) -> str:
    """What LLVM may know of these arrays."""
    return "".join(f"    assume({name}.shape[1] == W)\n" for name in names)


def _loop(indent: int, statements: list[str]) -> str:
    return " " * indent + "for l in range(W):\n" + _lines(indent + 4, statements or ["pass"])


def _sum(indent: int, before: list[str], place: str, text: str) -> str:
    """place <- the sum of `text` over all components."""
    head = f"{' ' * indent}for d in range(X.shape[0]):\n"
    return _loop(indent, [f"{place} = F(0.0)"]) + head + _loop(indent + 4, [*before, f"{place} += {text}"])


def _lines(indent: int, statements: list[str]) -> str:
    return "".join(" " * indent + s + "\n" for s in statements)
