"""A landscape that is a formula over named tensors and data: one program (specs/program/) with exact derivatives."""

import math
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from ..base import Count, Real
from ..data import Data, Dataset
from ..errors import PlacedError
from ..init import FanIn, Init, Normal
from ..names import normal_names, why_no_name
from ..program.arrays import Evaluation
from ..program.derivative import grad, hvp
from ..program.draws import Draw, draw
from ..program.function import FUNCTIONS, array, given
from ..program.node import MAX_NUMBERS, Node
from ..program.read import CONSTANTS, Definition, Reading, definitions
from ..program.sizes import size_of
from ..sweep import Structural, StructuralValues, Swept, resolved
from .base import Arrays, Landscape

BUDGET = 2**23
"""Bytes of intermediate arrays: more runs than fit are done one group after the other, so that they stay in the cache. Every run is computed
by itself, so its bits depend on neither."""
DATA = ("X", "y", "X_test", "y_test")


class Tensors(Landscape):
    """A formula over named tensors, with data, random parts and sizes of its own.

    `variables` are what is optimised: a name and a shape each, made of whole numbers and `sizes`. `data` brings X (n, p), y (n,), X_test,
    y_test and the sizes n, n_test, p, classes. `parameters` are numbers, `arrays` are written out, `draws` are random once a seed. `define`
    names parts of the formula, with arguments where the name has them. `observables` are recorded along the trajectory.
    """

    kind: Literal["expression"] = "expression"
    data: Data | None = Field(default=None, description="brings X, y, X_test, y_test and the sizes n, n_test, p, classes")
    sizes: Annotated[dict[str, Structural[Count]], StructuralValues()] = Field(default={}, description="named sizes; a list sweeps one")
    variables: dict[str, tuple[Count | str, ...]] = Field(description="name -> shape, of numbers and sizes; [] is a number")
    parameters: dict[str, Swept[Real]] = Field(default={}, description="numbers by name, each of which can be swept")
    arrays: dict[str, Any] = Field(default={}, description="arrays written out, as lists")
    draws: dict[str, str] = Field(
        default={}, description="random once a seed: normal(d, d), uniform, sign, sphere, permutation, orthogonal"
    )
    define: dict[str, str] = Field(default={}, description="parts of the formula by name; net(x) has an argument")
    value_: Annotated[str, Field(alias="value", min_length=1, description="the loss")]
    observables: dict[str, str] = Field(default={}, description="formulas that are recorded along the trajectory, by name")
    _dataset: Dataset | None = PrivateAttr(default=None)

    model_config = ConfigDict(serialize_by_alias=True, populate_by_name=True)
    domain = (-1.0, 1.0)

    @field_validator("variables", "parameters", "observables", "sizes", "arrays", "draws", mode="before")
    @classmethod
    def _as_formulas_read_them(cls, names: Any) -> Any:
        names = {name: [] for name in names} if isinstance(names, (list, tuple)) else names
        return normal_names(names)

    @model_validator(mode="after")
    def _reads(self):
        self._dataset = self.data.load() if self.data else None
        self._check_names()
        _ = self._program(None)
        return self

    def _check_names(self) -> None:
        """Every name is a plain identifier, used once, and none that formulas have themselves."""
        seen = dict.fromkeys(DATA, "data") if self.data else {}
        seen |= dict.fromkeys(("n", "n_test", "p", "classes"), "data") if self.data else {}
        for part in ("sizes", "variables", "parameters", "arrays", "draws", "define"):
            for head in getattr(self, part):
                name = head.split("(")[0].strip() if part == "define" else head
                if problem := why_no_name(name):
                    raise PlacedError((part, head), problem)
                if name in seen:
                    raise PlacedError((part, head), f"the name '{name}' is used twice, here and in `{seen[name]}`")
                if name in CONSTANTS or name in ("t", "steps", "grad", "iterate") or name in FUNCTIONS.kinds():
                    raise PlacedError((part, head), f"the name '{name}' is taken by the formula language; choose another")
                seen[name] = part

    def __getstate__(self) -> dict[Any, Any]:
        """Copies and pickles leave what is made of the fields behind."""
        state = super().__getstate__()
        return {**state, "__dict__": {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}}

    @property
    def dataset(self) -> Dataset | None:
        return self._dataset

    def batch_count(self) -> int:
        return 0 if self._dataset is None else len(self._dataset.x)

    @property
    def observable_names(self) -> tuple[str, ...]:
        return tuple(self.observables)

    def _sizes(self, rows: int | None) -> dict[str, int]:
        """The sizes by name, with so many samples, by default all."""
        found = {name: int(resolved(n)) for name, n in self.sizes.items()}
        if (d := self._dataset) is not None:
            found |= {
                "n": rows or len(d.x),
                "n_test": len(d.x_test),
                "p": d.x.shape[1],
                "classes": len(d.classes) or math.prod(d.y.shape[1:]),
            }
        return found

    @cached_property
    def _shapes(self) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
        """The shape and the names of the axes of every variable."""
        sizes, found = self._sizes(None), {}
        for name, shape in self.variables.items():
            both = [size_of(n, sizes, ("variables", name)) for n in shape]
            found[name] = tuple(n for n, _ in both), tuple(label for _, label in both)
            if (count := math.prod(found[name][0])) > MAX_NUMBERS:
                raise PlacedError(("variables", name), f"has {count:,} numbers; at most {MAX_NUMBERS:,} are allowed")
        return found

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, (shape, _) in self._shapes.items()}

    @cached_property
    def _draws(self) -> dict[str, Draw]:
        sizes = self._sizes(None)
        return {name: draw(text, sizes, ("draws", name)) for name, text in self.draws.items()}

    def start(self) -> Init:
        return FanIn() if any(len(shape) > 1 for shape in self.blocks.values()) else Normal()

    @cached_property
    def _definitions(self) -> dict[str, Definition]:
        return definitions(self.define)

    @property
    def disorder_size(self) -> int:
        return sum(drawn.count for drawn in self._draws.values())

    def disorder(self, normal: Callable[[int], np.ndarray]) -> Arrays:
        numbers, first, made = normal(self.disorder_size) if self._draws else None, 0, {}
        for name, drawn in self._draws.items():
            assert numbers is not None
            made[name] = drawn.make(numbers[:, first : first + drawn.count])
            first += drawn.count
        return made

    def _program(self, rows: int | None) -> "Program":
        """The programs with so many samples."""
        if rows not in self._programs:
            self._programs[rows] = _keyed(_Key(self, rows))
        return self._programs[rows]

    @cached_property
    def _programs(self) -> "dict[int | None, Program]":
        return {}

    def workspace(self, samples: int, runs: int) -> int:
        return min(BUDGET // 8, runs * self._program(None).both.width)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        (value,) = self._run(self._program(None).value, x, p, xp)
        return value

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        (value,) = self._run(self._program(batch.shape[-1]).value, x, p, xp, batch)
        return value

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        value, gradient = self._run(self._program(None if batch is None else batch.shape[-1]).both, x, p, xp, batch)
        return value, gradient

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        gradient, product = self._run(self._program(None if batch is None else batch.shape[-1]).curved, x, p, xp, batch, v)
        return gradient, product

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        return dict(zip(self.observables, self._run(self._program(None).observed, x, p, xp), strict=True))

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
        for name in (*self.parameters, *self.draws):
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
        sizes = self._sizes(rows)
        made = {name: given(name, shape, axes=axes) for name, (shape, axes) in self._shapes.items()}
        made |= {name: given(name) for name in self.parameters}
        made |= {name: given(name, d.shape, d.kind, d.axes) for name, d in self._draws.items()}
        for name, values in self.arrays.items():
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

    def __init__(self, land: Tensors, rows: int | None):
        inputs = land._inputs(rows)
        reading = Reading(inputs, land._sizes(rows), land._definitions)
        self.by = [inputs[name] for name in land.variables]
        self.along = [given(f"{name}'", x.shape) for name, x in zip(land.variables, self.by, strict=True)]
        self.loss = reading.scalar(land.value_)
        self.watched = [reading.scalar(text, ("observables", name)) for name, text in land.observables.items()]

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

    def __init__(self, land: Tensors, rows: int | None):
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
