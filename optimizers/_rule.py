"""An optimizer's rule as a program: its `update`, called with nodes in the place of arrays (specs/program/trace.py)."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..specs.program.derivative import full
from ..specs.program.function import given
from ..specs.program.node import Node, broadcast
from ..specs.program.numpy_functions import Untraceable
from ..specs.program.trace import trace
from ..specs.sweep import Sweep, resolved
from ._matrix import MatrixOptimizer
from ._particles import ParticleOptimizer
from .base import RuleOptimizer

STEPPED = ("t", "lr")
"""Inputs that are numbers which change from step to step."""


@dataclass(frozen=True, eq=False)
class BlockRule:
    """How one block of the point moves, or all of it.

    `inputs` are the rule's arguments by name: x, g (of particles f) and the states, then those of xi, t, lr, loss and its hyperparameters that
    it takes. `x` and `states` are what they become. `numbers` are the hyperparameters among the inputs, fields of `optimizer`.
    """

    optimizer: RuleOptimizer
    where: slice
    shape: tuple[int, ...]
    inputs: Mapping[str, Node]
    x: Node
    states: Mapping[str, Node]
    numbers: tuple[str, ...]

    @property
    def outputs(self) -> tuple[Node, ...]:
        """The new x, then the new states."""
        return (self.x, *self.states.values())


@dataclass(frozen=True, eq=False)
class RuleProgram:
    """An optimizer's update on the flat point, block by block."""

    blocks: tuple[BlockRule, ...]


def traced(optimizer: RuleOptimizer, blocks: Mapping[str, tuple[int, ...]], precision: str = "float64") -> RuleProgram:
    """The update as a program: of an optimizer of matrices a part for every block, of others one for the whole point.

    Parameters
    ----------
    optimizer
        With a rule; of its structural fields those that are swept have been resolved.
    blocks
        The shapes of the landscape's parameters by name.
    precision
        What the arrays of a rule say when they are asked for their dtype.

    Returns
    -------
    The program, whose inputs have the shapes of one run.

    Raises
    ------
    Untraceable
        Where the rule does what no program can, with the optimizer's name.
    """
    size = sum(map(math.prod, blocks.values()))
    if not isinstance(optimizer, MatrixOptimizer):
        front = (int(resolved(optimizer.particles)),) if isinstance(optimizer, ParticleOptimizer) else ()
        return RuleProgram((block_rule(optimizer, slice(0, size), (*front, size), optimizer.constants(blocks), precision),))
    ends = itertools.accumulate(map(math.prod, blocks.values()), initial=0)
    made = []
    for shape, (start, stop) in zip(blocks.values(), itertools.pairwise(ends), strict=True):
        own = optimizer if len(shape) == 2 else optimizer.rest
        made.append(block_rule(own, slice(start, stop), shape if len(shape) == 2 else (stop - start,), {}, precision))
    return RuleProgram(tuple(made))


def block_rule(
    optimizer: RuleOptimizer, where: slice, shape: tuple[int, ...], constants: Mapping[str, Any], precision: str = "float64"
) -> BlockRule:
    """The rule on a block of this shape, which lies there in the flat point; `constants` are arrays that it takes besides."""
    square = getattr(optimizer, "square", {})
    inputs = {"x": given("x", shape), optimizer.head[1]: given(optimizer.head[1], (*shape[:-1], 1) if optimizer.head[1] == "f" else shape)}
    inputs |= {name: given(name, (shape[square[name]],) * 2 if name in square else shape) for name in optimizer.state}
    known = {"xi": shape, "t": (), "lr": (), "loss": (1,) * len(shape), **{name: np.shape(a) for name, a in constants.items()}}
    numbers = tuple(name for name in optimizer.inputs() if name not in known and is_number(optimizer, name))
    known |= dict.fromkeys(numbers, ())
    inputs |= {name: given(name, known[name]) for name in optimizer.inputs() if name in known}
    x, states = updated(optimizer, inputs, precision)
    return BlockRule(optimizer, where, shape, inputs, x, states, numbers)


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
                raise Untraceable(f"returns {name} of shape {a.shape}, which was given with {inputs[name].shape}")
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
            return not structural and not isinstance(value, bool) and isinstance(value, (int, float, Sweep))
    return False
