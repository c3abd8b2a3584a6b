"""An optimizer's rule as a program: its `update`, called with nodes in the place of arrays (specs/program/trace.py)."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..specs.program.derivative import full
from ..specs.program.function import as_node, given
from ..specs.program.node import Node, apply, broadcast
from ..specs.program.numpy_functions import Untraceable
from ..specs.program.trace import trace
from ..specs.sweep import NumberFormula, Sweep, resolved
from ._matrix import MatrixOptimizer
from ._particles import ParticleOptimizer
from .base import RuleOptimizer

Places = Mapping[str, tuple[slice, tuple[int, ...]]]
SCALE = "lr_scale"


@dataclass(frozen=True, eq=False)
class Part:
    """A block of the flat point that moves by a rule of its own, or all of it: where it lies, its shape, and whose rule it is. `owner` is the path of
    that optimizer's fields: ("rest",) of the parameters that are not matrices. `scaled` are its variables and their sizes, in order, each with whether
    its learning rate has a factor of its own; () where none has."""

    optimizer: RuleOptimizer
    owner: tuple[str, ...]
    where: slice
    shape: tuple[int, ...]
    scaled: tuple[tuple[str, int, bool], ...] = ()

    @property
    def numbers(self) -> dict[str, tuple[str, ...]]:
        """The hyperparameters that the rule takes, which may differ from run to run, each with the path of its field."""
        taken = [name for name in self.optimizer.inputs() if name not in self.changing and is_number(self.optimizer, name)]
        return {name: (*self.owner, name) for name in taken} | {factor_name(name): (SCALE, name) for name, _, own in self.scaled if own}

    def factor(self, numbers: Mapping[str, Any], full: Callable[[Any, int], Any], concat: Callable[[list[Any]], Any]) -> Any:
        """What the learning rate is multiplied by: one number, or one for each entry of the last axis; None where it is left as it is."""
        pieces = [(numbers[factor_name(name)] if own else 1.0, size) for name, size, own in self.scaled]
        return pieces[0][0] if len(pieces) == 1 else concat([full(factor, size) for factor, size in pieces]) if pieces else None

    @property
    def changing(self) -> dict[str, tuple[int, ...]]:
        """What changes from step to step, with its shape: `alpha` is one of them where there are particles."""
        numbers = dict.fromkeys(("t", "lr", *["alpha"] * isinstance(self.optimizer, ParticleOptimizer)), ())
        return {**numbers, "xi": self.shape, "loss": (1,) * len(self.shape)}


@dataclass(frozen=True, eq=False)
class PartRule:
    """How a part moves. `inputs` are the arguments of its rule by name: x, g (of particles f) and the states, then those of t, lr, xi, alpha, loss,
    its constants and its hyperparameters that it takes. `x` and `states` are what they become."""

    part: Part
    inputs: Mapping[str, Node]
    x: Node
    states: Mapping[str, Node]

    @property
    def outputs(self) -> tuple[Node, ...]:
        """The new x, then the new states."""
        return (self.x, *self.states.values())


@dataclass(frozen=True, eq=False)
class RuleProgram:
    """An optimizer's update of the flat point, part by part."""

    parts: tuple[PartRule, ...]


def factor_name(variable: str) -> str:
    """The name among a rule's numbers of the factor on the learning rate of a variable."""
    return f"{SCALE}.{variable}"


def traced(
    optimizer: RuleOptimizer, blocks: Mapping[str, tuple[int, ...]], precision: str = "float64", places: Places | None = None
) -> RuleProgram:
    """The update as a program: of an optimizer of matrices a part for every block, of others one for the whole point.

    Parameters
    ----------
    optimizer
        With a rule; of its structural fields those that are swept have been resolved.
    blocks
        The shapes of the landscape's parameters by name.
    precision
        What the arrays of a rule say when they are asked for their dtype.
    places
        The variables that may have factors on the learning rate, and where they lie; by default the blocks.

    Returns
    -------
    The program, whose inputs have the shapes of one run.

    Raises
    ------
    Untraceable
        Where the rule does what no program can, with the optimizer's name.
    """
    constants = {name: np.shape(a) for name, a in optimizer.constants(blocks).items()}
    return RuleProgram(tuple(rule_of(part, constants, precision) for part in parts_of(optimizer, blocks, places)))


def parts_of(optimizer: RuleOptimizer, blocks: Mapping[str, tuple[int, ...]], places: Places | None = None) -> list[Part]:
    """The parts of a point with these blocks, in order; `places` as `traced` takes them."""
    ends = list(itertools.accumulate(map(math.prod, blocks.values()), initial=0))
    sizes = {name: math.prod(shape) for name, shape in blocks.items()}
    if places is not None:
        sizes = {name: math.prod(shape) for name, (_, shape) in places.items()}
    scale = optimizer.lr_scale
    scaled = [(name, size, name in scale) for name, size in sizes.items()] if scale else []
    if not isinstance(optimizer, MatrixOptimizer):
        front = (resolved(optimizer.particles),) if isinstance(optimizer, ParticleOptimizer) else ()
        return [Part(optimizer, (), slice(0, ends[-1]), (*front, ends[-1]), tuple(scaled))]
    found = []
    for (name, shape), where in zip(blocks.items(), itertools.starmap(slice, itertools.pairwise(ends)), strict=True):
        mine, owner = (optimizer, ()) if len(shape) == 2 else (optimizer.rest, ("rest",))
        factors = tuple(one for one in scaled if one[0] == name and one[2])
        found.append(Part(mine, owner, where, shape if len(shape) == 2 else (math.prod(shape),), factors))
    return found


def rule_of(part: Part, constants: Mapping[str, tuple[int, ...]], precision: str = "float64") -> PartRule:
    """The rule of a part; `constants` are the shapes of the arrays that it takes besides. Raises Untraceable, with the optimizer's name."""
    optimizer, shape, square = part.optimizer, part.shape, getattr(part.optimizer, "square", {})
    shapes = {"x": shape, "g": shape, "f": (*shape[:-1], 1)}
    shapes = {name: shapes[name] for name in optimizer.head}
    shapes |= {name: (shape[square[name]],) * 2 if name in square else shape for name in optimizer.state}
    known = {**part.changing, **constants, **dict.fromkeys(part.numbers, ())}
    shapes |= {name: known[name] for name in optimizer.inputs() if name in known}
    inputs = {name: given(name, own) for name, own in shapes.items()} | {name: given(name) for name in part.numbers if name not in shapes}
    factor = part.factor(inputs, lambda a, size: full(as_node(a), (size,)), lambda pieces: apply("concat", *pieces))
    seen = inputs if factor is None or "lr" not in inputs else {**inputs, "lr": apply("multiply", inputs["lr"], factor)}
    return PartRule(part, inputs, *updated(optimizer, seen, precision))


def updated(optimizer: RuleOptimizer, inputs: Mapping[str, Node], precision: str = "float64") -> tuple[Node, dict[str, Node]]:
    """The new x and the new states from these nodes; fields that are not among them are plain values.

    Raises Untraceable, with the optimizer's name.
    """
    head = [*optimizer.head, *optimizer.state]
    named = {name: inputs[name] if name in inputs else getattr(optimizer, name, None) for name in optimizer.inputs()}
    try:
        made = trace(optimizer.update, {name: inputs[name] for name in head}, named, precision)
        if len(made) != 1 + len(optimizer.state):
            raise Untraceable(f"returns {len(made)} arrays; it must return x and its states ({', '.join(['x', *optimizer.state])})")
        for name, a in zip(("x", *optimizer.state), made, strict=True):
            if broadcast([a.shape, inputs[name].shape]) != inputs[name].shape:
                raise Untraceable(f"returns {name} of shape {a.shape}; it was given with shape {inputs[name].shape}")
    except Untraceable as why:
        raise Untraceable(f"{optimizer.kind}: its rule {why}") from None
    except Exception as error:
        raise Untraceable(f"{optimizer.kind}: its rule cannot be called with nodes ({type(error).__name__}: {error})") from error
    x, *states = (full(a, inputs[name].shape) for name, a in zip(("x", *optimizer.state), made, strict=True))
    return x, dict(zip(optimizer.state, states, strict=True))


def is_number(optimizer: RuleOptimizer, name: str) -> bool:
    """Whether a field is a number that may differ from run to run."""
    for path, value, structural in optimizer.fields():
        if path == (name,):
            return not structural and not isinstance(value, bool) and isinstance(value, (int, float, Sweep, NumberFormula))
    return False
