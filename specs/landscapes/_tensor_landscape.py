"""Landscapes that are formulas over tensors: value, exact derivatives, Jacobian and observables of what their `definition` says."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from pydantic import PrivateAttr, model_validator

from ..data import Dataset
from ..errors import PlacedError, SpecError
from ..program.function import array, given
from ..program.node import MAX_NUMBERS, Node
from ..program.pieces import is_mean
from ..program.sizes import size_of
from ..sweep import resolved
from ._program import BUDGET, RESIDUALS, STEP, Drawn, Program, TensorFormula, of_runs, taken
from .base import Arrays, Landscape

ROWS = 4096
"""A mean over more samples than this is taken piece by piece, whatever the number of runs, so that bits depend on neither memory nor batch."""
DATA = ("X", "y", "X_test", "y_test")
ACTIVATIONS = {"linear": "z", "tanh": "tanh(z)", "relu": "where(z <= 0, 0, z)", "sigmoid": "sigmoid(z)"}
"""Between layers; the derivative of relu at 0 counts as 0."""


class ProgramLandscape(Landscape):
    """A landscape that is a formula over tensors. A subclass gives `definition()`, `disorder` for what is drawn in it, `fresh` for online noise."""

    _dataset: Dataset | None = PrivateAttr(default=None)

    def definition(self) -> TensorFormula:
        """This landscape as text. Of a swept size it has the first; the engine resolves structural sweeps before it runs."""
        raise NotImplementedError

    @property
    def holds_samples(self) -> bool:
        """Whether samples for online noise are held out, once a seed, for the loss that is recorded."""
        return True

    def new_samples(self, normal: Any, xp: Any) -> Arrays:
        """The same of one run, without the first axis, where that can be said in functions of arrays alone."""
        raise NotImplementedError

    def fresh(self, normal: Any, xp: Any) -> Arrays:
        """The arrays that a batch of new samples is made of, (1, seeds, ...) each, from normal numbers (seeds, size, sample_size)."""
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

    @property
    def labels_are_classes(self) -> bool:
        """Whether y are whole numbers, the positions of labels in the data's classes, and not numbers."""
        return self._dataset is not None and self._dataset.classes.size > 0

    def batch_count(self) -> int:
        return 0 if self._dataset is None else len(self._dataset.x)

    @property
    def named_sizes(self) -> dict[str, int]:
        return {name: size for name, size in self._sizes.items() if isinstance(size, int)}

    @property
    def observable_names(self) -> tuple[str, ...]:
        return tuple(self._formula.observables)

    def data_sizes(self) -> dict[str, int]:
        """The sizes of the data by name."""
        return {} if self._dataset is None else self._dataset.sizes()

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        """All sizes by name."""
        return {**self._formula.sizes, **self.data_sizes()}

    @cached_property
    def _shapes(self) -> dict[str, tuple[tuple[int, ...], tuple[str, ...]]]:
        """The shape and the names of the axes of every variable."""
        made = {name: shaped(shape, self._sizes, ("variables", name)) for name, shape in self._formula.variables.items()}
        for name, (shape, _) in made.items():
            if (count := math.prod(shape)) > MAX_NUMBERS:
                raise PlacedError(("variables", name), f"has {count:,} numbers; at most {MAX_NUMBERS:,} are allowed")
        return made

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, (shape, _) in self._shapes.items()}

    def program(self, count: int | None = None, size: str = "n", online: bool = False) -> Program:
        """The programs where the size of this name is `count`, by default what it is, on the samples there are or on new ones (`online`)."""
        key = (count, size, online)
        if key not in self._programs:
            self._programs[key] = _keyed(_Key(self, key))
        return self._programs[key]

    @cached_property
    def _programs(self) -> dict[Any, Program]:
        return {}

    def workspace(self, samples: int, runs: int) -> int:
        size = self._formula.batch
        count = self._sizes.get(size, 0)
        some = -(-count // len(pieces(count))) if self._in_pieces("both", count, size) else None
        width = self.program(some, size).both.width
        return min(max(BUDGET // 8, width), runs * width)

    def value(self, x: Any, p: Arrays, xp: Any) -> Any:
        (value,) = self._outputs("value", x, p, xp)
        return value

    def batch_value(self, x: Any, p: Arrays, xp: Any, batch: Any) -> Any:
        (value,) = self._outputs("value", x, p, xp, batch)
        return value

    def value_and_grad(self, x: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        value, gradient = self._outputs("both", x, p, xp, batch)
        return value, gradient

    def gradient_along(self, x: Any, v: Any, p: Arrays, xp: Any, batch: Any = None) -> tuple[Any, Any]:
        gradient, product = self._outputs("curved", x, p, xp, batch, v=v)
        return gradient, product

    def observe(self, x: Any, p: Arrays, xp: Any) -> Arrays:
        tested = self.program().tested
        names = [name for name in self.observable_names if name not in tested]
        found = dict(zip(names, self._outputs("observed", x, p, xp), strict=True)) if names else {}
        if tested:
            found |= zip(tested, self._outputs("observed_of_test", x, p, xp, size="n_test"), strict=True)
        return {name: found[name] for name in self.observable_names}

    @property
    def has_jacobian(self) -> bool:
        return bool(self._formula.residuals)

    def jacobian(self, x: Any, p: Arrays, xp: Any) -> Any:
        if not self._formula.residuals:
            return None
        shape, wanted = self.program().residuals.shape, self.program().pulled
        units, given = xp.eye(math.prod(shape), dtype=x.dtype), self._given(x, p, xp, None, "n")

        def row(k: int) -> Any:
            """The derivatives of residual k."""
            (found,) = wanted(x, None, lambda points, seeds: {**given(points, seeds), RESIDUALS: xp.reshape(units[k, :], shape)}, xp)
            return found

        return xp.stack([row(k) for k in range(units.shape[0])], axis=-2)

    def residuals(self, x: Any, p: Arrays, xp: Any) -> Any:
        if not self._formula.residuals:
            return None
        program, every = self.program(), slice(None)
        inputs = {**program.value.blocks(x, "", xp), **self._given(x, p, xp, None, "n")(every, every)}
        (found,) = program.remaining(xp, inputs)
        return xp.broadcast_to(xp.reshape(found, (*found.shape[: len(x.shape) - 1], -1)), (*x.shape[:-1], program.residuals.size))

    def _outputs(self, wanted: str, x: Any, p: Arrays, xp: Any, batch: Any = None, size: str = "", v: Any = None) -> list[Any]:
        """The outputs of this name, of all samples or of a batch: numbers (...) and vectors (..., dim). A mean over many samples is put
        together from pieces."""
        online = batch is not None and len(batch.shape) == 3
        rows = batch if batch is None or online else xp.reshape(batch, (-1, batch.shape[-1]))
        size = size or self._formula.batch
        count = self._sizes.get(size, 0) if rows is None else rows.shape[1]
        if online or not self._in_pieces(wanted, count, size):
            program = self.program(None if rows is None else count, size, online)
            return getattr(program, wanted)(x, v, self._given(x, p, xp, rows, size), xp)
        total: list[Any] = []
        for piece in pieces(count):
            some = piece.stop - piece.start
            program, given = self.program(some, size), self._given(x, p, xp, piece if rows is None else rows[:, piece], size)
            found = [a * some for a in getattr(program, wanted)(x, v, given, xp)]
            total = [t + a for t, a in zip(total, found, strict=True)] if total else found
        return [t / count for t in total]

    def _in_pieces(self, wanted: str, count: int, size: str) -> bool:
        """Whether these outputs, of so many samples, are put together from pieces."""
        if count <= ROWS or not (samples := self._of_samples.get(size)):
            return False
        key = (wanted if wanted.startswith("observed") else "value", count, size)
        if key not in self._means:
            some = {piece.stop - piece.start for piece in pieces(count)}
            try:
                whole, *others = (self.program(n, size).nodes(wanted) for n in (count, *some))
            except SpecError:  # a formula that needs all of them
                others, whole = [], []
            pairs = [(n, a, b) for n, nodes in zip(some, others, strict=False) for a, b in zip(whole, nodes, strict=True)]
            self._means[key] = bool(others) and all(is_mean(a, b, samples, count, n) for n, a, b in pairs)
        return self._means[key]

    @cached_property
    def _means(self) -> dict[Any, bool]:
        return {}

    def _given(self, x: Any, p: Arrays, xp: Any, rows: Any, size: str) -> Callable[[slice, slice], Arrays]:
        """What a program is given besides the variables, for some points of the sweep and some seeds.

        Parameters
        ----------
        x, p, xp
            Points, numbers and random arrays of the landscape, and their namespace.
        rows
            Which samples: None for all; a slice of them; indices (seeds, size) of a minibatch; normal numbers (seeds, size, sample_size) that
            new ones are made of.
        size
            The name of their number: n, or n_test for the test part.
        """
        data = self._data_arrays(x, xp) if self._has_data else {}
        of_each = {name: xp.asarray(p[name], dtype=x.dtype) for name in self._formula.parameters}
        of_each |= {name: xp.asarray(p[name]) for name in self._of_runs}
        some = rows is not None
        if some and not isinstance(rows, slice) and len(rows.shape) == 3:
            of_each, some = {**of_each, **self.fresh(rows, xp)}, False

        def given(points: slice, seeds: slice) -> Arrays:
            made = {**data, **{name: of_runs(a, points, seeds) for name, a in of_each.items()}}
            if some:
                picked = rows if isinstance(rows, slice) else rows[seeds, :]
                made |= {name: taken(made[name], own, picked, xp) for name, own in self._of_samples[size].items()}
            return made

        return given

    @cached_property
    def _of_runs(self) -> tuple[str, ...]:
        """The names of what programs take of every run besides parameters: random arrays, the step."""
        return (*self._formula.drawn, *(STEP if self.takes_step else ()))

    @cached_property
    def _has_data(self) -> bool:
        return self._dataset is not None

    @cached_property
    def _of_samples(self) -> dict[str, dict[str, int]]:
        """By the name of a size the arrays that have a row for every sample, with the number of their own axes."""
        made: dict[str, dict[str, int]] = {"n": {}, "n_test": {}, self._formula.batch: {}}
        if self._dataset is not None:
            columns = len(self._dataset.y.shape)
            made |= {"n": {"X": 2, "y": columns}, "n_test": {"X_test": 2, "y_test": columns}}
        for size, names in made.items():
            names |= {name: len(d.shape) for name, d in self._formula.drawn.items() if d.shape and d.shape[0] == size}
        return made

    def samples_of(self, size: str) -> Mapping[str, int]:
        """The arrays that have a row for every one of so many samples, by name, with the number of their own axes."""
        return self._of_samples.get(size, {})

    def _data_arrays(self, like: Any, xp: Any) -> Arrays:
        """X, y, X_test and y_test."""
        assert self._dataset is not None
        d = self._dataset
        made = {"X": d.on(like, xp, "x", lambda: d.x), "X_test": d.on(like, xp, "x_test", lambda: d.x_test)}
        if self.labels_are_classes:
            return made | {
                "y": d.whole(like, xp, "codes", lambda: d.codes()),
                "y_test": d.whole(like, xp, "codes_test", lambda: d.codes(test=True)),
            }
        return made | {"y": d.on(like, xp, "y", lambda: d.y), "y_test": d.on(like, xp, "y_test", lambda: d.y_test)}

    def _inputs(self, sizes: Mapping[str, Any], online: bool) -> dict[str, Node]:
        """The inputs of a program with these sizes by name."""
        formula = self._formula
        made = {name: given(name, kind="int") for name in STEP}
        made |= {name: given(name, shape, axes=axes) for name, (shape, axes) in self._shapes.items()}
        made |= {name: given(name) for name in formula.parameters}
        for name, drawn in {**formula.drawn, **(formula.fresh if online else {})}.items():
            shape, axes = shaped(drawn.shape, sizes, ("draws", name))
            made[name] = given(name, shape, drawn.kind, axes)
        for name, values in formula.arrays.items():
            try:
                made[name] = array(np.array(values))
            except (ValueError, TypeError):
                raise PlacedError(("arrays", name), "must be a list of numbers, or of lists of one length") from None
        if (d := self._dataset) is not None:
            for name, label in (("", "n"), ("_test", "n_test")):
                made[f"X{name}"] = given(f"X{name}", (sizes[label], sizes["p"]), axes=(label, "p"))
                own, kind = (sizes[label], *d.y.shape[1:]), "int" if self.labels_are_classes else "float"
                made[f"y{name}"] = given(f"y{name}", own, kind, (label, *("",) * (len(own) - 1)))
        return made


class TensorLandscape(ProgramLandscape):
    """A landscape whose formula over tensors is fixed in its file.

    A subclass states `formula`, `variables` with their shapes, and what else a TensorFormula has. The numbers among its structural fields are
    sizes, its `Swept` fields are parameters. What depends on other fields it changes in `definition()`.
    """

    formula: ClassVar[str] = ""
    variables: ClassVar[Mapping[str, tuple[int | str, ...]]] = {}
    define: ClassVar[Mapping[str, str]] = {}
    observables: ClassVar[Mapping[str, str]] = {}
    drawn: ClassVar[Mapping[str, Drawn]] = {}

    domain = (-1.0, 1.0)

    @model_validator(mode="after")
    def _has_shapes(self):
        """Sizes that are too large are told where the landscape is read; those of data are known when it is loaded."""
        if "data" not in type(self).model_fields:
            _ = self.blocks
        return self

    def definition(self) -> TensorFormula:
        fields = [(path[-1], resolved(value), structural) for path, value, structural in self.fields()]
        return TensorFormula(
            value=self.formula,
            variables=self.variables,
            sizes={name: value for name, value, structural in fields if structural and type(value) in (int, float)},
            parameters=tuple(name for name, _, structural in fields if not structural),
            drawn=self.drawn,
            define=self.define,
            observables=self.observables,
        )


def pieces(count: int) -> list[slice]:
    """So many samples in pieces of at most ROWS, as equal as can be."""
    many = -(-count // ROWS)
    return [slice(k * count // many, (k + 1) * count // many) for k in range(many)]


def shaped(shape: Sequence[int | str], sizes: Mapping[str, Any], path: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """A shape as whole numbers, and the names of its axes. Raises PlacedError for what is no size."""
    both = [size_of(n, sizes, path) for n in shape]
    return tuple(n for n, _ in both), tuple(label for _, label in both)


@lru_cache(maxsize=64)
def _keyed(key: "_Key") -> Program:
    land, (count, size, online) = key.land, key.of
    sizes = land._sizes if count is None else {**land._sizes, size: count}
    lasting = (*land._formula.parameters, *((*DATA, *land._formula.drawn) if count is None and not online else ()))
    return Program(land._formula, land._inputs(sizes, online), sizes, lasting, online)


class _Key:
    """A landscape and which of its programs, equal where the studies' texts are."""

    def __init__(self, land: ProgramLandscape, of: tuple[int | None, str, bool]):
        self.land, self.of = land, of
        self.text = (land.model_dump_json(), of, land.dataset.fingerprint if land.dataset is not None else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
