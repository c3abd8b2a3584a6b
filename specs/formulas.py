"""Numbers written as formulas: `lr: "0.1/sqrt(t)"`, `std: "1/sqrt(h)"`. What they may name, what they are, and whether that is allowed.

A formula may name the sizes and the parameters of the study's landscape, `dim`, the number of components of a point, `steps`, those of the study,
and `t`, the update, from 1. It is read by specs/program/ and never executed. One with a swept parameter takes part in that sweep. `t` has no
value where a number counts before the first update: in a start, and in what a state starts at.
"""

import functools
import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from .errors import PlacedError
from .landscapes.base import Landscape
from .messages import problems as what_is_wrong
from .messages import short
from .sweep import NumberFormula, Sweep, values_of

if TYPE_CHECKING:
    from .program.node import Node
    from .study import Study

LANDSCAPE = "landscape."
MOST = 2**20
"""Values of a formula that are looked at before anything runs; where there are more, so many of them, the ends and evenly spread."""
Values = Mapping[str, Any]
"""What the names of a landscape stand for: a number, or an array of them, one a point of the sweep."""


def names(landscape: Landscape) -> dict[str, Any]:
    """What formulas may name of a landscape: its numbers, some of them swept, and the sizes of its data."""
    found: dict[str, Any] = {"dim": landscape.size}
    if (data := landscape.dataset) is not None:
        found |= data.sizes()
    for path, value, _ in landscape.fields():
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values_of(value)):
            found[path[-1]] = value
    return found


@functools.lru_cache(maxsize=256)
def _read(text: str, known: tuple[str, ...]) -> "Node":
    from .program.function import given
    from .program.read import Reading

    return Reading({name: given(name) for name in known}).scalar(text, ())


def read(formula: NumberFormula, known: Mapping[str, Any]) -> "Node":
    """The formula as a program over these names, t and steps. Raises PlacedError with the part that is wrong."""
    return _read(formula.text, (*(name for name in known if name not in ("t", "steps")), "t", "steps"))


def value(formula: NumberFormula, values: Values, steps: int, t: Any = None) -> Any:
    """The formula's value in float64: a number, or an array of the shape that the values and `t` broadcast to."""
    from .program.arrays import evaluate

    inputs = {name: np.asarray(v, dtype=np.float64) for name, v in values.items() if not isinstance(v, Sweep)}
    inputs |= {"steps": np.float64(steps)} | ({} if t is None else {"t": np.asarray(t, dtype=np.float64)})
    with np.errstate(all="ignore"):
        (found,) = evaluate([read(formula, values)], np, inputs)
    return np.asarray(found, dtype=np.float64)


def constant(formula: NumberFormula, landscape: Landscape, steps: int) -> float | None:
    """The one value of a formula on a landscape without structural sweeps; None if it changes with the step or a swept parameter."""
    known = names(landscape)
    if formula.changes or any(isinstance(known.get(name), Sweep) for name in formula.names):
        return None
    return float(value(formula, known, steps))


class Course:
    """A number that changes from step to step."""

    def __init__(self, formula: NumberFormula, values: Values, steps: int):
        """`values` are what its names stand for: numbers, or (points,) arrays."""
        self.formula, self.steps = formula, steps
        self.values = {name: np.asarray(v, dtype=np.float64).reshape(-1, 1) for name, v in values.items()}

    @property
    def points(self) -> int:
        """Points of the sweep at which its values may differ."""
        return max((len(v) for v in self.values.values()), default=1)

    def table(self, first: int, count: int) -> np.ndarray:
        """The values in the updates that follow steps first .. first + count - 1, (points or 1, count) in float64."""
        found = value(self.formula, self.values, self.steps, np.arange(first + 1, first + count + 1)[None, :])
        return np.broadcast_arrays(found, np.empty((1, count)))[0]


def node_of(formula: NumberFormula, known: Mapping[str, Any], steps: int) -> "Node":
    """A formula as a program over t and these numbers of the landscape, named as `named_numbers` does."""
    from .program.function import given, number
    from .program.node import ordered
    from .program.split import replaced

    by: dict[int, Node] = {}
    whole = read(formula, known)
    for n in ordered([whole]):
        if n.function.name == "input" and (name := n.option("name")) != "t":
            by[id(n)] = number(float(steps)) if name == "steps" else given(LANDSCAPE + name)
    return replaced([whole], by)[0]


def named_numbers(known: Values) -> dict[str, np.ndarray]:
    """The landscape's numbers in a rule's program, by name: (points or 1, 1) in float64."""
    return {LANDSCAPE + name: np.asarray(v, dtype=np.float64).reshape(-1, 1) for name, v in known.items() if not isinstance(v, Sweep)}


def problems(study: "Study") -> Iterator[str]:
    """What is wrong with the formulas of a study: in their text, or in a value that they have somewhere in its sweeps and steps."""
    parts: list[tuple[str, Any, Any]] = [] if study.init is None else [("init", study.init, ())]
    parts += [("noise", study.noise, ())]
    parts += [(f"optimizers[{k}]", optimizer, optimizer.initial.values()) for k, optimizer in enumerate(study.optimizers)]
    for place, part, before in parts:
        wrong = [*_wrong(study, place, part, before)]
        yield from wrong or _wrong_together(study, place, part)


def _wrong(study: "Study", place: str, part: Any, before: Collection[str]) -> Iterator[str]:
    """What is wrong with the formulas of one part, each by itself; fields in `before` count before the first update."""
    for path, formula in part.formulas().items():
        where = ".".join((place, *path))
        try:
            read(formula, names(study.landscape))
        except PlacedError as error:
            yield f"{where}: must be a number or a formula: {error.problem}"
            continue
        if formula.changes and (place == "init" or path[0] in before):
            what = "a start" if place == "init" else "the initial value of a state"
            yield f"{where}: t counts the updates from 1, and {what} is computed before the first one, in the formula {short(formula.text)}"
        elif wrong := _wrong_value(study, part, path, formula):
            yield f"{where}: {wrong}"


def _wrong_together(study: "Study", place: str, part: Any) -> Iterator[str]:
    """What is wrong with the constants among the formulas of a part, all of them together."""
    found = part.formulas()
    for land in study.landscapes() if len(found) > 1 else ():
        known = {path: constant(formula, land, study.steps) for path, formula in found.items()}
        try:
            part.replace({path: v for path, v in known.items() if v is not None})
        except ValidationError as error:
            yield f"{place}: {what_is_wrong({}, error)[0][1]}"
            return


def _wrong_value(study: "Study", part: Any, path: tuple[str, ...], formula: NumberFormula) -> str | None:
    """The first value of this field that is not allowed, in words; the field's own validation says so."""
    for values in points(study, formula):
        count = max([np.size(v) for v in values.values()], default=1)
        t = _thinned(np.arange(1, study.steps + 1) if study.steps <= MOST else _spread(study.steps) + 1, max(1, MOST // count))
        columns = {name: np.reshape(v, (-1, 1)) for name, v in values.items()}
        found = np.broadcast_arrays(value(formula, columns, study.steps, t[None, :]), np.empty((count, len(t) if formula.changes else 1)))[
            0
        ]
        bad = np.flatnonzero(~np.isfinite(found).reshape(-1))
        for k in bad[:1] if len(bad) else (int(found.argmin()), int(found.argmax())):
            point, step = np.unravel_index(k, found.shape)
            number = float(found[point, step])
            try:
                part.replace({path: number})
            except ValidationError as error:
                data: Any = number
                for key in reversed(path):
                    data = {key: data}
                sentence = what_is_wrong({path[-1]: number, **data}, error)[0][1]
                at = {"t": int(t[step])} if formula.changes else {}
                at |= {name: np.reshape(v, -1)[point if np.size(v) > 1 else 0] for name, v in values.items() if name in formula.names}
                said = ", ".join(f"{name} = {v if isinstance(v, int) else f'{v:.6g}'}" for name, v in at.items())
                return f"{sentence}, the value of {short(formula.text)}{f' at {said}' if said else ''}"
    return None


def points(study: "Study", formula: NumberFormula) -> Iterator[dict[str, Any]]:
    """What the names of the landscape stand for at the points of its sweeps on which this formula depends: sizes one after the other, and
    numbers that are swept as arrays (points,), thinned where there are many."""
    axes = [axis for axis in _axes(study) if "dim" in formula.names or any(path[-1] in formula.names for path, _, _ in axis)]
    structural = [axis for axis in axes if any(whether for _, _, whether in axis)]
    for places in itertools.product(*(range(len(axis[0][1])) for axis in structural)):
        changes = {path: sweep.values[k] for axis, k in zip(structural, places, strict=True) for path, sweep, _ in axis}
        land = study.landscape.replace(changes) if changes else study.landscape
        values = names(land)
        free = [axis for axis in axes if axis not in structural]
        sizes = [len(axis[0][1]) for axis in free]
        total = int(np.prod(sizes, dtype=np.float64)) if sizes else 1
        at = np.unravel_index(np.arange(total) if total <= MOST else _spread(total), sizes) if sizes else ()
        for axis, index in zip(free, at, strict=True):
            values |= {path[-1]: np.asarray(sweep.values, dtype=np.float64)[index] for path, sweep, _ in axis}
        yield {name: v for name, v in values.items() if not isinstance(v, Sweep)}


def _axes(study: "Study") -> list[list[tuple[tuple[str, ...], Sweep, bool]]]:
    """The sweeps of the landscape, those that are zipped together."""
    swept = {f"landscape.{'.'.join(path)}": (path, sweep, structural) for path, (sweep, structural) in study.landscape.swept().items()}
    axes = []
    while swept:
        first = next(iter(swept))
        together = next((names for names in study.zip if first in names), (first,))
        axes.append([swept.pop(name) for name in together if name in swept])
    return axes


def _spread(count: int) -> np.ndarray:
    """MOST whole numbers from 0 to count - 1, evenly spread."""
    return np.linspace(0, count - 1, MOST).astype(np.int64)


def _thinned(t: np.ndarray, most: int) -> np.ndarray:
    """The steps, or so many of them: half the first, and others up to the last."""
    if len(t) <= most:
        return t
    half = max(1, most // 2)
    return np.unique(np.concatenate([t[:half], t[np.linspace(0, len(t) - 1, half).astype(np.int64)], t[-1:]]))
