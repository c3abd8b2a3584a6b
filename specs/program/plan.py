"""In which order a program is computed, what is computed once, until when an array is needed, and which memory may be written over.

An array that a function has made for itself (`Function.fresh`) and that nothing after a step looks at, neither itself nor a view of it, may hold
the result of that step. What a function makes of its arguments counts as a view of all of them unless it is fresh.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .node import Node, ordered

NEVER = 10**9


@dataclass(frozen=True)
class Step:
    """The node at place `at`, computed from those at `args`, of which the `dying` are not needed any more. `ufunc` is what computes it in NumPy
    where that is one function; it may write over the arrays at `over`."""

    at: int
    node: Node
    args: tuple[int, ...]
    dying: tuple[int, ...]
    ufunc: Callable[..., Any] | None
    over: tuple[int, ...]


class Plan:
    """The steps to some outputs, by the places of their nodes. `constants` hang on no input; `first` are steps that hang on the `lasting` inputs
    alone, which stay the same in many evaluations; `steps` are all others. `kept` are the places that `steps` and outputs need of the first."""

    def __init__(self, outputs: Sequence[Node], lasting: Collection[str] = ()):
        self.nodes = ordered(outputs)
        place = {id(n): k for k, n in enumerate(self.nodes)}
        args = [tuple(place[id(a)] for a in n.args) for n in self.nodes]
        self.outputs = [place[id(n)] for n in outputs]
        self.inputs = {k: n.option("name") for k, n in enumerate(self.nodes) if n.function.name == "input"}
        self.lasting = sorted(name for name in self.inputs.values() if name in lasting)
        still: set[int] = set()
        early = {k for k, name in self.inputs.items() if name in lasting}
        for k in range(len(self.nodes)):
            if k not in self.inputs and all(p in still for p in args[k]):
                still.add(k)
            elif k not in self.inputs and all(p in still or p in early for p in args[k]):
                early.add(k)
        used = {p: k for k, of in enumerate(args) for p in of} | dict.fromkeys(self.outputs, NEVER)
        holds: list[frozenset[int]] = []
        for k, n in enumerate(self.nodes):
            outside = k in still or k in early or k in self.inputs
            holds.append(
                frozenset() if outside else frozenset((k,)) if n.function.fresh else frozenset().union(*(holds[p] for p in args[k]))
            )
        needed: dict[int, int] = {}
        for k, roots in enumerate(holds):
            for root in roots:
                needed[root] = max(needed.get(root, 0), used[k])
        self.constants = [(k, self.nodes[k], args[k]) for k in sorted(still)]
        self.first: list[Step] = []
        self.steps: list[Step] = []
        for k, n in enumerate(self.nodes):
            if k in still or k in self.inputs:
                continue
            ufunc = getattr(np, n.function.ufunc) if n.function.ufunc else None
            if k in early:
                self.first.append(Step(k, n, args[k], (), ufunc, ()))
                continue
            dying = tuple(dict.fromkeys(p for p in args[k] if used[p] == k and p not in still and p not in early))
            plain = ufunc is not None and n.function.each and n.function.in_place and n.kind == "float"
            over = tuple(p for p in dying if plain and holds[p] == {p} and needed[p] == k)
            self.steps.append(Step(k, n, args[k], dying, ufunc, over))
        later = {p for step in self.steps for p in step.args} | set(self.outputs)
        self.kept = tuple(step.at for step in self.first if step.at in later)

    @property
    def width(self) -> int:
        """Numbers that are held at a time at most, of one run."""
        alive = sum(self.nodes[k].size for k in (*self.inputs, *self.kept))
        most = max(alive, 1)
        for step in self.steps:
            alive += step.node.size
            most = max(most, alive)
            alive -= sum(self.nodes[p].size for p in step.dying)
        return most
