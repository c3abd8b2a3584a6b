"""Generated source of a program over tensors for a block of threads of a CUDA device: the same loops and steps as on the processor
(tensors/source.py), each dealt out over the threads, which wait for each other where one level of the program follows another.

Every thread makes whole entries of what a loop stores. An entry of a reduction, or of a product, belongs to one thread where there are enough
entries, else to several threads of a warp, or to the block, who add up in an order that depends on nothing but shapes. Numbers alone are
computed by every thread for itself.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ....specs.program.node import Node
from ..codegen.refusal import NotFusable
from ..tensors.loop_source import LoopWriter
from ..tensors.loops import ELEMENTWISE, REDUCTIONS, Loop, Schedule, Step
from ..tensors.nest import Axis, indented, nest, offset_text, opened, pointer
from ..tensors.places import Place
from ..tensors.programs import Target
from ..tensors.source import Compute
from ..tensors.step_source import Gather, StepWriter
from ..tensors.writer import Writer

COMPUTE = ("arena", "far", "x", "shared", "own", "drawn", "rows", "fresh", "out", "changing", "scratch")
RULE = ("arena", "far", "x", "g", "states", "xi", "shared", "own", "changing", "factor", "scratch")
"""What a program's function takes, in order: as tensors/source.py has it, and numbers that change from step to step, which are the first of
its own there; `scratch` has a number for every warp."""
CHANGING = {"compute": ("changing",), "rule": ("changing", "factor")}
COMBINED = {"max": "maximum", "any": "maximum", "min": "minimum", "all": "minimum"}
"""Functions that put together two numbers of a reduction, where that is no sum."""
WIDEST = 5
"""Rows and columns of a tile of a product at most."""
LARGE = 6144
"""Numbers of an array from which on it lies in the device's memory, so that others have room in shared memory."""
MOST_MEMORY = "a run may have of a device's memory"


@functools.cache
def target(threads: int, warp: int) -> Target:
    """Programs for blocks of so many threads, of which so many are a warp."""
    return Target(1, functools.partial(block_source, threads=threads, warp=warp), LARGE, MOST_MEMORY)


@dataclass
class BlockWriter(Writer):
    """The text of one program. `calls` are the statements of its function."""

    threads: int = 0
    warp: int = 0
    waited: bool = True
    """Whether nothing was written or read by all since threads last waited for each other."""

    def call(self, parameters: Sequence[str], body: Sequence[str], arguments: Sequence[str], kinds: Sequence[str], ends: str = "") -> None:
        """A device function with this body, shared by all that have the same, and a call of it; there are no vectors, and no `ends` for them."""
        text = f"({', '.join(parameters)}):\n    tid = thread()\n" + "".join(f"    {line}\n" for line in body)
        if "scratch" in text:
            text, arguments = text.replace("):", ", scratch):", 1), [*arguments, "scratch"]
        name = self.kernels.setdefault("@device\ndef {}" + text.replace("{", "{{").replace("}", "}}"), f"program_{len(self.kernels)}")
        self.calls.append(f"{name}({', '.join(arguments)})")
        self.waited = False

    def wait(self) -> None:
        """Threads wait for each other, if one has written what another may read, or read what another may write."""
        if not self.waited:
            self.calls.append("cuda.syncthreads()")
        self.waited = True


def indices(axes: Sequence[Axis], counter: str, numbers: Sequence[int]) -> list[str]:
    """Statements that take the indices of these axes, i0 and so on by their numbers, from a counter of all their entries."""
    lines, inner = [], math.prod(axis.size for axis in axes)
    for k, (axis, number) in enumerate(zip(axes, numbers, strict=True)):
        inner //= axis.size
        text = f"quotient({counter}, {inner})" if inner > 1 else counter
        lines.append(f"i{number} = {text if k == 0 else f'remainder({text}, {axis.size})'}")
    return lines


def strided(axes: Sequence[Axis], threads: int) -> tuple[list[str], int]:
    """The head of a loop over all entries of these axes, dealt out to threads, and how deep what is in it stands."""
    head = f"for flat in range(tid, {math.prod(axis.size for axis in axes)}, {threads}):"
    return [head, *("    " + line for line in indices(axes, "flat", range(len(axes))))], 1


def together(threads: int, entries: int, terms: int, warp: int) -> int:
    """How many threads share an entry that is made of so many terms."""
    if entries == 1 and terms > 4 * warp and threads > warp:
        return threads
    most = min(warp, terms, threads // entries)
    return 1 << (most.bit_length() - 1) if most > 1 else 1


def exchanged(name: str, combine: str, threads: int) -> list[str]:
    """Statements by which so many threads side by side put together their numbers: all get the same."""
    distances = [threads >> k for k in range(1, threads.bit_length())]
    return [f"{name} = {combine.format(name, f'cuda.shfl_xor_sync(ALL, {name}, {d})')}" for d in distances]


class Pass(LoopWriter):
    """One pass over a loop's entries: what it stores, or one of its reductions."""

    choice = ELEMENTWISE["where"]
    writer: BlockWriter

    def __init__(self, writer: BlockWriter, loop: Loop, ends: Sequence[Node]):
        super().__init__(writer, loop)
        self.writer = writer
        wanted = {id(n) for n in ends}
        for n in reversed(loop.computed):
            if id(n) in wanted:
                wanted |= {id(a) for a in n.args}
        self.computed = [n for n in loop.computed if id(n) in wanted]
        self.local = {id(n) for n in self.computed}

    def values(self) -> list[str]:
        """Statements for what the pass computes of an entry."""
        return [f"v{self.writer.index(n)} = {self.value(n)}" for n in self.computed]

    def lay_out(self, places: Sequence[Place], counted: bool) -> None:
        """The loops over all entries."""
        for place in places:
            self.pointer(place)
        self.places = list(self.pointers)
        counted = counted or any(n.function.name == "unpick" for n in self.computed)
        self.axes = nest(self.one.shape, [p.strides for p in self.places], keep_last=counted)
        self.axes = self.axes or [Axis(1, tuple(0 for _ in self.places))]

    def entries(self) -> None:
        """Store what others need."""
        self.point(self.computed)
        self.lay_out([self.schedule.place(n) for n in self.one.stored], False)
        body, depth = strided(self.axes, self.writer.threads)
        body += indented([*self.values(), *(self.store(n) for n in self.one.stored)], depth)
        self.call(body)

    def reduce(self, n: Node) -> None:
        """One reduction."""
        self.point((*self.computed, n))
        place, name, threads = self.along(n), n.function.name, self.writer.threads
        self.lay_out([place], name == "pick")
        column = self.places.index(place)
        kept = [k for k, axis in enumerate(self.axes) if axis.strides[column]]
        reduced = [k for k, axis in enumerate(self.axes) if not axis.strides[column]]
        entries, terms = (math.prod(self.axes[k].size for k in some) for some in (kept, reduced))
        x = self.read(n.args[0], n)
        if name == "pick":
            x = f"({x} if {self.counter()} == {self.read(n.args[1], n)} else F(0.0))"
        elif name == "dot":
            x = f"({x} * {self.read(n.args[1], n)})"
        elif name in ("any", "all"):
            x = f"F({x})"
        combine = f"{COMBINED[name]}({{0}}, {{1}})" if name in COMBINED else "({0} + {1})"
        self.writer.used |= {COMBINED[name]} if name in COMBINED else set()
        share = together(threads, entries, terms, self.writer.warp)
        of_entry = indices([self.axes[k] for k in kept], "entry", kept)
        of_term = indices([self.axes[k] for k in reduced], "term", reduced)
        inside = indented([*of_term, *self.values(), f"a = {combine.format('a', x)}"])
        stored = f"{self.pointers[place]}[{self.offset(place)}] = a"
        start = f"a = {REDUCTIONS[name]}"
        self.call(shared_out(threads, share, entries, terms, of_entry, [start], inside, combine, ["a"], [stored]))


def shared_out(
    threads: int,
    share: int,
    entries: int,
    terms: int,
    of_entry: Sequence[str],
    start: Sequence[str],
    inside: Sequence[str],
    combine: str,
    names: Sequence[str],
    end: Sequence[str],
) -> list[str]:
    """The body of a kernel that makes entries of many terms.

    Parameters
    ----------
    threads, share
        Of the block, and of an entry.
    entries, terms
        How many there are.
    of_entry, start, inside, end
        Statements that begin with the number of an entry, `entry`, that come before its terms, for each `term`, and after all.
    combine, names
        How two numbers are put together, and the numbers that are.

    Returns
    -------
    Statements.
    """
    if share == 1:
        body = [*of_entry, *start, f"for term in range({terms}):", *inside, *end]
        return [f"for entry in range(tid, {entries}, {threads}):", *indented(body)]
    if share == threads:
        function = {"maximum": "largest_of", "minimum": "smallest_of"}.get(combine.split("(")[0], "together")
        whole = [f"{name} = {function}({name}, scratch)" for name in names]
        last = ["if tid == 0:", *indented(end)]
        return ["entry = 0", *of_entry, *start, f"for term in range(tid, {terms}, {threads}):", *inside, *whole, *last]
    made = [f"entry, lane = quotient(tid, {share}), remainder(tid, {share})", *of_entry, *start]
    made += [f"if entry < {entries}:", *indented([f"for term in range(lane, {terms}, {share}):", *inside])]
    made += [line for name in names for line in exchanged(name, combine, share)]
    return [*made, f"if (entry < {entries}) & (lane == 0):", *indented(end)]


def write_loop(writer: BlockWriter, loop: Loop) -> None:
    """All passes of a loop: reductions first, which read what the others may overwrite."""
    schedule = writer.schedule
    for n in loop.reductions:
        Pass(writer, loop, n.args).reduce(n)
    if loop.stored:
        read = {schedule.place(a).base for a in schedule.read_by(loop) if not schedule.is_scalar(a)}
        if loop.reductions and any(schedule.place(n).base in read - {"arena", "far"} for n in loop.stored):
            writer.wait()
        Pass(writer, loop, loop.stored).entries()


class BlockSteps(StepWriter):
    """Writes steps for a block of threads."""

    writer: BlockWriter
    turns = False

    def opened(self, axes: Sequence[Axis]) -> tuple[list[str], int]:
        return strided(axes, self.writer.threads)

    def all_of(self, size: int) -> str:
        return f"range(tid, {size}, {self.writer.threads})"

    def between(self) -> None:
        self.writer.wait()

    def matrix_function(self, n: Node, args: Sequence[Node], place: Place) -> None:
        raise NotFusable(f"no kernel for {n.function.name} on the device")

    def gather(self, one: Gather) -> None:
        """target[i] <- source[rows[i]]."""
        axes = [Axis(one.rows, (one.source.strides[0], one.target.strides[0])), Axis(one.width, (1, 1))]
        body, _ = self.opened(axes)
        body.append(f"    p[{offset_text(axes, 1)}] = q[rows[i0] * {one.source.strides[0]} + i1]")
        self.call(("p", "q", "rows"), body, (pointer(one.target), pointer(one.source), "rows"), ("P", "P", "I"))

    def on_untake(self, n: Node, args: Sequence[Node], place: Place) -> None:
        """To each row the sum of what has its index: every entry looks at all indices, in their order."""
        g, index = args
        s, k = self.schedule.place(g), self.schedule.place(index)
        rows, rest = n.shape[0], n.shape[1:]
        front = nest(index.shape, [k.strides, s.strides[: index.ndim]])
        inner = [Axis(rows, (place.strides[0], 0)), *nest(rest, [place.strides[1:], s.strides[index.ndim :]])]
        names = range(len(front), len(front) + len(inner))
        flat = math.prod(axis.size for axis in inner)
        body = [f"for flat in range(tid, {flat}, {self.writer.threads}):", *indented([*indices(inner, "flat", names), "a = F(0.0)"])]
        heads, depth = opened(front, 1)
        there = f"g[{offset_text(front, 1)} + {offset_text(inner, 1, len(front))}]"
        body += [*heads, *indented([f"r = int(i[{offset_text(front, 0)}])", f"r = r + {rows} if r < 0 else r"], depth)]
        body += indented([f"a += {there} if r == i{len(front)} else F(0.0)"], depth)
        body.append(f"    p[{offset_text(inner, 0, len(front))}] = a")
        self.call(("p", "g", "i"), body, (pointer(place), pointer(s), pointer(k)), ("P", "P", "P"))

    def product(self, axes: Sequence[Axis], sizes: tuple[int, int, int], place: Place, p: Place, q: Place) -> None:
        """A tile of some rows and columns a thread, rows and columns of which lie far apart, so that threads read side by side; where there
        are few entries several threads share one."""
        (rows, inner, columns), threads = sizes, self.writer.threads
        front = math.prod(axis.size for axis in axes)
        tall, wide = tile(rows, columns, front, threads)
        share = together(threads, front * rows * columns, inner, self.writer.warp)
        down, across = rows // tall, columns // wide
        n = len(axes)
        c, a, b = (offset_text(axes, k) for k in range(3))
        every = [*axes, Axis(down, (0, 0, 0)), Axis(across, (0, 0, 0))]
        of_entry = indices(every, "entry", range(n + 2))
        (a0, a1), (b0, b1), (c0, c1) = (s.strides[-2:] for s in (p, q, place))
        of_entry += [f"from_a = {a} + i{n} * {a0}", f"from_b = {b} + i{n + 1} * {b1}"]
        pairs = [(r, m) for r in range(tall) for m in range(wide)]
        start = [f"s{r}_{m} = F(0.0)" for r, m in pairs]
        inside = [f"a{r} = a[from_a + {r * down * a0} + term * {a1}]" for r in range(tall)]
        inside += [f"b{m} = b[from_b + {m * across * b1} + term * {b0}]" for m in range(wide)]
        inside += [f"s{r}_{m} += a{r} * b{m}" for r, m in pairs]
        end = [f"c[{c} + (i{n} + {r * down}) * {c0} + (i{n + 1} + {m * across}) * {c1}] = s{r}_{m}" for r, m in pairs]
        names = [f"s{r}_{m}" for r, m in pairs]
        body = shared_out(threads, share, front * down * across, inner, of_entry, start, indented(inside), "({0} + {1})", names, end)
        self.call(("c", "a", "b"), body, (pointer(place), pointer(p), pointer(q)), ("P", "P", "P"))


def tile(rows: int, columns: int, front: int, threads: int) -> tuple[int, int]:
    """Rows and columns of a tile of a product, of which there must be enough for all threads."""
    found = (1, 1)
    for tall in (k for k in range(1, WIDEST + 1) if rows % k == 0):
        for wide in (k for k in range(1, WIDEST + 1) if columns % k == 0):
            enough = front * rows * columns // (tall * wide) >= threads
            if enough and (tall * wide, -abs(tall - wide)) > (found[0] * found[1], -abs(found[0] - found[1])):
                found = tall, wide
    return found


def block_source(
    schedule: Schedule,
    precision: str,
    lanes: int,
    name: str,
    takes: Mapping[str, str],
    ends: Sequence[tuple[Node, Place]],
    gathers: Sequence[Gather] = (),
    *,
    threads: int,
    warp: int,
) -> Compute:
    """The device functions of a program, as tensors/source.py makes its module for the processor.

    Parameters
    ----------
    schedule, precision, lanes, name, takes, ends, gathers
        As there.
    threads, warp
        Of the block that calls it, and those that exchange numbers without waiting.

    Returns
    -------
    Their text, in which the function of the program has the name `program`, and what it takes.
    """
    del takes
    writer = BlockWriter(schedule, precision, lanes, name == "rule", threads=threads, warp=warp)
    steps, level = BlockSteps(writer), 0
    for place in sorted({p.offset for p in schedule.places.values() if p.base == "scalar"}):
        changing = CHANGING[name]
        writer.calls.append(f"s{place} = {changing[place] if place < len(changing) else f'own[{place}]'}")
    for one in gathers:
        steps.gather(one)
    writer.wait()
    for one in schedule.in_order():
        if one.level > level:
            writer.wait()
        level = one.level
        if isinstance(one, Step):
            steps.write(one)
        elif one.alone:
            before = len(writer.calls)
            writer.numbers_alone(one)
            writer.waited &= not any("[" in line for line in writer.calls[before:])  # nobody may write there before all have read
        else:
            write_loop(writer, one)
    writer.wait()
    for n, place in ends:
        if schedule.is_scalar(n) and not n.shape:
            writer.calls += ["if thread() == 0:", f"    {place.base}[{place.offset}] = F({writer.scalar(n)})"]
            writer.waited = False
        elif schedule.is_scalar(n):
            steps.filled(n, place)
        elif schedule.place(n) != place:
            steps.copies(n.shape, schedule.place(n), place)
    writer.wait()
    kernels = [text.format(kernel) for text, kernel in writer.kernels.items()]
    body = "".join(f"    {line}\n" for line in writer.calls) or "    pass\n"
    main = f"@device\ndef program({', '.join(RULE if name == 'rule' else COMPUTE)}):\n{body}"
    return Compute("\n\n".join([*kernels, main]), schedule.size, writer.operations, far=schedule.far)
