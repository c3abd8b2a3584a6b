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
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ....optimizers._particles import ParticleOptimizer
from ....optimizers._rule import updated
from ....optimizers.base import ElementwiseOptimizer, VectorOptimizer
from ....specs import formulas
from ....specs.average import Average
from ....specs.program.arrays import Evaluation
from ....specs.program.function import given
from ....specs.program.node import Node, ordered
from ....specs.program.numpy_functions import Untraceable
from ....specs.program.split import replaced
from ....specs.sweep import NumberFormula, resolved
from .average_program import average_program
from .module_frame import module
from .refusal import NotFusable
from .rule_reader import FIXED, STEP, Levels, Scalars, Statements, is_step, local, statements

FUSABLE = (ElementwiseOptimizer, VectorOptimizer, ParticleOptimizer)
"""Optimizers whose rules may be straight-line arithmetic with sums over the components."""
ASKED = ("t", "xi", "loss")
"""What a rule may ask for that is no field."""
MOST = 200
"""Operations of a formula in a kernel."""
Made = tuple[str, "Given", tuple[int, int, int]]
"""(source, what H's rows are, rows of R, K and Z)."""


def rule_source(optimizer: Any, dim: int, precision: str, lanes: int, uniform: bool, known: tuple[str, ...] = ()) -> Made:
    """The module of an optimizer.

    Parameters
    ----------
    optimizer
        The optimizer.
    dim
        Components of the point. The module is the same for all of them, unless the rule asks for their number.
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
    shape = (resolved(optimizer.particles), dim) if isinstance(optimizer, ParticleOptimizer) else (dim,)
    numbers = _split(optimizer, optimizer.inputs())
    return _rule(type(optimizer), *numbers, moving, known if moving else (), shape, precision, lanes, uniform)


def average_source(average: Average, dim: int, precision: str, lanes: int, uniform: bool) -> Made:
    """The same for an iterate average: X is the average, G the iterate."""
    names = tuple(name for name in type(average).model_fields if name != "kind")
    return _average(type(average), *_split(average, names), dim, precision, lanes, uniform)


@functools.lru_cache(maxsize=256)
def _rule(
    kind: Any, plain: Any, numbers: Any, moving: Any, known: Any, shape: tuple[int, ...], precision: str, lanes: int, uniform: bool
) -> Any:
    particles = issubclass(kind, ParticleOptimizer)
    places = {"x": "X[d, l]", "xi": "XI[d, l]"}
    places |= {"f": "V[l]", "loss": "Z[Z.shape[0] - 1, l]", "consensus": "G[d, l]"} if particles else {"g": "G[d, l]"}
    places |= {name: f"S[{k}, d, l]" for k, name in enumerate(kind.state)}
    formula_of, labels = _formulas(moving, known, precision)
    inputs = {name: given(name, shape) for name in ("x", "xi", *([] if particles else ["g"]), *kind.state)}
    if particles:
        inputs |= {"f": given("f", (shape[0], 1)), "loss": given("loss", (1, 1)), "alpha": given("alpha")}
        numbers = tuple(name for name in numbers if name != "alpha")  # the driver's: it is in the consensus
    inputs |= {name: given(name) for name in ("t", *numbers)} | formula_of
    try:
        x, states = updated(kind.model_construct(**dict(plain)), inputs, precision)
    except Untraceable as why:
        raise NotFusable(str(why)) from None
    made = statements([x, *states.values()], inputs, places, precision)
    stores = ["X[d, l]", *(f"S[{k}, d, l]" for k in range(len(kind.state)))]
    names = (*(name for name in numbers if name not in formula_of), *labels)
    return _module(made, places, stores, names, precision, lanes, uniform), Given(names, made.given, labels), _sizes(made)


@functools.lru_cache(maxsize=64)
def _average(kind: Any, plain: Any, numbers: Any, dim: int, precision: str, lanes: int, uniform: bool) -> Any:
    names = (*numbers, "steps")
    inputs = {name: given(name, (dim,)) for name in ("a", "x")}
    new = average_program(kind, inputs["a"], inputs["x"], {**dict(plain), **{name: given(name) for name in names}}, precision)
    made = statements([new], inputs, inputs, precision)
    source = _module(made, {"a": "X[d, l]", "x": "G[d, l]"}, ["X[d, l]"], names, precision, lanes, uniform)
    return source, Given(names, made.given), _sizes(made)


def _formulas(moving: Iterable[tuple[str, NumberFormula]], known: Iterable[str], precision: str) -> tuple[dict[str, Node], dict[str, str]]:
    """Numbers that are formulas of the step as nodes, by name, over t and names of the landscape's numbers; and what these are called in them:
    label -> name. Raises NotFusable for a formula of more than arithmetic and elementary functions."""
    labels: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for name, formula in moving:
        order = ordered([formulas.read(formula, dict.fromkeys(known))])
        if len(order) > MOST:
            raise NotFusable(f"its {name} is a formula of {len(order)} operations, above {MOST}")
        Scalars((1,), Levels({"t": STEP}), precision, subject=f"the formula of its {name}").of(order[-1:])
        of_landscape = {n: n.option("name") for n in order if n.function.name == "input" and not is_step(n)}
        by = {id(n): given(labels.setdefault(label, f"landscape {len(labels)}")) for n, label in of_landscape.items()}
        (nodes[name],) = replaced(order[-1:], by)
    return nodes, {label: name for name, label in labels.items()}


class Given:
    """The numbers that a kernel gets of a rule's hyperparameters, in the order of H's rows: `nodes`, made of inputs of these names, and last the
    learning rate if there is one. Some of the names stand for numbers `of_landscape` in formulas: label -> name."""

    def __init__(self, names: tuple[str, ...], nodes: Iterable[Node], of_landscape: Mapping[str, str] = MappingProxyType({})):
        self.names, self.nodes, self.of_landscape = names, tuple(nodes), of_landscape

    def __len__(self) -> int:
        return len(self.nodes) + ("lr" in self.names)

    @functools.cached_property
    def evaluation(self) -> Evaluation:
        return Evaluation(self.nodes)

    def values(self, exact: Mapping[str, Any]) -> list[Any]:
        """The numbers, in float64, from those by name."""
        made = self.evaluation(np, exact) if self.nodes else []
        return [*made, exact["lr"]] if "lr" in self.names else made


NO_NUMBERS = Given((), ())


def _sizes(made: Statements) -> tuple[int, int, int]:
    return len(made.rows), len(made.powers), len(made.shared)


def _split(unit: Any, names: tuple[str, ...]) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """(plain fields with their values, names of the numbers per run). A number that is 0 in every run is plain: its terms fall away."""
    strange = [name for name in names if name not in (*ASKED, *type(unit).model_fields)]
    if strange:
        raise NotFusable(f"its rule takes '{strange[0]}', which a kernel does not have")
    swept = {path[0]: structural for path, _, structural in unit.fields() if len(path) == 1}
    plain = [name for name in names if name not in ASKED and (swept.get(name, True) or getattr(unit, name) == 0)]
    return tuple((name, getattr(unit, name)) for name in plain), tuple(n for n in names if n not in (*plain, *ASKED))


def _module(
    made: Statements, places: Mapping[str, str], stores: list[str], numbers: tuple[str, ...], precision: str, lanes: int, uniform: bool
) -> str:
    run, column = ("0", "column") if uniform else ("l", "l")
    hyper = [f"n{k} = H[{k}, {run}]" for k in range(len(made.given))]
    hyper += [f"lr = H[{len(made.given)}, {run}] * C[l]"] * ("lr" in numbers)
    powers = list(enumerate(made.powers))
    still = [f"R[{k}, l] = {text}" for k, (text, (_, level)) in enumerate(made.rows.items()) if level == FIXED]
    moving = [f"R[{k}, l] = {text}" for k, (text, (_, level)) in enumerate(made.rows.items()) if level == STEP]
    fresh = [*still, *(f"K[{k}, l] = {f'complement({rest}' if rest else f'pow({base}'}, T[l])" for k, (base, rest) in powers)]
    grown = [f"K[{k}, l] = {rest + ' + ' if rest else ''}{base} * K[{k}, l]" for k, (base, rest) in powers]
    held = [f"{name} = K[{k}, l]" for k, name in enumerate(made.powers.values())]
    rows = [f"{name} = R[{k}, {column}]" for k, (name, _) in enumerate(made.rows.values())]
    reads = [f"{local(name)} = {place}" for name, place in places.items()]
    writes = [f"_new{k} = {text}" for k, text in enumerate(made.results)] + [f"{where} = _new{k}" for k, where in enumerate(stores)]
    wide = _wide("H", "R", "K") if not uniform else _wide("R", "K")
    outer, inner = (rows, []) if uniform else ([], rows)
    sums = ""
    for k, one in enumerate(made.shared):
        if one.scales:
            squares = made.shared[k - 1]
            scaled = f"({one.text} * {one.place})"
            again = _sum(8, [*inner, *reads, *(squares.before or ())], squares.place, f"{scaled} * {scaled}")
            check = [f"{one.place} = scaling({squares.place})", f"far = np.int32(far | (0 if {one.place} == F(1.0) else 1))"]
            sums += f"    far = np.int32(0)\n{_loop(4, check)}    if far:\n{again}"
        elif one.before is not None:
            sums += _sum(4, [*inner, *reads, *one.before], one.place, one.text)
        else:
            sums += _loop(4, [*inner, f"{one.place} = {one.text}"])
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
