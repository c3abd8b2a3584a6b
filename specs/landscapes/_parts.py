"""Parts of a landscape's formula: their values at points, and the derivatives of every sample's own row.

A part is a text that the formula itself could have: the name of a definition, `hidden`, one with its arguments, `net(X)`, or any other formula of
what the landscape knows.
"""

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ..errors import PlacedError, SpecError
from ..program.arrays import Evaluation
from ..program.derivative import grad, inner
from ..program.function import given
from ..program.node import ordered
from ..program.pieces import samples_axis
from ._program import RESIDUALS, Program, groups
from ._tensor_landscape import DATA, ProgramLandscape
from .base import Arrays

EVERY = slice(None)


class Part:
    """A part of a landscape's formula. Raises PlacedError with what is wrong with its text."""

    def __init__(self, program: Program, text: str):
        self.program, self.text = program, text
        self.node = program.reading().read(text, (text,))

    @cached_property
    def inputs(self) -> set[str]:
        """The names of what it depends on."""
        return {one.option("name") for one in ordered([self.node]) if one.function.name == "input"}

    @cached_property
    def evaluation(self) -> Evaluation:
        """The part (..., its shape)."""
        return Evaluation([self.node], self.program.lasting)

    @cached_property
    def pulled(self) -> Evaluation:
        """Its derivatives, each times its number in the input RESIDUALS, summed: an array a variable."""
        return Evaluation(grad(inner([self.node], [given(RESIDUALS, self.node.shape)]), self.program.by), self.program.lasting)


@lru_cache(maxsize=128)
def part(program: Program, text: str) -> Part:
    """The part of this program, read once."""
    return Part(program, text)


def read(land: ProgramLandscape, text: str) -> Part:
    """The part of this landscape. Raises PlacedError with what is wrong with its text, and what is allowed."""
    found = part(land.program(), text)
    known = {*land.blocks, *land.definition().parameters, *land._of_runs, *(DATA if land.dataset is not None else ())}
    if unknown := sorted(found.inputs - known):
        raise PlacedError((text,), f"depends on {unknown[0]}, which is not kept with the runs")
    return found


def value(land: ProgramLandscape, text: str, x: Any, p: Arrays) -> np.ndarray:
    """The part at points x (points, seeds, dim): (points, seeds, its shape), in NumPy."""
    one = read(land, text)
    found = np.empty((*x.shape[:2], *one.node.shape), dtype=np.dtype(np.float64 if one.node.kind == "float" else np.int64))
    give = land._given(x, p, np, None, "n")
    for points, seeds in groups(x.shape[0], x.shape[1], 8 * one.evaluation.plan.width):
        inputs = {**one.program.value.blocks(x[points, seeds], "", np), **give(points, seeds)}
        (found[points, seeds],) = one.evaluation(np, inputs)
    return found


def by_samples(land: ProgramLandscape, text: str) -> Part | None:
    """The part for one sample, if the landscape's samples stay apart in it: its rows are then one a sample, made of that sample alone. None if they
    do not, or where that is not known."""
    count, names = land.named_sizes.get("n", 0), land.samples_of("n")
    if count < 3 or not names:
        return None
    try:
        whole, some, single = (part(land.program(n, "n") if n else land.program(), text) for n in (None, 2, 1))
    except SpecError:  # a formula that needs all of them
        return None
    return single if samples_axis(whole.node, some.node, names, count, 2) == -whole.node.ndim else None


def jacobian(land: ProgramLandscape, text: str, x: Any, p: Arrays) -> np.ndarray:
    """The derivatives of every entry of the part at points x (points, seeds, dim): (points, seeds, its shape, dim), in NumPy, exact. Where samples
    stay apart, one pass an output gives those of all samples."""
    whole, single = read(land, text), by_samples(land, text)
    one = whole if single is None else single
    shape, size = whole.node.shape, one.node.size
    samples = shape[0] if single is not None else 1
    found = np.empty((*x.shape[:2], samples, size, x.shape[-1]))
    give = land._given(x, p, np, None, "n")
    units = np.eye(size).reshape(size, *one.node.shape)
    for points, seeds in groups(x.shape[0], x.shape[1], 8 * samples * one.pulled.plan.width):
        inputs = {**one.program.value.blocks(x[points, seeds], "", np), **give(points, seeds)}
        if single is not None:
            inputs = _of_one(land, inputs)
        place = found[points, seeds]
        for k in range(size):
            blocks = one.pulled(np, {**inputs, RESIDUALS: units[k]})
            for (_, where, own), block in zip(one.program.value.variables, blocks, strict=True):
                many = np.broadcast_to(block, (*place.shape[:2], *((samples,) if single is not None else ()), *own))
                place[:, :, :, k, where] = many.reshape(*place.shape[:3], -1)
    return found.reshape(*x.shape[:2], *shape, x.shape[-1])


def _of_one(land: ProgramLandscape, inputs: Arrays) -> Arrays:
    """The inputs with an axis for samples behind those of the runs, each a program's one sample."""
    names, made = land.samples_of("n"), {}
    for name, a in inputs.items():
        if name in names:  # (runs..., n, own...) -> (runs..., n, 1, own...)
            made[name] = np.expand_dims(a, a.ndim - names[name] + 1)
        else:
            made[name] = np.expand_dims(a, 2) if np.ndim(a) >= 2 and name not in DATA else a
    return made
