"""A small formula over tensors, entry by entry: each number that it computes is a scalar, so that kernels of scalar formulas, with a run a lane, have it.

Arrays of a program become arrays of trees (specs/tree.py). The gradient is the program's own.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ....specs import tree
from ....specs.expression import Formula, Parsed, fixed
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.program.node import Node, ordered
from ....specs.tree import OF_NUMBERS, ONE, ZERO
from .keyed import Keyed
from .refusal import NotFusable
from .written_out import written_out

MOST_WORK = 20_000
"""Operations on entries that a program may have; those of the same numbers are then found to be one."""
MOST = 1000
"""Operations that are left: each is a statement of a kernel, which LLVM would take seconds to compile."""
INFINITY = tree.number(math.inf)
MOST_DRAWN = 512
"""Numbers that every seed has of its own, a row of the kernel's table each."""
STEPS = ("steps", "t")
"""What a formula of the step takes besides, in this order: the last changes."""
Condition = Callable[[Any, Any], Any]
"""A truth value: of two trees the first where it holds, else the second."""


def comparison(kind: str, a: tree.Node, b: tree.Node) -> Condition:
    return lambda p, q: tree.where(tree.compare(kind, a, b), p, q)


def settled(condition: Condition) -> Condition:
    """The same truth value, computed once however often it is asked: one of many entries takes as many operations."""
    return comparison("==", condition(ONE, ZERO), ONE)


def floor(a: tree.Node) -> tree.Node:
    return tree.number(math.floor(a.value)) if a.is_number else tree.node("floor", a)


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": tree.add,
    "subtract": tree.subtract,
    "multiply": tree.multiply,
    "divide": tree.divide,
    "negative": tree.negative,
    "power": tree.power,
    "floor": floor,
    "relu": lambda a: tree.call("maximum", a, ZERO),
    **{name: functools.partial(tree.call, name) for name in OF_NUMBERS},
    "less": functools.partial(comparison, "<"),
    "less_equal": functools.partial(comparison, "<="),
    "equal": functools.partial(comparison, "=="),
    "not_equal": lambda a, b: lambda p, q: tree.where(tree.compare("==", a, b), q, p),
    "logical_and": lambda a, b: lambda p, q: a(b(p, q), q),
    "logical_or": lambda a, b: lambda p, q: a(p, b(p, q)),
    "logical_not": lambda a: lambda p, q: a(q, p),
    "isfinite": lambda a: comparison("<", tree.call("abs", a), INFINITY),
    "where": lambda condition, a, b: condition(a, b),
    "float": lambda a: a(ONE, ZERO) if callable(a) else a,
    "stop_gradient": lambda a: a,
    "identity": lambda a: a,
}
"""Functions of each entry."""
OF_TRUTHS = {"logical_and", "logical_or", "logical_not", "where", "float", "stop_gradient", "identity"}
"""Those that may take truth values."""
FOLDS = {name: ELEMENTWISE[by] for name, by in (("sum", "add"), ("prod", "multiply"), ("max", "maximum"), ("min", "minimum"))}
FOLDS |= {"any": ELEMENTWISE["logical_or"], "all": ELEMENTWISE["logical_and"]}
"""Functions over axes, by what puts two entries together."""
MOVES = {
    "T",
    "permute",
    "broadcast",
    "reshape",
    "index",
    "prod_part",
    "concat",
    "unindex",
    "prod_padded",
    "take",
    "pick",
    "unpick",
    "flip",
    "roll",
}
"""Functions whose entries are some of their arguments', or 0."""
BY_INDEX = {"take", "untake", "pick", "unpick"}
"""Functions whose last argument says which."""


def drawn(land: ProgramLandscape) -> dict[str, tuple[int, ...]]:
    """The arrays of numbers that runs have of their own, and the shapes in one run."""
    inputs, formula = land.program().inputs, land.definition()
    held = [name for name in formula.drawn if land.holds_samples or name not in formula.fresh]
    return {name: inputs[name].shape for name in held if inputs[name].kind == "float"}


def columns(land: ProgramLandscape, p: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The numbers of runs, (points or 1, seeds or 1) each, in the order in which kernels have them, from a simulation's arrays."""
    every = [p[name] for name in land.definition().parameters]
    for name in drawn(land):
        every.extend(np.moveaxis(p[name].reshape(*p[name].shape[:2], -1), -1, 0))
    return [*every, *(p[name] for name in STEPS if land.takes_step)]


def entries(land: ProgramLandscape, gradient: bool = True) -> Parsed:
    """The formula of a landscape, entry by entry, with its gradient if that is wanted. Raises NotFusable where it is too large, or has what is no
    function of entries."""
    data = land.dataset
    text = (land.model_dump_json(), data.fingerprint if data is not None else "", gradient)
    found = _entries(Keyed(land, text))
    if isinstance(found, str):
        raise NotFusable(found)
    return found


@functools.lru_cache(maxsize=64)
def _entries(key: Keyed[ProgramLandscape]) -> Parsed | str:
    """The same, or the reason why not."""
    try:
        return _parsed(key.value, gradient=key.text[-1])
    except NotFusable as reason:
        return str(reason)


def _parsed(land: ProgramLandscape, gradient: bool) -> Parsed:
    program = land.program()
    if (count := sum(map(math.prod, drawn(land).values()))) > MOST_DRAWN:
        raise NotFusable(f"{count:,} numbers that every seed has of its own, above {MOST_DRAWN:,}")
    watched = {name: program.watched[name] for name in land.observable_names}
    blocks = program.gradient if gradient else []
    outputs = [program.loss, *blocks, *watched.values()]
    known = Entries(lambda n: _input(land, n))
    loss, *others = (entries.reshape(-1).tolist() for entries in known.of(*outputs))
    slopes = [entry for block in others[: len(blocks)] for entry in block]
    observables = dict(zip(watched, (entry for (entry,) in others[len(blocks) :]), strict=True))
    left = len(tree.ordered([*loss, *slopes, *observables.values()]))
    if left > MOST:
        raise NotFusable(f"a formula of {left:,} different operations on entries, above {MOST:,}")
    own = (entry_name(name, k) for name, shape in drawn(land).items() for k in range(math.prod(shape)))
    named = (*land.definition().parameters, *own, *(STEPS if land.takes_step else ()))
    formula = Formula("", vector=("x", land.size), parameters=named, observables=tuple((name, "") for name in observables))
    return Parsed(formula, loss[0], observables, gradient=tuple(slopes) if gradient else None)


def _input(land: ProgramLandscape, n: Node) -> np.ndarray:
    """The entries of an input: trees of variables and numbers, and data as they are."""
    name, blocks, data = n.option("name"), land.block_slices, land.dataset
    if name in blocks:
        return filled([fixed(k) for k in range(blocks[name].start, blocks[name].stop)], n.shape)
    if name in land.definition().parameters or name in STEPS:
        return filled([tree.parameter(name)], n.shape)
    if name in drawn(land):
        return filled([tree.parameter(entry_name(name, k)) for k in range(n.size)], n.shape)
    if data is None or name not in ("X", "y", "X_test", "y_test"):
        raise NotFusable(f"a formula with {name}")
    test = name.endswith("_test")
    if name[0] == "X":
        return np.asarray(data.x_test if test else data.x, dtype=float)
    return np.asarray(data.codes(test), dtype=int) if n.kind == "int" else np.asarray(data.y_test if test else data.y, dtype=float)


def entry_name(name: str, k: int) -> str:
    """The name of an entry of an array that every run has of its own; no number of a landscape has a blank in its name."""
    return f"{name} {k}"


class Entries:
    """The entries of nodes, from those of their inputs."""

    def __init__(self, given: Callable[[Node], np.ndarray]):
        self.given = given
        self.arrays: dict[Node, np.ndarray] = {}
        """Of trees, or of numbers where they are known."""
        self.open: list[str] = []
        """Functions that are being written out."""
        self.work = 0
        """Operations on entries so far."""

    def of(self, *nodes: Node) -> list[np.ndarray]:
        """The entries of nodes, as trees. Raises NotFusable before it begins with more than MOST_WORK operations in all."""
        new = [part for part in ordered(nodes) if part not in self.arrays]
        self.work += sum(map(operations, new))
        if self.work > MOST_WORK:
            raise NotFusable(f"a formula of at least {self.work:,} operations on entries, above {MOST_WORK:,}")
        for part in new:
            self.arrays[part] = self.array(part, [self.arrays[a] for a in part.args])
        return [trees(self.arrays[n]) for n in nodes]

    def array(self, n: Node, args: list[np.ndarray]) -> np.ndarray:
        """The entries of n."""
        name = n.function.name
        match name:
            case "input":
                return self.given(n)
            case "number":
                return np.asarray(n.number)
            case "array":
                return np.asarray(n.option("entries").array)
        if all(a.dtype != object for a in args):
            return np.asarray(args[0], dtype=float) if name == "float" else np.asarray(n.function.value(np, n, *args))
        if name in ELEMENTWISE:
            if name not in OF_TRUTHS and any(a.kind == "bool" for a in n.args):
                raise NotFusable(f"{name} of truth values")
            return filled(np.frompyfunc(ELEMENTWISE[name], len(args), 1)(*map(trees, args)), n.shape)
        if name == "dot":
            return folded(ELEMENTWISE["add"], pairs("multiply", *args), tuple(range(-args[0].ndim, 0)))
        if name in FOLDS:
            entries = folded(FOLDS[name], trees(args[0]), n.option("axis"))
            return entries if n.kind != "bool" else filled([settled(c) for c in entries.reshape(-1)], n.shape)
        if name == "matmul":
            a, b = map(trees, args)
            return filled(folded(ELEMENTWISE["add"], pairs("multiply", a[..., :, :, None], b[..., None, :, :]), (-2,)), n.shape)
        if name in BY_INDEX and args[-1].dtype == object:
            raise NotFusable(f"{name} by an index that is found while it runs")
        if name == "untake":
            return added_rows(trees(args[0]), args[1], n.shape)
        if name in MOVES:
            return moved(n, args)
        if name == "cumsum":
            return accumulated(trees(args[0]), n.option("axis"), n.option("reverse"))
        if name in ("argmax", "argmin"):
            return place_of_extreme(name, trees(args[0]), n.option("axis"))
        if name in self.open:
            raise NotFusable(f"no compiled form of {name}")
        self.open.append(name)
        (written,) = self.of(written_out(n, "float64"))
        self.open.pop()
        return written


def operations(n: Node) -> int:
    """Operations on entries that a node takes, about."""
    return n.size * n.args[0].shape[-1] if n.function.name == "matmul" else max(n.size, *(a.size for a in n.args)) if n.args else 0


def trees(a: np.ndarray) -> np.ndarray:
    """An array of trees; truth values as conditions."""
    if a.dtype == object:
        return a
    if a.dtype == bool:
        return filled([(lambda p, q: p) if v else (lambda p, q: q) for v in a.reshape(-1)], a.shape)
    return filled([tree.number(float(v)) for v in a.reshape(-1)], a.shape)


def filled(entries: Any, shape: Sequence[int]) -> np.ndarray:
    """An array of this shape of these entries, in the order of rows."""
    listed = entries.reshape(-1).tolist() if isinstance(entries, np.ndarray) else entries if isinstance(entries, list) else [entries]
    made = np.empty(math.prod(shape), object)
    made[:] = listed
    return made.reshape(shape)


def pairs(name: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The function of each pair of entries."""
    return np.asarray(np.frompyfunc(ELEMENTWISE[name], 2, 1)(trees(a), trees(b)), dtype=object)


def folded(function: Callable[[Any, Any], Any], a: np.ndarray, axis: Sequence[int]) -> np.ndarray:
    """The entries along some axes put together from first to last; the axes drop out."""
    kept = [k for k in range(-a.ndim, 0) if k not in axis]
    rows = a.transpose([*kept, *sorted(axis)])
    rows = rows.reshape(-1, math.prod(a.shape[k] for k in axis))
    if not rows.shape[-1]:
        raise NotFusable("an array without entries")
    return filled([functools.reduce(function, row) for row in rows], [a.shape[k] for k in kept])


def accumulated(a: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """The sums of all entries so far along an axis."""
    rows = np.moveaxis(a, axis, -1)
    rows = rows[..., ::-1] if reverse else rows
    made = filled([entry for row in rows.reshape(-1, rows.shape[-1]) for entry in itertools.accumulate(row, tree.add)], rows.shape)
    return np.moveaxis(made[..., ::-1] if reverse else made, -1, axis)


def place_of_extreme(name: str, a: np.ndarray, axis: int) -> np.ndarray:
    """The first place along an axis at which an entry is the largest or smallest, or NaN where there is one."""
    rows = np.moveaxis(a, axis, -1)
    top = folded(FOLDS["max" if name == "argmax" else "min"], rows, (-1,))
    found = filled([tree.number(rows.shape[-1] - 1.0)] * top.size, top.shape)
    for k in range(rows.shape[-1] - 1, -1, -1):
        entries = zip(rows[..., k].reshape(-1), top.reshape(-1), found.reshape(-1), strict=True)
        here = [comparison("==", x, most)(tree.number(k), comparison("==", x, x)(other, tree.number(k))) for x, most, other in entries]
        found = filled(here, top.shape)
    return found


def moved(n: Node, args: Sequence[np.ndarray]) -> np.ndarray:
    """What a function that moves entries makes of them: it is called with numbers that say which entry is where, 0 for none."""
    table, labels = [ZERO], []
    for a, arg in zip(args, n.args, strict=True):
        if arg.kind == "int" and a.dtype != object:
            labels.append(a)
        else:
            labels.append(np.arange(len(table), len(table) + a.size, dtype=float).reshape(a.shape))
            table += trees(a).reshape(-1).tolist()
    found = np.asarray(n.function.value(np, n, *labels))
    return filled([table[k] for k in found.astype(int).reshape(-1)], n.shape)


def added_rows(g: np.ndarray, index: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """To each row the sum of the rows of g with its index."""
    rows = g.reshape(index.size, -1)
    made = filled([ZERO] * math.prod(shape), (shape[0], rows.shape[-1]))
    for k, row in itertools.product(range(shape[0]), zip(index.reshape(-1).tolist(), rows, strict=True)):
        if row[0] in (k, k - shape[0]):
            made[k] = pairs("add", made[k], row[1])
    return made.reshape(shape)
