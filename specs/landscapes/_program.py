"""A formula over tensors as programs, and what evaluates them on batches of runs: groups of runs that fit in the cache, vectors from blocks."""

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..program.arrays import Evaluation
from ..program.derivative import grad, hvp, inner
from ..program.function import given
from ..program.node import Kind, Node, ordered
from ..program.read import Reading, definitions

BUDGET = 2**23
"""Bytes of intermediate arrays: more runs than fit are done one group after the other, so that they stay in the cache. Every run is computed
by itself, so its bits depend on neither."""

STEP = ("t", "steps")
"""Names that every formula may use: the update, from 1, and how many there are."""
ALONG = "'"
"""Stands behind the name of a variable where the direction is meant that something is computed along."""
RESIDUALS = "residuals'"
"""The input of `Program.pulled`."""


@dataclass(frozen=True)
class Drawn:
    """The shape of what is random, of numbers and names of sizes, and the kind of its numbers."""

    shape: tuple[int | str, ...]
    kind: Kind = "float"


@dataclass(frozen=True, eq=False)
class TensorFormula:
    """A formula over named tensors: what programs are made of. It knows data that the landscape has as X, y, X_test and y_test, with the sizes
    n, n_test, p and classes.

    `drawn` is what `disorder` makes once a seed; where its first axis is n it has a row for every sample. `residuals` names the formula for
    `jacobian`. For online noise, `fresh` are the arrays that the landscape makes of new normal numbers, `batch` names the size that is their
    number, and `sampled` is the loss on them where that is not `value`. `chain` names definitions that are read one after the other, since they
    are too many to be read inside each other.
    """

    value: str
    variables: Mapping[str, tuple[int | str, ...]]
    sizes: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict)
    drawn: Mapping[str, Drawn] = field(default_factory=dict)
    fresh: Mapping[str, Drawn] = field(default_factory=dict)
    batch: str = "n"
    define: Mapping[str, str] = field(default_factory=dict)
    observables: Mapping[str, str] = field(default_factory=dict)
    residuals: str = ""
    sampled: str = ""
    chain: tuple[str, ...] = ()


class Wanted:
    """Some outputs of a program, computed for batches of runs: numbers, and vectors that have one array a variable."""

    def __init__(self, variables: Sequence[Node], lasting: Collection[str], *outputs: "Node | list[Node]"):
        ends = itertools.accumulate(node.size for node in variables)
        self.variables = [(node.option("name"), slice(end - node.size, end), node.shape) for node, end in zip(variables, ends, strict=True)]
        self.size = sum(node.size for node in variables)
        self.vectors = [isinstance(output, list) for output in outputs]
        self.evaluation = Evaluation([node for output in outputs for node in (output if isinstance(output, list) else [output])], lasting)
        self.width = self.evaluation.plan.width

    def __call__(self, x: Any, v: Any, given: Callable[[slice, slice], Mapping[str, Any]], xp: Any) -> list[Any]:
        """The outputs at x (..., dim): numbers (...) and vectors (..., dim).

        Parameters
        ----------
        x
            The points, the first two axes of which are points of the sweep and seeds.
        v
            The direction for what is computed along one, shaped as x; None if there is none.
        given
            Gives the other inputs by name for some points of the sweep and some seeds; they have two or more axes for runs in front, or none.
        xp
            The namespace of the arrays.

        Returns
        -------
        The outputs.
        """
        lead = tuple(x.shape[:-1])
        if len(lead) < 2:
            x = xp.reshape(x, (*(1,) * (2 - len(lead)), *x.shape))
            v = None if v is None else xp.reshape(v, x.shape)
        found = [xp.empty((*x.shape[:-1], self.size) if vector else x.shape[:-1], dtype=x.dtype) for vector in self.vectors]
        bytes_a_run = self.width * math.prod(x.shape[2:-1]) * itemsize(x.dtype)
        for points, seeds in groups(x.shape[0], x.shape[1], bytes_a_run):
            inputs = {**self.blocks(x[points, seeds, ...], "", xp), **given(points, seeds)}
            if v is not None:
                inputs |= self.blocks(v[points, seeds, ...], ALONG, xp)
            self.fill([a[points, seeds, ...] for a in found], inputs, xp)
        return found if len(lead) > 1 else [xp.reshape(a, (*lead, *a.shape[2:])) for a in found]

    def blocks(self, flat: Any, suffix: str, xp: Any) -> dict[str, Any]:
        """The variables' arrays of flat points (..., dim), under their names with this suffix."""
        runs = flat.shape[:-1]
        return {name + suffix: xp.reshape(flat[..., where], (*runs, *shape)) for name, where, shape in self.variables}

    def fill(self, found: list[Any], inputs: Mapping[str, Any], xp: Any) -> None:
        """Writes the outputs to these arrays, each number and each vector to one."""
        if xp is np:  # whose slices are views, also in another shape
            places = []
            for a, vector in zip(found, self.vectors, strict=True):
                places += self.blocks(a, "", np).values() if vector else [a]
            for place, output in zip(places, self.evaluation(np, inputs, places), strict=True):
                if output is not place:
                    place[...] = output
            return
        outputs = iter(self.evaluation(xp, inputs))
        for a, vector in zip(found, self.vectors, strict=True):
            if not vector:
                a[...] = xp.asarray(next(outputs), dtype=a.dtype)
                continue
            parts = [(next(outputs), shape) for _, _, shape in self.variables]
            runs = a.shape[:-1]
            flat = [
                xp.reshape(xp.broadcast_to(xp.asarray(b, dtype=a.dtype), (*runs, *shape)), (*runs, math.prod(shape))) for b, shape in parts
            ]
            a[...] = xp.concat(flat, axis=-1)


class Program:
    """What is computed of a formula, each when it is first asked for.

    Parameters
    ----------
    formula
        The formula.
    inputs
        What it may name, by name.
    sizes
        The sizes by name.
    lasting
        The names of inputs that stay the same from step to step.
    online
        Whether the loss is that of new samples.
    """

    def __init__(
        self, formula: TensorFormula, inputs: Mapping[str, Node], sizes: Mapping[str, Any], lasting: Collection[str], online: bool = False
    ):
        self.formula, self.inputs, self.sizes, self.lasting = formula, inputs, sizes, lasting
        self.by = [inputs[name] for name in formula.variables]
        self.along = [given(f"{name}{ALONG}", x.shape) for name, x in zip(formula.variables, self.by, strict=True)]
        of_all = bool(formula.sampled) and not online
        self.loss = self.reading().scalar(
            formula.sampled if online and formula.sampled else formula.value, ("population" if of_all else "value",)
        )

    def reading(self) -> Reading:
        """What reads formulas: a new one each time, since threads may ask for different parts at once."""
        made = Reading(self.inputs, self.sizes, definitions(self.formula.define))
        for name in self.formula.chain:
            made.read(name, ("define", name))
        return made

    @cached_property
    def watched(self) -> dict[str, Node]:
        """The observables."""
        reading = self.reading()
        return {name: reading.scalar(text, ("observables", name)) for name, text in self.formula.observables.items()}

    @cached_property
    def takes_step(self) -> bool:
        """Whether the loss or an observable depends on the step."""
        return any(reads(one, STEP) and one.kind == "int" for one in ordered([self.loss, *self.watched.values()]))

    @cached_property
    def residuals(self) -> Node:
        return self.reading().read(self.formula.residuals, ("residuals",))

    @cached_property
    def gradient(self) -> list[Node]:
        return grad(self.loss, self.by)

    def nodes(self, wanted: str) -> list[Node]:
        """What the outputs of this name are made of: observables, or the loss and what is linear in it."""
        if not wanted.startswith("observed"):
            return [self.loss]
        return [node for name, node in self.watched.items() if (name in self.tested) == (wanted == "observed_of_test")]

    @cached_property
    def value(self) -> Wanted:
        return Wanted(self.by, self.lasting, self.loss)

    @cached_property
    def both(self) -> Wanted:
        return Wanted(self.by, self.lasting, self.loss, self.gradient)

    @cached_property
    def curved(self) -> Wanted:
        return Wanted(self.by, self.lasting, self.gradient, hvp(self.loss, self.by, self.along))

    @cached_property
    def tested(self) -> tuple[str, ...]:
        """The observables that are made of the test part of the data."""
        return tuple(name for name, node in self.watched.items() if any(reads(one, ("X_test", "y_test")) for one in ordered([node])))

    @cached_property
    def observed(self) -> Wanted:
        return Wanted(self.by, self.lasting, *self.nodes("observed"))

    @cached_property
    def observed_of_test(self) -> Wanted:
        return Wanted(self.by, self.lasting, *self.nodes("observed_of_test"))

    @cached_property
    def remaining(self) -> Evaluation:
        """The residuals (..., their shape)."""
        return Evaluation([self.residuals], self.lasting)

    @cached_property
    def pulled(self) -> Wanted:
        """The derivatives of the residuals, each times its number in the input RESIDUALS, summed."""
        return Wanted(self.by, self.lasting, grad(inner([self.residuals], [given(RESIDUALS, self.residuals.shape)]), self.by))


def reads(node: Node, names: Sequence[str]) -> bool:
    """Whether this is an input of one of these names."""
    return node.function.name == "input" and node.option("name") in names


def itemsize(dtype: Any) -> int:
    """Bytes of a number."""
    return dtype.itemsize if hasattr(dtype, "itemsize") else 4 if "32" in str(dtype) else 8


def of_runs(numbers: Any, points: slice, seeds: slice) -> Any:
    """The part of an array with axes for runs, either of which may be 1, that belongs to these runs."""
    if len(getattr(numbers, "shape", ())) < 2:
        return numbers
    numbers = numbers[points, ...] if numbers.shape[0] > 1 else numbers
    return numbers[:, seeds, ...] if numbers.shape[1] > 1 else numbers


def taken(a: Any, own: int, rows: Any, xp: Any) -> Any:
    """The rows of samples, along the first of the array's `own` last axes: a slice of them, or (seeds, size) of every seed its own."""
    if isinstance(rows, slice):
        return a[(..., rows, *(slice(None),) * (own - 1))]
    (seeds, size), (n, *rest) = rows.shape, a.shape[len(a.shape) - own :]
    if len(a.shape) > own:
        a, rows = xp.reshape(a, (seeds * n, *rest)), rows + n * xp.arange(seeds, dtype=rows.dtype)[:, None]
    return xp.reshape(xp.take(a, xp.reshape(rows, (-1,)), axis=0), (1, seeds, size, *rest))


def groups(points: int, seeds: int, bytes_a_run: int) -> Iterator[tuple[slice, slice]]:
    """Groups of runs whose intermediate arrays fit in the budget, points by points."""
    fit = max(1, BUDGET // max(1, bytes_a_run))
    step = min(seeds, fit)
    for k in range(0, points, max(1, fit // step)):
        for s in range(0, seeds, step):
            yield slice(k, min(k + max(1, fit // step), points)), slice(s, min(s + step, seeds))
