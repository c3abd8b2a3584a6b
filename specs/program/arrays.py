"""The reference evaluation of a program: straight-line calls on arrays, of NumPy, CuPy or any namespace of the array API.

Every array has the shape of its node, with any axes for runs in front that broadcast against those of the others: data that all runs share
have none. What is known when the arrays come in is computed in one pass over the nodes; an array is dropped after its last use.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .node import Node, ordered


class Evaluation:
    """Computes some nodes from their inputs."""

    def __init__(self, outputs: Sequence[Node]):
        self.outputs = tuple(outputs)
        order = ordered(self.outputs)
        place = {id(n): k for k, n in enumerate(order)}
        self.steps = [(n, tuple(place[id(a)] for a in n.args)) for n in order]
        self.ends = [place[id(n)] for n in self.outputs]
        last = {k: k for k in range(len(order))} | {p: k for k, (_, args) in enumerate(self.steps) for p in args}
        dying: dict[int, list[int]] = {}
        for p, k in last.items():
            if p not in self.ends:
                dying.setdefault(k, []).append(p)
        self.dying = [tuple(dying.get(k, ())) for k in range(len(order))]

    @property
    def width(self) -> int:
        """Numbers that are held at a time at most, of one run."""
        sizes, alive, most = [n.size for n, _ in self.steps], 0, 1
        for k in range(len(sizes)):
            alive += sizes[k]
            most = max(most, alive)
            alive -= sum(sizes[p] for p in self.dying[k])
        return most

    def __call__(self, xp: Any, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs, from the arrays of the inputs by name."""
        held: list[Any] = [None] * len(self.steps)
        dtype = next((a.dtype for a in inputs.values() if xp.isdtype(a.dtype, "real floating")), xp.float64)
        for k, (n, args) in enumerate(self.steps):
            match n.function.name:
                case "input":
                    held[k] = inputs[n.option("name")]
                case "number":
                    held[k] = xp.asarray(n.number, dtype=dtype)
                case "array":
                    entries = n.option("entries").array
                    held[k] = xp.asarray(entries, dtype=dtype if n.kind == "float" else None)
                case "float":
                    held[k] = xp.astype(held[args[0]], dtype)
                case _:
                    held[k] = n.function.value(xp, n, *(held[p] for p in args))
            for p in self.dying[k]:
                held[p] = None
        return [held[p] for p in self.ends]


def evaluate(outputs: Sequence[Node], xp: Any, inputs: Mapping[str, Any]) -> list[Any]:
    """The outputs once."""
    return Evaluation(outputs)(xp, inputs)
