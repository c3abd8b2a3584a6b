"""What runs a formula over tensors on batches of runs: a landscape that says its formula gets value, exact derivatives and observables."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from pydantic import PrivateAttr

from ..data import Dataset
from ..errors import PlacedError
from ..program.arrays import Evaluation
from ..program.derivative import grad, hvp
from ..program.function import array, given
from ..program.node import MAX_NUMBERS, Kind, Node, ordered
from ..program.read import Definition, Reading, definitions
from ..program.sizes import size_of
from .base import Arrays, Landscape

BUDGET = 2**23
"""Bytes of intermediate arrays: more runs than fit are done one group after the other, so that they stay in the cache. Every run is computed
by itself, so its bits depend on neither."""

STEP = ("t", "steps")
"""Names that every formula may use: the update, from 1, and how many there are."""


@dataclass(frozen=True)
class Drawn:
    """The shape of what is random once a seed, the names of its axes, and the kind of its numbers."""

    shape: tuple[int, ...]
    axes: tuple[str, ...] | None = None
    kind: Kind = "float"


@dataclass(frozen=True)
class TensorFormula:
    """A formula over named tensors: what a program is made of. Data that the landscape has are known to it as X, y, X_test and y_test."""

    value: str
    variables: Mapping[str, tuple[int | str, ...]]
    sizes: Mapping[str, int] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict)
    drawn: Mapping[str, Drawn] = field(default_factory=dict)
    define: Mapping[str, str] = field(default_factory=dict)
    observables: Mapping[str, str] = field(default_factory=dict)


class ProgramLandscape(Landscape):
    """A landscape that is a formula over tensors. A subclass gives `definition()`, and `disorder` for what is `drawn`."""

    _dataset: Dataset | None = PrivateAttr(default=None)

    def definition(self) -> TensorFormula:
        """This landscape as text. Of a swept size it has the first; the engine resolves structural sweeps before it runs."""
        raise NotImplementedError

    def __getstate__(self) -> dict[Any, Any]:
        """Copies and pickles leave what is made of the fields behind."""
        state = super().__getstate__()
        return {**state, "__dict__": {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}}

    @cached_property
    def _formula(self) -> TensorFormula:
        return self.definition()

    @property
    def dataset(self) -> Dataset | None:
        return self._dataset

    def batch_count(self) -> int:
        return 0 if self._dataset is None else len(self._dataset.x)

    @property
    def takes_step(self) -> bool:
        return self.program().takes_step

    @property
    def observable_names(self) -> tuple[str, ...]:
        return tuple(self._formula.observables)

    def data_sizes(self, rows: int | None = None) -> dict[str, int]:
        """The sizes of the data by name, with so many samples, by default all."""
        if (d := self._dataset) is None:
            return {}
        classes = len(d.classes) or math.prod(d.y.shape[1:])
        return {"n": rows or len(d.x), "n_test": len(d.x_test), "p": d.x.shape[1], "classes": classes}

    def _sizes(self, rows: int | None) -> dict[str, int]:
        """All sizes by name."""
        return {**self._formula.sizes, **self.data_sizes(rows)}

    @property
    def named_sizes(self) -> dict[str, int]:
        return self._sizes(None)

    @cached_property
    def _shapes(self) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
        """The shape and the names of the axes of every variable."""
        sizes, found = self._sizes(None), {}
        for name, shape in self._formula.variables.items():
            both = [size_of(n, sizes, ("variables", name)) for n in shape]
            found[name] = tuple(n for n, _ in both), tuple(label for _, label in both)
            if (count := math.prod(found[name][0])) > MAX_NUMBERS:
                raise PlacedError(("variables", name), f"has {count:,} numbers; at most {MAX_NUMBERS:,} are allowed")
        return found

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, (shape, _) in self._shapes.items()}

    @cached_property
    def _definitions(self) -> dict[str, Definition]:
        return definitions(self._formula.define)

    def program(self, rows: int | None = None) -> "Program":
        """The programs with so many samples, by default all."""
        if rows not in self._programs:
            self._programs[rows] = _keyed(_Key(self, rows))
        return self._programs[rows]

    @cached_property
    def _programs(self) -> "dict[int | None, Program]":
        return {}

    def workspace(self, samples: int, runs: int) -> int:
        return min(BUDGET // 8, runs * self.program().both.width)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        (value,) = self._run(self.program().value, x, p, xp)
        return value

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        (value,) = self._run(self.program(batch.shape[-1]).value, x, p, xp, batch)
        return value

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        value, gradient = self._run(self.program(None if batch is None else batch.shape[-1]).both, x, p, xp, batch)
        return value, gradient

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        gradient, product = self._run(self.program(None if batch is None else batch.shape[-1]).curved, x, p, xp, batch, v)
        return gradient, product

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return dict(zip(self.observable_names, self._run(self.program().observed, x, p, xp), strict=True))

    def _run(self, wanted: "Wanted", x: Any, p: Arrays, xp: Any, batch: Any = None, v: Any = None) -> list[Any]:
        """The outputs: numbers (...), and vectors (..., dim) that are put together from one array a variable."""
        lead = tuple(x.shape[:-1])
        x = xp.reshape(x, (*(1,) * (2 - len(lead)), *x.shape))
        v = None if v is None else xp.reshape(v, x.shape)
        bytes_a_run = wanted.width * math.prod(x.shape[2:-1]) * itemsize(x.dtype)
        parts = [self._group(wanted, x, p, xp, batch, v, runs) for runs in groups(x.shape[0], x.shape[1], bytes_a_run)]
        return [xp.reshape(a, (*lead, *a.shape[max(2, len(lead)) :])) for a in joined(parts, x.shape[:2], xp)]

    def _group(self, wanted: "Wanted", x: Any, p: Arrays, xp: Any, batch: Any, v: Any, runs: tuple[slice, slice]) -> list[Any]:
        points, seeds = runs
        inputs: dict[str, Any] = {}
        for (name, where), shape in zip(self.block_slices.items(), self.blocks.values(), strict=True):
            for label, flat in ((name, x), (f"{name}'", v)):
                if flat is not None:
                    part = flat[points, seeds, ..., where]
                    inputs[label] = xp.reshape(part, (*part.shape[:-1], *shape))
        for name in (*self._formula.parameters, *self._formula.drawn, *(STEP if self.takes_step else ())):
            inputs[name] = of_runs(xp.asarray(p[name]), points, seeds)
        if (data := self._dataset) is not None:
            inputs |= self._samples(data, x, xp, None if batch is None else xp.reshape(batch, (-1, batch.shape[-1]))[seeds, :])
        outputs = wanted.evaluation(xp, inputs)
        shape = (points.stop - points.start, seeds.stop - seeds.start, *x.shape[2:-1])
        found = []
        for first, last in wanted.pieces:
            if last is None:
                found.append(xp.broadcast_to(xp.asarray(outputs[first], dtype=x.dtype), shape))
            else:
                sizes = self.blocks.values()
                flat = [
                    xp.reshape(xp.broadcast_to(xp.asarray(a, dtype=x.dtype), (*shape, *own)), (*shape, math.prod(own)))
                    for a, own in zip(outputs[first:last], sizes, strict=True)
                ]
                found.append(xp.concat(flat, axis=-1))
        return found

    def _samples(self, data: Dataset, like: Any, xp: Any, rows: Any) -> Arrays:
        """X, y and their test parts; with `rows` (seeds, size) these samples of the training part."""
        labels = data.classes.size > 0
        made = {}
        for name, test in (("X", False), ("y", False), ("X_test", True), ("y_test", True)):
            if name[0] == "X":
                made[name] = data.on(like, xp, f"x{test}", lambda test=test: data.x_test if test else data.x)
            elif labels:
                made[name] = data.whole(like, xp, f"codes{test}", lambda test=test: data.codes(test))
            else:
                made[name] = data.on(like, xp, f"y{test}", lambda test=test: data.y_test if test else data.y)
        if rows is not None:
            flat = xp.reshape(rows, (-1,))
            for name in ("X", "y"):
                made[name] = xp.reshape(xp.take(made[name], flat, axis=0), (*rows.shape, *made[name].shape[1:]))
        return made

    def _inputs(self, rows: int | None) -> dict[str, Node]:
        """The inputs of the program by name."""
        formula, sizes = self._formula, self._sizes(rows)
        made = {name: given(name, shape, axes=axes) for name, (shape, axes) in self._shapes.items()}
        made |= {name: given(name, kind="int") for name in STEP}
        made |= {name: given(name) for name in formula.parameters}
        made |= {name: given(name, d.shape, d.kind, d.axes) for name, d in formula.drawn.items()}
        for name, values in formula.arrays.items():
            try:
                made[name] = array(np.array(values))
            except (ValueError, TypeError):
                raise PlacedError(("arrays", name), "must be a list of numbers, or of lists of one length") from None
        if (d := self._dataset) is not None:
            for name, count, label in (("", sizes["n"], "n"), ("_test", sizes["n_test"], "n_test")):
                made[f"X{name}"] = given(f"X{name}", (count, sizes["p"]), axes=(label, "p"))
                own = (count, *d.y.shape[1:])
                made[f"y{name}"] = given(f"y{name}", own, "int" if d.classes.size else "float", (label, *("",) * (len(own) - 1)))
        return made


class Wanted:
    """Some outputs of a program: numbers, and vectors in one array a variable."""

    def __init__(self, *outputs: "Node | list[Node]"):
        flat: list[Node] = []
        self.pieces: list[tuple[int, int | None]] = []
        for output in outputs:
            if isinstance(output, Node):
                self.pieces.append((len(flat), None))
                flat.append(output)
            else:
                self.pieces.append((len(flat), len(flat) + len(output)))
                flat += output
        self.evaluation = Evaluation(flat)
        self.width = self.evaluation.width


class Program:
    """What is computed of a landscape with so many samples, each made when it is first asked for."""

    def __init__(self, land: ProgramLandscape, rows: int | None):
        formula, inputs = land._formula, land._inputs(rows)
        reading = Reading(inputs, land._sizes(rows), land._definitions)
        self.by = [inputs[name] for name in formula.variables]
        self.along = [given(f"{name}'", x.shape) for name, x in zip(formula.variables, self.by, strict=True)]
        self.loss = reading.scalar(formula.value)
        self.watched = [reading.scalar(text, ("observables", name)) for name, text in formula.observables.items()]

    @cached_property
    def takes_step(self) -> bool:
        """Whether loss or observables depend on the step."""
        return any(n in ordered([self.loss, *self.watched]) for n in (given(name, kind="int") for name in STEP))

    @cached_property
    def gradient(self) -> list[Node]:
        return grad(self.loss, self.by)

    @cached_property
    def value(self) -> Wanted:
        return Wanted(self.loss)

    @cached_property
    def both(self) -> Wanted:
        return Wanted(self.loss, self.gradient)

    @cached_property
    def curved(self) -> Wanted:
        return Wanted(self.gradient, hvp(self.loss, self.by, self.along))

    @cached_property
    def observed(self) -> Wanted:
        return Wanted(*self.watched)


@lru_cache(maxsize=64)
def _keyed(key: "_Key") -> Program:
    return Program(key.land, key.rows)


class _Key:
    """A landscape and a number of samples, equal where the studies' texts are."""

    def __init__(self, land: ProgramLandscape, rows: int | None):
        self.land, self.rows = land, rows
        self.text = (land.model_dump_json(), rows, land.dataset.fingerprint if land.dataset is not None else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def itemsize(dtype: Any) -> int:
    """Bytes of a number."""
    return 4 if "32" in str(dtype) else 8


def of_runs(numbers: Any, points: slice, seeds: slice) -> Any:
    """The part of an array with axes for runs, either of which may be 1, that belongs to these runs."""
    if len(getattr(numbers, "shape", ())) < 2:
        return numbers
    numbers = numbers[points, ...] if numbers.shape[0] > 1 else numbers
    return numbers[:, seeds, ...] if numbers.shape[1] > 1 else numbers


def groups(points: int, seeds: int, bytes_a_run: int) -> Iterator[tuple[slice, slice]]:
    """Groups of runs whose intermediate arrays fit in the budget, points by points."""
    fit = max(1, BUDGET // max(1, bytes_a_run))
    step = min(seeds, fit)
    for k in range(0, points, max(1, fit // step)):
        for s in range(0, seeds, step):
            yield slice(k, min(k + max(1, fit // step), points)), slice(s, min(s + step, seeds))


def joined(parts: list[list[Any]], runs: tuple[int, int], xp: Any) -> list[Any]:
    """The outputs of all groups, points by points, put together: (points, seeds, ...) each."""
    if len(parts) == 1:
        return parts[0]
    made = []
    for pieces in zip(*parts, strict=True):
        rows, row, width = [], [], 0
        for piece in pieces:
            row.append(piece)
            width += piece.shape[1]
            if width == runs[1]:
                rows.append(xp.concat(row, axis=1) if len(row) > 1 else row[0])
                row, width = [], 0
        made.append(xp.concat(rows, axis=0) if len(rows) > 1 else rows[0])
    return made
