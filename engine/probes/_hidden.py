"""Which axes of a landscape's variables are hidden units: those that can be put in another order together without changing the loss.

Every axis of every operation of the program belongs to a class. An operation joins classes (the axes that a product of matrices sums over are one;
so are those that an elementwise function adds up), and what knows its places (data, constants, what is picked by number) holds its class fixed. A
class that is not fixed and has axes of two variables or more is a layer of hidden units. An operation that is not known here holds all its axes
fixed, so what is found is right, and something may be missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...specs.landscapes._tensor_landscape import ProgramLandscape
from ...specs.landscapes._two_layer import TwoLayer
from ...specs.landscapes.base import Landscape
from ...specs.program.function import Elementwise
from ...specs.program.node import Node, ordered
from ...specs.program.reduction import Reduction

ALIKE = {"identity", "stop_gradient", "float", "softmax"}
"""Functions that keep all axes, and in which no place along one differs from another."""


@dataclass(frozen=True)
class Hidden:
    """A layer of hidden units: its name, how many there are, and the axes (variable, axis) that count them."""

    name: str
    size: int
    axes: tuple[tuple[str, int], ...]


class Axes:
    """Walks along a program and joins axes."""

    def __init__(self, variables: Sequence[str]):
        self.variables = variables
        self.parent: list[int] = []
        self.fixed: list[bool] = []
        self.sizes: list[int] = []
        self.known: dict[int, list[int | None]] = {}
        self.of: dict[tuple[str, int], int] = {}
        self.labels: dict[tuple[str, int], str] = {}
        self.kept: list[Node] = []

    def fresh(self, size: int, fixed: bool) -> int | None:
        """A class of its own; none of an axis of size 1."""
        if size == 1:
            return None
        self.parent.append(len(self.parent))
        self.fixed.append(fixed)
        self.sizes.append(size)
        return len(self.parent) - 1

    def root(self, k: int) -> int:
        """What stands for the class."""
        while self.parent[k] != k:
            self.parent[k] = self.parent[self.parent[k]]
            k = self.parent[k]
        return k

    def join(self, *classes: int | None) -> int | None:
        """These classes are one."""
        some = [self.root(k) for k in classes if k is not None]
        for k in some[1:]:
            a, b = self.root(some[0]), self.root(k)
            if a != b:
                self.parent[b] = a
                self.fixed[a] |= self.fixed[b]
        return some[0] if some else None

    def walk(self, output: Node) -> list[int | None]:
        """The classes of the axes of a node, after its whole program."""
        for node in ordered([output]):
            if id(node) not in self.known:
                self.kept.append(node)  # so that its id stays its own
                self.known[id(node)] = self.rule(node)
        return self.known[id(output)]

    def rule(self, y: Node) -> list[int | None]:
        """The classes of the axes of one operation."""
        name, args = y.function.name, [self.known[id(a)] for a in y.args]
        if name == "input":
            return self.input(y)
        if isinstance(y.function, Elementwise) or name in ALIKE or name == "broadcast":
            return self.together(y, args)
        if isinstance(y.function, Reduction) and len(args) == 1:
            dropped = y.option("axis")
            return [k for at, k in enumerate(args[0]) if at - len(args[0]) not in dropped]
        if name == "dot":
            for pair in zip(*args, strict=True):
                self.join(*pair)
            return []
        if name in ("matmul", "outer_matmul"):
            a, b = args
            self.join(a[-1], b[-2])
            return [*(self.join(p, q) for p, q in zip(a[:-2], b[:-2], strict=True)), a[-2], b[-1]]
        if name == "T":
            return [*args[0][:-2], args[0][-1], args[0][-2]]
        if name == "permute":
            return [args[0][k] for k in y.option("order")]
        if name == "reshape" and (moved := self.reshaped(y, args[0])) is not None:
            return moved
        if name == "take":
            table, index = args
            self.hold([*table[:1], *index])
            return [*(self.fresh(n, True) for n in y.args[1].shape), *table[1:]]
        if name == "index":
            whole = [one == (0, n, 1) for one, n in zip(y.option("at"), y.args[0].shape, strict=True)]
            self.hold([k for k, all_of_it in zip(args[0], whole, strict=True) if not all_of_it])
            kept = [(k, w) for k, w, one in zip(args[0], whole, y.option("at"), strict=True) if isinstance(one, tuple)]
            return [k if w else self.fresh(n, True) for (k, w), n in zip(kept, y.shape, strict=True)]
        for one in args:
            self.hold(one)
        return [self.fresh(n, True) for n in y.shape]

    def input(self, y: Node) -> list[int | None]:
        """Axes of variables are free, of all else fixed."""
        name = y.option("name")
        made = [self.fresh(n, name not in self.variables) for n in y.shape]
        for at, k in enumerate(made):
            if name in self.variables and k is not None:
                self.of[name, at] = k
                self.labels[name, at] = y.axes[at]
        return made

    def together(self, y: Node, args: list[list[int | None]]) -> list[int | None]:
        """Of arrays that broadcast against each other."""
        made = []
        for k in range(-y.ndim, 0):
            joined = self.join(*(one[k] for one in args if len(one) >= -k))
            made.append(joined if joined is not None else self.fresh(y.shape[k], False))
        return made

    def reshaped(self, y: Node, axes: list[int | None]) -> list[int | None] | None:
        """Of a reshape that only adds or drops axes of size 1; None of any other."""
        (x,) = y.args
        if [n for n in x.shape if n != 1] != [n for n in y.shape if n != 1]:
            return None
        left = iter(k for k in axes if k is not None)
        return [None if n == 1 else next(left) for n in y.shape]

    def hold(self, axes: Sequence[int | None]) -> None:
        """Places along these axes are not alike."""
        for k in axes:
            if k is not None:
                self.fixed[self.root(k)] = True

    def layers(self) -> list[tuple[int, Hidden]]:
        """What is free and has axes of two variables or more, with its class, in the order of the variables."""
        found: dict[int, list[tuple[str, int]]] = {}
        order = {name: k for k, name in enumerate(self.variables)}
        for place in sorted(self.of, key=lambda place: (order[place[0]], -place[1])):
            found.setdefault(self.root(self.of[place]), []).append(place)
        kept = [(k, places) for k, places in found.items() if not self.fixed[k] and len({name for name, _ in places}) > 1]
        labels = [next((self.labels[place] for place in places if self.labels[place]), "") for _, places in kept]
        made = []
        for (k, places), label in zip(kept, labels, strict=True):
            name = label if label and labels.count(label) == 1 else f"{places[0][0]}.{places[0][1]}"
            made.append((k, Hidden(name, self.sizes[k], tuple(sorted(places, key=lambda place: (order[place[0]], place[1]))))))
        return made


def layers(land: Landscape) -> list[Hidden]:
    """The layers of hidden units of a landscape, in the order of its variables; none where there are none."""
    if isinstance(land, ProgramLandscape):
        return [layer for _, layer in of_program(land)[0]]
    if isinstance(land, TwoLayer):
        first, second = land.blocks
        return [Hidden("hidden", land.blocks[first][1], ((first, 1), (second, 0)))]
    return []


def of_program(land: ProgramLandscape, *texts: str) -> tuple[list[tuple[int, Hidden]], list[int | None]]:
    """The layers with their classes, and the class of the last axis of each of these definitions, none where it has none."""
    axes, program = Axes(tuple(land.blocks)), land.program()
    axes.walk(program.loss)
    reading = program.reading()
    ends = [axes.walk(reading.read(text, ("activations",))) for text in texts]
    return axes.layers(), [None if not one or one[-1] is None else axes.root(one[-1]) for one in ends]
