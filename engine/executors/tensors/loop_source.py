"""Generated source of a loop: what is computed entry by entry, and the sums and the like of that."""

import functools
import math
import re
from collections.abc import Sequence

from ....specs.program.node import Node, ordered
from .loops import REACHING, REDUCTIONS, Loop
from .nest import Axis, indented, nest, offset_text, opened, pointer, repeated, typed
from .places import Place
from .writer import Writer

WORTH = {**dict.fromkeys(("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "tanh", "arctan"), 16), "power": 40, "divide": 4, "sqrt": 6}
"""Operations that a function is worth, where it is not one."""

SHORT = 8
"""Vectors of a row up to which several rows are added up at a time."""
LONG = 16
"""Vectors of a sum from which on four of them are added up at a time."""
FAR = "far_"
"""What the names of functions begin with that look whether their argument is within reach."""


def of_row(line: str, row: str, k: int) -> str:
    """A statement about the row k rows after this one, with variables of its own."""
    return re.sub(r"\bv(\d+)\b", rf"v\1_{k}", re.sub(rf"\b{row}\b", f"({row} + {k})", line))


class LoopWriter:
    """The text of one loop over arrays."""

    choice = "chosen({0}, {1}, {2})"
    """Of two numbers by a condition."""

    def __init__(self, writer: Writer, loop: Loop):
        self.writer, self.one, self.schedule = writer, loop, writer.schedule
        self.pointers: dict[Place, str] = {}
        self.scalars: dict[str, str] = {}
        self.local = {id(n) for n in loop.computed}

    def write(self) -> None:
        """The kernel, and its call."""
        loop, schedule = self.one, self.schedule
        shape = loop.shape
        self.writer.operations += math.prod(shape) * sum(WORTH.get(n.function.name, 1) for n in (*loop.computed, *loop.reductions))
        self.point((*loop.computed, *loop.reductions))
        for n in loop.stored:
            self.pointer(schedule.place(n))
        results = [(n, self.along(n)) for n in loop.reductions]
        for _, place in results:
            self.pointer(place)
        places = list(self.pointers)
        counted = any(n.function.name in ("unpick", "pick") for n in (*loop.computed, *loop.reductions))
        rows = any(len(set(self.reduced(n))) < len(shape) for n in loop.reductions)  # where all is reduced, its order is free
        self.axes = nest(shape, [p.strides for p in places], keep_last=counted or rows)
        if not self.axes:
            self.axes = [Axis(1, tuple(0 for _ in places))]
        self.last = self.axes[-1].size
        self.padded = self.may_pad(places)
        lines, depth = opened(self.axes, sizes=[*(axis.size for axis in self.axes[:-1]), self.padded])
        self.places = places
        inner = "    " * depth
        before, within, after = self.reductions(results)
        every = [f"v{self.writer.index(n)} = {self.value(n)}" for n in loop.computed]
        every += within  # before an entry that they read is overwritten
        every += [self.store(n) for n in loop.stored]
        outer = "    " * (depth - 1)
        innermost = [lines[-1], *(inner + line for line in every)]
        if checked := self.checked(outer, lines[-1]):
            within_reach = [line.replace(FAR, "") for line in innermost]
            innermost = [*checked, f"{outer}if far > REACH:", *indented(innermost), f"{outer}else:", *indented(within_reach)]
        before, after = [outer + line for line in before], [outer + line for line in after]
        count = 1 if rows or checked or not results else self.rows_at_once()
        if count == 1:
            body = [*lines[:-1], *before, *innermost, *after]
        else:
            body = lines[:-2]
            whole, row, size = self.axes[-2].size // count * count, f"i{depth - 2}", self.axes[-2].size
            several = [inner + line for k in range(count) for line in map(functools.partial(of_row, row=row, k=k), every)]
            head = f"{'    ' * (depth - 2)}for {row} in range"
            body += [f"{head}(0, {whole}, {count}):", *before, lines[-1], *several, *after]
            body += [f"{head}({whole}, {size}):", *before, *innermost, *after] if whole < size else []
        body = [*self.initial, *body, *self.final]
        self.call(body, "as_four_vectors" if self.sums_long() else "as_vectors")

    def point(self, nodes: Sequence[Node]) -> None:
        """Have pointers to what these nodes read."""
        for n in nodes:
            for a in n.args:
                if id(a) not in self.local and not self.schedule.is_scalar(a):
                    self.pointer(self.broadcast(a, n))

    def store(self, n: Node) -> str:
        """The statement that stores an entry."""
        text, place = f"v{self.writer.index(n)}", self.schedule.place(n)
        return f"{self.pointers[place]}[{self.offset(place)}] = {text if n.kind == 'float' else f'F({text})'}"

    def call(self, body: Sequence[str], ends: str = "as_vectors") -> None:
        """A kernel with this body and this end, and its call."""
        parameters = [*self.pointers.values(), *self.scalars.values()]
        arguments = [*map(pointer, self.pointers), *self.scalars]
        kinds = ["P"] * len(self.pointers) + ["S"] * len(self.scalars)
        self.writer.call(parameters, body, arguments, kinds, ends)

    def rows_at_once(self) -> int:
        """How many rows an innermost loop takes where all entries are added up: several short ones, since the end of each sum goes across a vector."""
        if len(self.axes) < 2 or self.padded > SHORT * self.writer.lanes:
            return 1
        size = self.axes[-2].size
        return min(range(8, 3, -1), key=lambda count: (size % count, -count)) if size >= 8 else 1

    def sums_long(self) -> bool:
        """Whether its innermost loop does little else than add up many vectors."""
        rows = [n for n in self.one.reductions if -1 in self.reduced(n)]
        return bool(rows) and not self.one.stored and self.last >= LONG * self.writer.lanes

    def checked(self, outer: str, opening: str) -> list[str]:
        """A loop ahead of the innermost one that finds the largest argument of sines and the like, which are vectors only within their reach; none
        where there are none of them."""
        turns = [n for n in self.one.computed if n.function.name in REACHING]
        needed = {id(n) for n in ordered([n.args[0] for n in turns])}
        lines = [f"v{self.writer.index(n)} = {self.value(n)}".replace(FAR, "") for n in self.one.computed if id(n) in needed]
        lines += [f"far = max(far, magnitude(F({self.read(n.args[0], n)})))" for n in turns]
        return [f"{outer}far = magnitude(F(0.0))", opening, *(f"{outer}    {line}" for line in lines)] if turns else []

    def broadcast(self, a: Node, n: Node) -> Place:
        """Where the entries of a lie for each entry of the loop's shape."""
        place, shape = self.schedule.place(a), self.one.shape
        if n.function.name in ("unpick", "pick") and a.ndim < len(shape):
            return Place(place.base, place.offset, (*place.strides, 0))
        return Place(place.base, place.offset, repeated(place.strides, a.shape, shape))

    def along(self, n: Node) -> Place:
        """Where the result of a reduction lies, for each entry of the loop's shape."""
        place, x = self.schedule.place(n), n.args[0]
        axes = self.reduced(n)
        kept = iter(place.strides)
        return Place(place.base, place.offset, tuple(0 if k - x.ndim in axes else next(kept) for k in range(x.ndim)))

    @staticmethod
    def reduced(n: Node) -> tuple[int, ...]:
        """The axes that a reduction takes away, from the end."""
        if n.function.name == "pick":
            return (-1,)
        if n.function.name == "dot":
            return tuple(range(-n.args[0].ndim, 0))
        axis = n.option("axis")
        return axis if isinstance(axis, tuple) else (axis,)

    def pointer(self, place: Place) -> str:
        """The name of the pointer to a place."""
        return self.pointers.setdefault(place, f"q{len(self.pointers)}")

    def offset(self, place: Place) -> str:
        """The distance of an entry from there."""
        return offset_text(self.axes, self.places.index(place))

    def may_pad(self, places: Sequence[Place]) -> int:
        """How far the innermost loop goes: to a whole number of vectors, where all that it writes has room for that."""
        lanes = self.writer.lanes
        wide = -(-self.last // lanes) * lanes
        if wide == self.last or self.last < 2:
            return self.last
        written = [self.schedule.place(n) for n in self.one.stored] + [self.along(n) for n in self.one.reductions]
        roomy = all(p.base == "arena" and self.room(p, wide) for p in written)
        reading = all(self.axes[-1].strides[k] in (0, 1) for k in range(len(places)))
        return wide if roomy and reading else self.last

    def room(self, place: Place, wide: int) -> bool:
        """Whether a row may be written beyond its end: the next one begins no sooner."""
        strides = [axis.strides[self.places_index(place)] for axis in self.axes]
        return (strides[-1] in (0, 1) and all(s == 0 or s % wide == 0 for s in strides[:-1])) or strides[-1] == 0

    def places_index(self, place: Place) -> int:
        return list(self.pointers).index(place)

    def value(self, n: Node) -> str:
        """The text of one operation."""
        if n.function.name == "unpick":
            g, index = (self.read(a, n) for a in n.args)
            return f"({g} if {self.counter()} == {index} else F(0.0))"
        args = [self.read(a, n) for a in n.args]
        if n.function.name == "where":
            return self.choice.format(*args)
        if n.function.name == "divide" and self.writer.exact and self.schedule.is_scalar(n.args[1]) and not n.args[1].is_number:
            return f"({args[0]} * {self.number(f'1.0 / {self.writer.scalar(n.args[1])}')})"
        return self.writer.text_of(n, args)

    def number(self, text: str) -> str:
        """The parameter that has a number of the calling function, rounded as arrays are."""
        return self.scalars.setdefault(f"F({text})", f"s{len(self.scalars)}")

    def counter(self) -> str:
        """The place along the last axis."""
        return f"i{len(self.axes) - 1}"

    def read(self, a: Node, n: Node) -> str:
        """An argument as text."""
        if id(a) in self.local:
            return f"v{self.writer.index(a)}"
        if self.schedule.is_scalar(a):
            text = self.writer.scalar(a)
            if re.match(r"[vs]\d", text):
                if a.kind == "bool":
                    return f"({self.number(text)} != F(0.0))"
                return self.number(text)
            return text
        place = self.broadcast(a, n)
        return typed(a, f"{self.pointers[place]}[{self.offset(place)}]")

    def reductions(self, results: Sequence[tuple[Node, Place]]) -> tuple[list[str], list[str], list[str]]:
        """Statements before the innermost loop, within it and after it; `initial` and `final` come before and after all loops."""
        before: list[str] = []
        within: list[str] = []
        after: list[str] = []
        self.initial: list[str] = []
        self.final: list[str] = []
        inside = f"{self.counter()} < {self.last}" if self.padded != self.last else ""
        for k, (n, place) in enumerate(results):
            name, p = n.function.name, self.pointers[place]
            at, column = f"{p}[{self.offset(place)}]", self.places.index(place)
            x = self.read(n.args[0], n)
            start = REDUCTIONS[name]
            if name == "pick":
                index = self.read(n.args[1], n)
                x = f"({x} if {self.counter()} == {index} else F(0.0))"
            if name == "dot":
                x = f"({x} * {self.read(n.args[1], n)})"
            if name in ("any", "all"):
                x = f"F({x})"
            of_rows = self.axes[-1].strides[column] == 0 and -1 in self.reduced(n)
            if inside and of_rows:  # where columns are reduced, those beyond the end go to places that nobody reads
                x = f"({x} if {inside} else {start})"
            extremes = (
                {"max": "largest({}, {})", "min": "smallest({}, {})"} if of_rows else {"max": "larger({}, {})", "min": "smaller({}, {})"}
            )
            combine = {**extremes, "any": "maximum({}, {})", "all": "minimum({}, {})"}.get(name, "plus({}, {})")
            self.writer.used |= {"any": {"maximum"}, "all": {"minimum"}}.get(name, set())
            if of_rows:
                before.append(f"a{k} = {start}")
                within.append(f"a{k} = {combine.format(f'a{k}', x)}")
                if name in ("max", "min"):
                    before.append(f"n{k} = np.int32(0)")
                    within.append(f"n{k} |= np.int32(1) if {x} != {x} else np.int32(0)")
                    after.append(f"a{k} = NAN if n{k} else a{k}")
                if any(axis.strides[column] == 0 and axis.size > 1 for axis in self.axes[:-1]):
                    self.started(n, place, start)
                    outer = {"max": "larger({}, {})", "min": "smaller({}, {})"}.get(name, combine)
                    after.append(f"{at} = {outer.format(at, f'a{k}')}")
                else:
                    after.append(f"{at} = a{k}")
            else:
                self.started(n, place, start)
                within.append(f"{at} = {combine.format(at, x)}")
        return before, within, after

    def started(self, n: Node, place: Place, start: str) -> None:
        """Give every entry of a result its first value."""
        index = self.places.index(place)
        kept = [axis for axis in self.axes if axis.strides[index] != 0]
        pad, offset = "", []
        for j, axis in enumerate(kept):
            size = self.padded if axis is self.axes[-1] else axis.size
            self.initial.append(f"{pad}for j{j} in range({size}):")
            offset.append(f"j{j} * {axis.strides[index]}")
            pad += "    "
        self.initial.append(f"{pad}{self.pointers[place]}[{' + '.join(offset) or '0'}] = {start}")
