"""From an optimizer's rule, or an iterate average, to a compiled function that moves a point and its states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ....optimizers._rule import RuleProgram
from ....specs.average import Average
from ....specs.program.arrays import Evaluation
from ....specs.program.function import array, given
from ....specs.program.node import Node, ordered
from ....specs.program.split import hoisted, replaced
from ..codegen.average_program import average_program
from ..codegen.refusal import NotFusable
from .expand import expanded
from .landscape import Layout
from .loops import Schedule, copied
from .places import VIEWS, Place, numbers, row_major, whole_lines
from .source import RULE, Compute

CHANGING = ("t", "factor")
"""What comes first among a rule's own numbers, and changes from step to step: the number of the update, and the schedule's factor."""


@dataclass(frozen=True)
class Rule:
    """A compiled update."""

    compute: Compute
    fixed: tuple[Node, ...]
    """Its own numbers besides those that change from step to step, made of hyperparameters."""
    states: tuple[tuple[int, tuple[int, ...]], ...]
    """Where each state of each block lies in the memory of a run's states, and its shape."""
    size: int
    """Numbers of a run's states."""

    def numbers(self, exact: Mapping[str, Any]) -> np.ndarray:
        """(points or 1, 2 + fixed) in float64, from the hyperparameters by name, (points or 1, ...) each; the first two are yet to come."""
        made = Evaluation(list(self.fixed))(np, exact) if self.fixed else []
        columns = [np.zeros(1), np.zeros(1), *(np.asarray(a, dtype=np.float64).reshape(-1) for a in made)]
        return np.ascontiguousarray(np.stack(np.broadcast_arrays(*columns), axis=1))


def rule(program: RuleProgram, layout: Layout, constants: Mapping[str, Any], moving: Mapping[str, Node] = MappingProxyType({})) -> Rule:
    """The update of a point by an optimizer's program.

    Parameters
    ----------
    program
        The optimizer's.
    layout
        Where the numbers of a run lie.
    constants
        The arrays that it takes besides.
    moving
        Hyperparameters that are formulas of t, by the path of their field: over t and other numbers.

    Returns
    -------
    The compiled update.

    Raises
    ------
    NotFusable
        For what has no compiled form.
    """
    names = list(
        dict.fromkeys(n.option("name") for n in ordered(moving.values()) if n.function.name == "input" and n.option("name") != "t")
    )

    def hyperparameter(path: str) -> Node:
        if path in moving:
            return moving[path]
        names.append(path)
        return given(path)

    outputs: list[Node] = []
    targets: list[Place] = []
    places: dict[str, Place] = {}
    states, size = [], 0
    for k, block in enumerate(program.parts):
        by: dict[int, Node] = {}
        owner = "".join(f"{name}." for name in block.part.owner)
        mine: dict[str, Place] = {}
        for name, n in block.inputs.items():
            if name in ("x", "g", "xi"):
                mine[name] = places[f"{name} {k}"] = Place(name, block.part.where.start, row_major(n.shape))
                by[id(n)] = given(f"{name} {k}", n.shape)
            elif name in block.states:
                mine[name] = places[f"{name} {k}"] = Place("states", size, row_major(n.shape))
                by[id(n)] = given(f"{name} {k}", n.shape)
                states.append((size, n.shape))
                size += whole_lines(numbers(n.shape), layout.lanes)
            elif name in constants:
                by[id(n)] = array(np.asarray(constants[name], dtype=np.float64))
            elif name == "lr":
                by[id(n)] = hyperparameter(f"{owner}lr") * given("factor")
            elif name == "loss":
                raise NotFusable("a rule that takes the loss")
            elif name != "t":
                by[id(n)] = hyperparameter(".".join(block.part.numbers[name]))
        outputs += replaced(block.outputs, by)
        targets += [mine["x"], *(mine[name] for name in block.states)]
    return compiled(outputs, targets, places, names, layout, states, size)


def average_rule(average: Average, dim: int, steps: int, layout: Layout) -> Rule:
    """The update of an iterate average a, which lies at `x`, by the iterate, which lies at `g`. Raises NotFusable."""
    a, x = given("x 0", (dim,)), given("g 0", (dim,))
    fields = [path[-1] for path, _, structural in average.fields() if not structural]
    new = average_program(type(average), a, x, {"steps": steps, **{name: given(name) for name in fields}}, layout.precision)
    places = {"x 0": Place("x", 0, (1,)), "g 0": Place("g", 0, (1,))}
    return compiled([new], [Place("x", 0, (1,))], places, fields, layout, [], 0)


def compiled(
    outputs: Sequence[Node],
    targets: Sequence[Place],
    places: Mapping[str, Place],
    names: Sequence[str],
    layout: Layout,
    states: Sequence[tuple[int, tuple[int, ...]]],
    size: int,
) -> Rule:
    """A rule whose outputs go to these places, in place where that does no harm.

    Parameters
    ----------
    outputs, targets
        What it computes, and where that goes.
    places
        Of the inputs that are arrays, by name.
    names
        Of its hyperparameters.
    layout
        Of the study's programs; arrays written out go to what all runs share.
    states, size
        Where its states lie, and how many numbers they take.

    Returns
    -------
    The rule.
    """
    once, outputs = hoisted(outputs, dict.fromkeys(names), "fixed")
    scalars = {name: Place("scalar", k, ()) for k, name in enumerate((*CHANGING, *once))}
    outputs = expanded(outputs, layout.precision)
    found: dict[int, Place] = {}
    for n in ordered(outputs):
        if n.function.name == "array":
            found[id(n)] = layout.keep(n.option("entries"), n.option("entries").array)
        elif n.function.name == "input":
            found[id(n)] = (scalars | dict(places))[n.option("name")]
    outputs = [copied(n) if moves_along(n, found, place) else n for n, place in zip(outputs, targets, strict=True)]
    wanted = {id(n): place for n, place in zip(outputs, targets, strict=True) if n.function.name != "input"}
    schedule = Schedule(outputs, found, layout.lanes, wanted, large=layout.large)
    compute = layout.write(schedule, layout.precision, layout.lanes, "rule", RULE, list(zip(outputs, targets, strict=True)))
    return Rule(compute, tuple(once.values()), tuple(states), size)


def moves_along(n: Node, places: Mapping[int, Place], to: Place) -> bool:
    """Whether an output is an input, or a part of one, that lies elsewhere: it is read before anything is written there."""
    base = n
    while base.function.name in VIEWS:
        (base,) = base.args
    return base.function.name == "input" and places[id(base)].base != "scalar" and (base is not n or places[id(n)] != to)
