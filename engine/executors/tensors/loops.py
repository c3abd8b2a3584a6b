"""Which nodes of a program are computed together, in which order, and where their numbers lie.

Elementwise operations of one shape, and the reductions of what they make, are one loop; products and the like are steps of their own. Steps
have levels: a step needs what steps of lower levels have made. What is cheap is computed anew where it is needed and takes no memory.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....specs.program.function import Function
from ....specs.program.node import Node, node, ordered
from ..codegen.refusal import NotFusable
from .places import VIEWS, Place, Reused, numbers, row_major, seen, whole_lines

REACHING = ("sin", "cos", "tan")
"""Functions that are vectors of numbers only up to their REACH (cpu/elementary/); beyond, the C library has them."""
ELEMENTWISE = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "divide({0}, {1})",
    "negative": "(-{0})",
    "less": "({0} < {1})",
    "less_equal": "({0} <= {1})",
    "equal": "({0} == {1})",
    "not_equal": "({0} != {1})",
    "logical_and": "({0} & {1})",
    "logical_or": "({0} | {1})",
    "logical_not": "(not {0})",
    "where": "({1} if {0} else {2})",
    "relu": "maximum({0}, F(0.0))",
    "abs": "absolute({0})",
    "power": "pow({0}, {1})",
    "isfinite": "(absolute({0}) <= LARGEST)",
    "float": "F({0})",
    **{name: f"{name}({{0}})" for name in ("exp", "expm1", "log", "log1p", "sinh", "cosh", "tanh", "arctan", "sign")},
    "sqrt": "root({0})",
    "floor": "floor({0})",
    **{name: f"far_{name}({{0}})" for name in REACHING},
    **{name: f"{name}({{0}}, {{1}})" for name in ("maximum", "minimum")},
}
"""Functions of each entry: what generated code writes for them."""
CHEAP = {"add", "subtract", "multiply", "negative", "where", "less", "less_equal", "equal", "not_equal", "float", "unpick", "relu"}
"""What is computed again rather than stored and read."""
AGAIN = 3
"""Cheap operations inside each other that are computed again."""
REDUCTIONS = {
    "sum": "F(0.0)",
    "max": "-INFINITY",
    "min": "INFINITY",
    "any": "F(0.0)",
    "all": "F(1.0)",
    "pick": "F(0.0)",
    "dot": "F(0.0)",
}
"""Functions over axes, and what they begin with."""
ENTRYWISE = {*ELEMENTWISE, "unpick"}
MATRIX_FUNCTIONS = {"expm", "svd", "svdvals", "eigh", "eigvalsh", "renewed_eigenvectors", "qr", "inv", "solve", "cholesky", "logdet"}
"""What is computed of matrices as a whole."""
STEPS = {"matmul", "concat", "unindex", "take", "untake", "prod_padded", "cumsum", "copied", *MATRIX_FUNCTIONS}
"""What is a step of its own."""
FILLED = {"concat", "unindex", "prod_padded", "copied"}
"""Steps that take a number, repeated, as well as an array."""
KNOWN = {*ENTRYWISE, *REDUCTIONS, *STEPS, *VIEWS, "input", "number", "array", "argmax", "argmin"}
"""All functions that have a compiled form."""


@dataclass
class Loop:
    """Nodes of one shape that are computed together, entry by entry."""

    shape: tuple[int, ...]
    level: int
    alone: bool = False
    """Whether it is about single numbers, which are variables of the generated code: these come first in a level."""
    nodes: list[Node] = field(default_factory=list)
    reductions: list[Node] = field(default_factory=list)
    stored: list[Node] = field(default_factory=list)
    """Those of `nodes` whose numbers other steps need."""
    computed: list[Node] = field(default_factory=list)
    """What the loop computes of each entry, in order: those of `nodes` that are needed, and what is cheap."""


@dataclass
class Step:
    """Any other operation, or a copy of a view into an order of its own."""

    node: Node
    level: int
    args: tuple[Node, ...]
    copies: bool = False


class Copied(Function):
    """The same numbers in the order of rows."""

    name = "copied"

    def value(self, xp: Any, made: Node, *arrays: Any) -> Any:
        return arrays[0]


COPIED = Copied()


def copied(n: Node) -> Node:
    """n as an array of its own."""
    return node(COPIED, (n,), n.shape, n.kind)


class Schedule:
    """The steps of a program, by level, and the places of its numbers."""

    def __init__(
        self,
        outputs: Sequence[Node],
        places: Mapping[int, Place],
        lanes: int,
        targets: Mapping[int, Place],
        taken: int = 0,
        large: float = math.inf,
    ):
        """Lay out a program.

        Parameters
        ----------
        outputs
            What it computes.
        places, targets
            Where its inputs lie, by id, and where outputs belong.
        lanes
            Numbers in a vector.
        taken
            Numbers of the arena that are taken already.
        large
            Arrays of more numbers than that lie in memory of their own, `far`.

        Raises
        ------
        NotFusable
            For what there is no step for.
        """
        self.large, self.lanes, self.places, self.targets, self.taken = large, lanes, dict(places), dict(targets), taken
        self.order = ordered(outputs)
        self.outputs = list(outputs)
        self.targets = {key: place for key, place in self.targets.items() if key not in self.ragged()}
        self.wanted = set(self.targets)
        self.level: dict[int, int] = {}
        self.loops: dict[tuple[tuple[int, ...], int, bool], Loop] = {}
        self.home: dict[int, Loop] = {}
        self.steps: dict[int, Step] = {}
        for n in list(self.order):
            self.place_in_order(n)
        self.find_what_is_needed()
        self.targets = {key: place for key, place in self.targets.items() if not self.overwrites(key, place)}
        self.lay_out()

    def ragged(self) -> set[int]:
        """Sums down columns that would go to rows without room for whole vectors; they are made elsewhere and copied."""
        return {id(n) for n in self.order if n.function.name in REDUCTIONS and n.ndim and n.shape[-1] % self.lanes}

    # in which order

    def place_in_order(self, n: Node) -> None:
        """The level of a node, and the loop or step that computes it."""
        name = n.function.name
        if name in ("input", "number", "array"):
            if name != "number" and id(n) not in self.places:
                raise NotFusable(f"the program has no place for {n!r}")
            return
        if 0 in n.shape or any(0 in a.shape for a in n.args):
            raise NotFusable("an array without entries")
        if name in VIEWS and self.is_view(n):
            return
        if name in ENTRYWISE:
            alone = self.is_scalar(n)
            level = max((self.needs(a, n.shape, alone) for a in n.args), default=0)
            loop = self.loop(() if alone else n.shape, level, alone)
            loop.nodes.append(n)
            self.home[id(n)], self.level[id(n)] = loop, level
        elif name in REDUCTIONS:
            x = n.args[0]
            level = max(self.needs(a, x.shape, False) for a in n.args)
            loop = self.loop(x.shape, level, False)
            loop.reductions.append(n)
            self.home[id(n)], self.level[id(n)] = loop, level
        elif name in STEPS or name in VIEWS:
            args = n.args if name in VIEWS or name in FILLED else tuple(self.copied(a) if self.is_scalar(a) else a for a in n.args)
            args = (args[0], self.in_rows(args[1])) if name == "matmul" and n.shape[-1] > 1 else args
            self.add_step(n, args, copies=name in VIEWS or n.function is COPIED)
        else:
            raise NotFusable(f"no compiled form of {name}")

    def add_step(self, n: Node, args: tuple[Node, ...], copies: bool = False) -> None:
        """A step for n."""
        level = max(self.ready(a) for a in args)
        self.steps[id(n)], self.level[id(n)] = Step(n, level, args, copies), level

    def in_rows(self, n: Node) -> Node:
        """n with the entries of a row side by side, as a copy where they are not."""
        _, place = self.source(n)
        return n if place is not None and place.strides[-1] == 1 else self.copied(n)

    def copied(self, n: Node) -> Node:
        """n as an array of its own, and a step that makes it."""
        copy = copied(n)
        if id(copy) not in self.steps:
            self.add_step(copy, (n,), copies=True)
            self.order.append(copy)
        return copy

    def loop(self, shape: tuple[int, ...], level: int, alone: bool) -> Loop:
        """The loop over this shape at this level."""
        return self.loops.setdefault((shape, level, alone), Loop(shape, level, alone))

    def is_view(self, n: Node) -> bool:
        """Whether n is its argument's numbers seen in another way, wherever these will lie."""
        (arg,) = n.args
        if self.is_scalar(n):
            return True
        _base, place = self.source(arg)
        return place is not None and seen(n, place) is not None

    def source(self, n: Node) -> tuple[Node, Place | None]:
        """The node whose numbers n shows, and where they lie; of what has no place yet where they would lie alone."""
        if n.function.name in VIEWS and id(n) not in self.steps:
            base, place = self.source(n.args[0])
            return base, None if place is None else seen(n, place)
        return n, self.places.get(id(n)) or self.targets.get(id(n)) or Place("", 0, row_major(n.shape, self.lanes))

    def base(self, n: Node) -> Node:
        """The node whose numbers n shows."""
        while n.function.name in VIEWS and id(n) not in self.steps:
            (n,) = n.args
        return n

    def is_scalar(self, n: Node) -> bool:
        """Whether all entries of n are one number that is a variable of the generated code, or a literal."""
        b = n
        while b.function.name in VIEWS:
            (b,) = b.args
        if b.function.name == "input":
            return self.places[id(b)].base == "scalar"
        return b.is_number or (b.size == 1 and b.function.name in ELEMENTWISE)

    def needs(self, a: Node, shape: tuple[int, ...], alone: bool) -> int:
        """The lowest level of a loop over this shape, or of numbers alone, that can use a."""
        if self.is_scalar(a):
            b = a
            while b.function.name in VIEWS:
                (b,) = b.args
            return self.level.get(id(b), 0)
        if a.function.name in ENTRYWISE and a.shape == shape and not alone:
            return self.level[id(a)]
        return self.ready(a)

    def ready(self, a: Node) -> int:
        """The lowest level of a step that can read a."""
        b = a
        while b.function.name in VIEWS and id(b) not in self.steps:
            (b,) = b.args
        return self.level[id(b)] + 1 if id(b) in self.level else 0

    # what must be stored

    def find_what_is_needed(self) -> None:
        """Which nodes are stored; loops drop what nobody needs."""
        self.needed: dict[int, Node] = {}
        self.scalars: list[Node] = []
        for n in self.outputs:
            self.need(n)
        levels = [*(loop.level for loop in self.loops.values()), *(step.level for step in self.steps.values())]
        for level in range(max(levels, default=-1), -1, -1):
            for step in [s for s in self.steps.values() if s.level == level]:
                if id(step.node) in self.needed:
                    for a in step.args:
                        self.need(a)
                else:
                    del self.steps[id(step.node)]
            loops = sorted((loop for loop in self.loops.values() if loop.level == level), key=lambda loop: loop.alone)
            for loop in loops:
                self.find_needed_in(loop)
        self.loops = {key: loop for key, loop in self.loops.items() if loop.computed or loop.reductions}

    def need(self, n: Node) -> None:
        """Note that another step reads n."""
        b = self.base(n)
        if b.function.name not in ("number",):
            self.needed[id(b)] = b

    def find_needed_in(self, loop: Loop) -> None:
        """What the loop computes of each entry."""
        loop.reductions = [n for n in loop.reductions if id(n) in self.needed]
        loop.stored = [n for n in loop.nodes if id(n) in self.needed]
        wanted: dict[int, None] = {}
        own = {id(n) for n in loop.nodes}

        def want(n: Node, again: int) -> None:
            """Have n computed here, or read."""
            n = self.base(n) if loop.alone else n  # views of numbers are the same variables
            if id(n) in wanted or n.is_number:
                return
            if id(n) in own or (again and not loop.alone and n.size > 1 and n.shape == loop.shape and self.is_cheap(n, again)):
                for a in n.args:
                    want(a, AGAIN if id(n) in own else again - 1)
                wanted[id(n)] = None
                found[id(n)] = n
            else:
                self.need(n)

        found: dict[int, Node] = {}
        for n in loop.stored:
            want(n, AGAIN)
        for n in loop.reductions:
            for a in n.args:
                want(a, AGAIN)
        loop.computed = list(found.values())

    def is_cheap(self, n: Node, again: int) -> bool:
        """Whether n is computed again in another loop rather than stored."""
        if id(n) in self.needed or n.function.name not in CHEAP:
            return False

        def at_hand(a: Node) -> bool:
            b = self.base(a)
            if b.is_number or b.function.name not in ENTRYWISE or id(b) in self.needed or b.size == 1:
                return True
            if b.function.name not in CHEAP:
                return b.function.name not in ("divide", "float")  # worth storing once for all
            return again > 1 and a is b and a.shape == n.shape and self.is_cheap(a, again - 1)

        return all(at_hand(a) for a in n.args)

    # where the numbers lie

    def overwrites(self, key: int, place: Place) -> bool:
        """Whether writing the node with this id to its place would overwrite an input that something else has yet to read."""
        mine = [
            n
            for n in self.order
            if n.function.name == "input" and (p := self.places[id(n)]).base == place.base and p.offset == place.offset
        ]
        if not mine or key not in self.level:
            return False
        inputs, level, home = set(map(id, mine)), self.level[key], self.home.get(key)
        for one in [*self.loops.values(), *self.steps.values()]:
            for a in self.read_by(one):
                if id(self.base(a)) in inputs and one.level >= level and (one is not home or self.place(a) != place):
                    return True
        return False

    def lay_out(self) -> None:
        """A place for all that is stored; memory is used again from the level on after the one that reads it last."""
        last: dict[int, int] = {}
        for level, read in self.reads():
            for a in read:
                b = self.base(a)
                last[id(b)] = max(last.get(id(b), 0), level)
        kept = {id(self.base(n)) for n in self.outputs}
        rooms = {"arena": Reused(self.taken), "far": Reused()}
        stored = [n for n in self.order if id(n) in self.needed and id(n) not in self.places and not self.is_scalar(n)]
        for n in sorted(stored, key=lambda n: self.level[id(n)]):
            level = self.level[id(n)]
            if id(n) in self.targets:
                self.places[id(n)] = self.targets[id(n)]
                continue
            lanes = 1 if id(n) in self.wanted or self.meets_whole_rows(n) else self.lanes
            size = whole_lines(numbers(n.shape, lanes), self.lanes)
            base = "far" if size > self.large else "arena"
            offset = rooms[base].place(size, level, 10**9 if id(n) in kept else last.get(id(n), level))
            self.places[id(n)] = Place(base, offset, row_major(n.shape, lanes))
        self.size, self.far = rooms["arena"].size, rooms["far"].size

    def meets_whole_rows(self, n: Node) -> bool:
        """Whether n, a product or a copy, is read only where all else has no room behind its rows, as variables and gradients: one loop over all entries then
        takes whole vectors, and one over padded rows would not."""
        if n.ndim < 2 or n.function.name not in ("matmul", "copied") or n.shape[-1] % self.lanes == 0:
            return False
        whole, every = row_major(n.shape), [*self.loops.values(), *self.steps.values()]
        readers = [one for one in every if any(self.base(a) is n for a in self.read_by(one))]

        def fits(a: Node) -> bool:
            return a is n or a.shape != n.shape or (id(self.base(a)) in self.places and self.place(a).strides == whole)

        return bool(readers) and all(
            isinstance(one, Loop)
            and one.shape == n.shape
            and not one.reductions
            and all(id(m) in self.targets for m in one.stored)
            and all(map(fits, self.read_by(one)))
            for one in readers
        )

    def reads(self) -> list[tuple[int, list[Node]]]:
        """(level, what a step of it reads)."""
        return [(one.level, self.read_by(one)) for one in [*self.loops.values(), *self.steps.values()]]

    @staticmethod
    def read_by(one: Loop | Step) -> list[Node]:
        """What a loop or step reads."""
        if isinstance(one, Step):
            return list(one.args)
        inside = {id(n) for n in one.computed}
        return [a for n in (*one.computed, *one.reductions) for a in n.args if id(a) not in inside]

    def place(self, n: Node) -> Place:
        """Where the numbers of a node lie that is stored, or of a view of one."""
        if n.function.name in VIEWS and id(n) not in self.steps:
            found = seen(n, self.place(n.args[0]))
            assert found is not None
            return found
        return self.places[id(n)]

    def in_order(self) -> list[Loop | Step]:
        """All loops and steps, those of numbers alone first in every level."""
        every: list[Loop | Step] = [*self.loops.values(), *self.steps.values()]
        return sorted(every, key=lambda one: (one.level, not (isinstance(one, Loop) and one.alone)))
