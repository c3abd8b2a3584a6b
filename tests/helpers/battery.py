"""The arrays over which examples of the language's functions are written."""

import numpy as np
from thalweg.specs.program.function import EXAMPLES, given
from thalweg.specs.program.node import Node, apply

SHAPES = {name: shape for name, (shape, kind) in EXAMPLES.items() if kind == "float"}
"""Numbers that examples may name; entries are distinct and away from 0, A and B are symmetric positive definite, s is 0.7. Of the others y and k
are whole numbers from 0 to 3, and c truth values."""
FLOATS = tuple(SHAPES)


def inputs():
    return {name: given(name, shape, kind) for name, (shape, kind) in EXAMPLES.items()}


def numbers(lead=(), seed=0):
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in SHAPES.items():
        values = rng.permuted(np.linspace(0.2, 1.8, int(np.prod((*lead, *shape))))).reshape((*lead, *shape))
        made[name] = values * rng.choice([-1.0, 1.0], values.shape)
    for name in ("A", "B"):
        made[name] = made[name] @ np.swapaxes(made[name], -1, -2) + np.eye(4)
    made["s"] = np.full((*lead,), 0.7)
    made["y"], made["k"] = rng.integers(0, 4, (3,)), rng.permutation(4)
    made["c"] = made["x"] > 0
    return made


def scalar(n: Node, weights: int = 1) -> Node:
    """A number that depends on every entry, each with a weight of its own."""
    return apply("sum", n * (np.cos(np.arange(1, n.size + 1) * weights).reshape(n.shape) if n.shape else 1.0))
