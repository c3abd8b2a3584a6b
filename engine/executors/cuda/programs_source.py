"""From a study over tensors to a CUDA kernel: a block of threads a run, all steps inside, in the same order as cpu/drive_programs.py.

What a run works on lies in the block's shared memory as far as it fits, the rest in the device's memory. Arrays on the device:

    X, S, A (runs, numbers)   status, last_step (runs)   seed_of (seeds): where runs are
    P, H, HA, Q               (points or 1, numbers): numbers of the landscape, the rule, the average (H and HA float64), and (noise scale, df,
                              2 / df, clip threshold)
    D (seeds or 1, numbers)   of random landscapes   C (points or 1, steps of this launch) the schedule's factors, in float64
    B (steps, seeds, batch)   rows of minibatches that are made outside
    component (dim)           limits: diverge above, loss below   key0 .. key5: Philox's words of noise, minibatches, the optimizer's own numbers
    data                      what all runs share   far (blocks, numbers) what does not fit into shared memory
    marks                     the `count` steps of this launch that are recorded, from record `place` on
    scalars (variables, runs, records)   params, averages (runs, records, dim): records, NaN before the launch

All threads of a block know how their run stands and take the same branches.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....specs.status import Status
from ..codegen.module_frame import EXECUTORS
from ..tensors.nest import indented
from ..tensors.programs import Programs
from .block_source import exchanged
from .device import simulated
from .points_source import types_of

ARGUMENTS = (
    *("t0", "t1", "steps", "first", "seeds", "place", "count"),
    *(f"key{k}" for k in range(6)),
    *("X", "S", "A", "status", "last_step", "seed_of", "P", "D", "H", "HA", "Q", "C", "B", "component", "limits", "data", "far", "marks"),
    *("scalars", "params", "averages"),
)
DIMENSIONS = {
    **dict.fromkeys(("status", "last_step", "seed_of", "component", "limits", "data", "marks"), 1),
    **dict.fromkeys(("X", "S", "A", "P", "D", "H", "HA", "Q", "C", "far"), 2),
    **dict.fromkeys(("B", "scalars", "params", "averages"), 3),
}
KINDS = {
    "status": "int8",
    "last_step": "int64",
    "seed_of": "uint32",
    "marks": "int64",
    "B": "int64",
    **dict.fromkeys(("H", "HA", "C"), "float64"),
    **{f"key{k}": "uint32" for k in range(6)},
}
MOST_REGISTERS = 128
"""Of a thread: two blocks of 256 threads then fit on a multiprocessor of sm_90 (65,536 registers)."""
SHARED_BYTES = 200 * 2**10
"""Shared memory of a block on sm_90, at most 227 KB."""
STATIC_BYTES = 48 * 2**10
"""What a block may have without asking for it."""
FUNCTIONS = ("exp", "expm1", "log", "log1p", "sinh", "cosh", "tanh", "arctan", "sign", "divide", "absolute", "maximum", "minimum")
FUNCTIONS = (*FUNCTIONS, "pow", "floor", "root")
"""Elementary functions that programs call."""


@dataclass(frozen=True)
class Features:
    """What a kernel is made for. `noise` is "", "gaussian" or "student_t", `clip` "", "value" or "norm"; `fresh` the normal numbers that a
    step's new samples are made of."""

    precision: str
    threads: int
    warp: int
    dim: int
    states: int
    batch: int
    given: bool
    samples: int
    fresh: int
    changes: bool
    noise: str
    clip: str
    xi: bool
    average: bool
    below: bool
    observed: int
    loss: bool
    params: bool
    average_loss: bool
    average_params: bool

    @property
    def sampled(self) -> bool:
        """Whether an update sees samples that records do not."""
        return self.batch > 0 or self.fresh > 0

    @property
    def differs(self) -> bool:
        """Whether the loss that an update sees is not the one to record."""
        return self.sampled or self.changes


@dataclass
class Memory:
    """Where a run's numbers lie while a launch works on it: offsets in shared memory, or in the block's part of `far`. Of X, S and A what does
    not fit stays where it is."""

    near: dict[str, int] = field(default_factory=dict)
    far: dict[str, int] = field(default_factory=dict)
    near_size: int = 0
    far_size: int = 0
    itemsize: int = 8
    other_bytes: int = 0
    """Of shared memory, for rows and sums."""

    @property
    def shared_bytes(self) -> int:
        """All that a block takes of it."""
        return self.near_size * self.itemsize + self.other_bytes

    @property
    def dynamic_bytes(self) -> int:
        """What a launch asks for; 0 where the kernel's own arrays do."""
        return self.near_size * self.itemsize if self.shared_bytes > STATIC_BYTES and not simulated() else 0


def memory(f: Features, made: Programs) -> Memory:
    """Where everything lies: what is used most comes first. The memory of programs, which run one after the other, is the same."""
    itemsize = 4 if f.precision == "float32" else 8
    programs = [made.gradient, made.looks, made.rule.compute, *([made.average.compute] if made.average else [])]
    placed = Memory(itemsize=itemsize, other_bytes=4 * f.batch + itemsize * (f.threads // f.warp))
    placed.far_size = max(one.far for one in programs)  # large arrays of all of them come first
    arenas = {"gradient arena": made.gradient.arena, "rule arena": made.rule.compute.arena}
    arenas |= {"average arena": made.average.compute.arena} if made.average else {}
    arenas |= {"looks arena": made.looks.arena} if looks(f) else {}
    sizes = {"x": f.dim, "out": f.dim + 1, "seen": 1 + f.observed, "s": f.states}
    sizes |= {name: arenas.pop(name) for name in ("gradient arena", "rule arena")}
    sizes |= {"xi": f.dim + 1} if f.xi else {}
    sizes |= {"fresh": f.fresh + 1} if f.fresh else {}
    sizes |= {"a": f.dim} if f.average else {}
    most = (SHARED_BYTES - placed.other_bytes) // itemsize
    near = far = 0  # of programs
    kept = {**sizes, **arenas}
    for name, size in kept.items():
        is_arena = name.endswith("arena")
        more = max(0, size - near) if is_arena else size
        limit = min(most, STATIC_BYTES // itemsize) if name == "looks arena" and more else most  # which is used now and then alone
        if placed.near_size + near + more <= limit:
            if is_arena:
                near += more
                placed.near[name] = -1
            else:
                placed.near[name], placed.near_size = placed.near_size, placed.near_size + size
        elif is_arena:
            far = max(far, size)
            placed.far[name] = -1
        elif name not in ("x", "s", "a"):
            placed.far[name], placed.far_size = placed.far_size, placed.far_size + size
    for places, offset in ((placed.near, placed.near_size), (placed.far, placed.far_size)):
        places |= {name: offset for name, value in places.items() if value < 0}
    placed.near_size, placed.far_size = placed.near_size + near, placed.far_size + far
    return placed


def signature(precision: str) -> tuple[Any, ...]:
    """The kernel's argument types, for compiling it where there is no device."""
    return types_of(ARGUMENTS, DIMENSIONS, precision, KINDS)


HEAD = '''"""Generated by thalweg: the kernel of a study over tensors, a block of threads a run."""

import math

import numpy as np
from numba import cuda

from {executors}.cuda.elementary import cell32, cell64, device, philox
from {executors}.cuda.elementary import float64 as exact_functions
from {executors}.cuda.elementary import {precision} as functions
from {executors}.cuda.pointers import at, pointer_to, quotient, remainder, thread

F, ALL, ZERO = np.{precision}, 0xFFFFFFFF, np.uint32(0)
LARGEST, INFINITY, NAN = np.finfo(F).max, F(np.inf), F(np.nan)
box_muller, bailey, sqrt = functions.box_muller, functions.bailey, functions.sqrt
far_sin, far_cos, far_tan = functions.sin, functions.cos, functions.tan
{aliases}

{together}

{programs}
'''
KERNEL = """

@cuda.jit(cache=True{limit})
def drive({arguments}):
"""
TOGETHER = """
@device
def {name}(a, scratch):
    tid = thread()
{lines}
    return a
"""
"""The sum, or the like, of a number of every thread of the block, which all get."""


def across(name: str, combine: str, threads: int, warp: int) -> str:
    """The text of a function that puts together what the threads of a block have."""
    lines, warps = exchanged("a", combine, warp), threads // warp
    if warps > 1:
        lines += [f"if tid % {warp} == 0:", f"    scratch[tid // {warp}] = a", "cuda.syncthreads()", "a = scratch[0]"]
        lines += [f"for w in range(1, {warps}):", f"    a = {combine.format('a', 'scratch[w]')}", "cuda.syncthreads()"]
    return TOGETHER.format(name=name, lines="\n".join(indented(lines, 1)))


def module(programs: Mapping[str, str], precision: str, threads: int, warp: int) -> str:
    """A module with these programs, as block_source.py writes them, by the names that their functions get."""
    texts = [re.sub(r"\bprogram(?=[_(])", name, text) for name, text in programs.items()]
    aliases = [f"{name}, exact_{name} = functions.{name}, exact_functions.{name}" for name in FUNCTIONS]
    combined = {"together": "({0} + {1})", "largest_of": "maximum({0}, {1})", "smallest_of": "minimum({0}, {1})"}
    return HEAD.format(
        executors=EXECUTORS,
        precision=precision,
        aliases="\n".join(aliases),
        together="\n".join(across(name, combine, threads, warp) for name, combine in combined.items()),
        programs="\n\n".join(texts),
    )


def kernel_source(f: Features, made: Programs) -> str:
    """The module with the kernel `drive`."""
    parts = {"gradient": made.gradient.text, "rule": made.rule.compute.text}
    parts |= {"looks": made.looks.text} if looks(f) else {}
    parts |= {"average": made.average.compute.text} if made.average else {}
    placed = memory(f, made)
    limit = "" if simulated() else f", max_registers={MOST_REGISTERS}"
    text = module(parts, f.precision, f.threads, f.warp) + KERNEL.format(limit=limit, arguments=", ".join(ARGUMENTS))
    lines = [*setup(f, placed), *load(f, placed), "for t in range(t0, t1):", *indented(step(f), 1), *save(f, placed)]
    return text + "".join(f"    {line}\n" for line in lines)


def setup(f: Features, placed: Memory) -> list[str]:
    """The block's run, and where its numbers lie."""
    made = ["tid = cuda.threadIdx.x", "run = first + cuda.blockIdx.x", "state, ended = status[run], last_step[run]"]
    made += [
        f"if state == {Status.DIVERGED}:",
        "    return",
        "point = run // seeds",
        "of_seed = run - point * seeds",
        "seed = seed_of[of_seed]",
    ]
    size = 0 if placed.dynamic_bytes else placed.near_size
    made += [f"near = pointer_to(cuda.shared.array({size}, F))", f"scratch = pointer_to(cuda.shared.array({f.threads // f.warp}, F))"]
    made += ["shared, rest = pointer_to(data), at(pointer_to(far), cuda.blockIdx.x * far.shape[1])"]
    made += [f"rows = pointer_to(cuda.shared.array({f.batch}, np.int32))" if f.batch else "rows = shared"]
    names = {name: name.replace(" ", "_") for name in (*placed.near, *placed.far)}
    made += [f"{names[name]} = at(near, {offset})" for name, offset in placed.near.items()]
    made += [f"{names[name]} = at(rest, {offset})" for name, offset in placed.far.items()]
    for name, table in (("x", "X"), ("s", "S"), *((("a", "A"),) if f.average else ())):
        if name not in placed.near:
            made.append(f"{name} = at(pointer_to({table}), run * {table}.shape[1])")
    made += [f"{name} = shared" for name in ("xi", "fresh") if name not in names]  # which nothing reads
    for name, table, index in (("own", "P", "point"), ("h", "H", "point"), ("ha", "HA", "point"), ("drawn", "D", "of_seed")):
        if name != "ha" or f.average:
            made.append(f"{name} = at(pointer_to({table}), min({index}, {table}.shape[0] - 1) * {table}.shape[1])")
    made += ["of_point, factors, k = min(point, Q.shape[0] - 1), C[min(point, C.shape[0] - 1)], 0"]
    made += ["scale, df, rate, threshold = Q[of_point, 0], Q[of_point, 1], Q[of_point, 2], Q[of_point, 3]"]
    return [*made, "above, below = limits[0], limits[1]"]


def each(f: Features, *statements: str, count: Any = None) -> list[str]:
    """Statements for every component d, dealt out to the threads."""
    return [f"for d in range(tid, {f.dim if count is None else count}, {f.threads}):", *indented([*statements], 1)]


def moved(f: Features, placed: Memory, statement: str) -> list[str]:
    """A statement for all numbers of a run that are kept between launches and lie in shared memory."""
    made = []
    for name, table, count in (("x", "X", f.dim), ("s", "S", f.states), ("a", "A", f.dim)):
        if name in placed.near and count:
            made += each(f, statement.format(name=name, table=table), count=count)
    return made


def load(f: Features, placed: Memory) -> list[str]:
    """State of the run, as the launch before left it."""
    return [*moved(f, placed, "{name}[d] = {table}[run, d]"), "cuda.syncthreads()"]


def save(f: Features, placed: Memory) -> list[str]:
    """State of the run, for the next launch."""
    made = moved(f, placed, "{table}[run, d] = {name}[d]")
    return [*made, "if tid == 0:", "    status[run], last_step[run] = state, ended"]


def looks(f: Features) -> bool:
    """Whether anything looks at the loss on all data, or at observables."""
    return f.observed > 0 or f.sampled or f.average_loss or (f.differs and f.loss)


def look(name: str) -> str:
    """A call of what looks at all data, from this point."""
    return f"looks(looks_arena, rest, {name}, shared, own, drawn, rows, fresh, seen, F(max(t, 1)), scratch)"


def step(f: Features) -> list[str]:
    """One step: look, note how the run stands, record, move."""
    gradient = "gradient(gradient_arena, rest, x, shared, own, drawn, rows, fresh, out, F(min(t + 1, steps)), scratch)"
    sees = [*samples(f), gradient, f"loss = out[{f.dim}]"]
    made = ["tid = thread()", "mark, loss = k < count and marks[k] == t, F(0.0)"]
    made += ["if t < steps:", *indented(sees, 1)] if f.sampled else sees
    when = ["mark"] * (f.observed > 0 or (f.differs and f.loss)) + ["t == steps"] * f.sampled
    made += [f"if {' or '.join(when)}:", f"    {look('x')}"] * bool(when)
    made += ["if t == steps:", "    loss = seen[0]"] * f.sampled
    made += [f"if state == {Status.RUNNING}:", *indented(ends(f), 1), "else:", "    cuda.syncthreads()"]
    made += ["if mark:", *indented(records(f), 1), "    k += 1", "    cuda.syncthreads()", "if t == steps:", "    break"]
    moves = [*noise(f), *clip(f), *own(f)]
    moves.append("rule(rule_arena, rest, x, out, s, xi, shared, h, np.float64(t + 1), factors[t - t0], scratch)")
    made += [f"if state == {Status.RUNNING}:", *indented(moves, 1)]
    average = "average(average_arena, rest, a, x, s, x, shared, ha, np.float64(t + 1), np.float64(steps), scratch)"
    return [*made, *[average] * f.average]


def ends(f: Features) -> list[str]:
    """Whether the run diverges here, or stops. All threads have read the loss when they go on."""
    made = ["bad = 0 if (loss <= above) & (loss >= -LARGEST) else 1"]
    made += each(f, "if not (absolute(x[d]) <= LARGEST):", "    bad = 1")
    made += ["if cuda.syncthreads_or(bad):", f"    state, ended = np.int8({Status.DIVERGED}), np.int64(t - 1)", "    break"]
    return made + ["if loss < below:", f"    state, ended = np.int8({Status.STOPPED}), np.int64(t)"] * f.below


def records(f: Features) -> list[str]:
    """The statements that store a record."""
    values = ["seen[0]" if f.differs else "loss"] * f.loss + [f"seen[{1 + k}]" for k in range(f.observed)]
    stored = [f"scalars[{row}, run, place + k] = {value}" for row, value in enumerate(values)]
    made = ["if tid == 0:", *indented(stored, 1)] if stored else []
    made += each(f, "params[run, place + k, d] = x[d]") if f.params else []
    made += each(f, "averages[run, place + k, d] = a[d]") if f.average_params else []
    if f.average_loss:
        made += ["cuda.syncthreads()", look("a"), "if tid == 0:", f"    scalars[{len(values)}, run, place + k] = seen[0]"]
    return made


def samples(f: Features) -> list[str]:
    """What this step's gradient is made of: rows of the data, or new samples."""
    if f.given:
        return [*each(f, "rows[d] = np.int32(B[t - t0, of_seed, d])", count=f.batch), "cuda.syncthreads()"]
    if f.batch:
        words = "w0, w1, w2, w3 = philox(np.uint32(j), np.uint32(t), seed, ZERO, key2, key3)"
        drawn = []
        for k in range(4):
            store = f"rows[4 * j + {k}] = np.int32((np.uint64(w{k}) * np.uint64({f.samples})) >> np.uint64(32))"
            drawn += [store] if f.batch % 4 == 0 or k == 0 else [f"if 4 * j + {k} < {f.batch}:", f"    {store}"]
        return [f"for j in range(tid, {-(-f.batch // 4)}, {f.threads}):", *indented([words, *drawn], 1), "cuda.syncthreads()"]
    return normals(f, f.fresh, "key2, key3", ["fresh[{d}] = {z}"]) if f.fresh else []


def normals(f: Features, count: int, key: str, statements: Iterable[str]) -> list[str]:
    """Statements for every standard normal number z of step t, which has the place d: two of a Philox block, in float32 of this step or its
    neighbour."""
    single = f.precision == "float32"
    made = [f"w0, w1, w2, w3 = philox(np.uint32(j), np.uint32(t{' >> 1' if single else ''}), seed, ZERO, {key})"]
    made += ["w0, w1 = (w2, w3) if t & 1 else (w0, w1)"] * single
    made += [f"z0, z1 = box_muller({'cell32(w0), cell32(w1)' if single else 'cell64(w0, w1), cell64(w2, w3)'})"]
    made += [text.format(d="2 * j", z="z0") for text in statements]
    second = [text.format(d="2 * j + 1", z="z1") for text in statements]
    made += [f"if 2 * j + 1 < {count}:", *indented(second, 1)] if count % 2 else second
    return [f"for j in range(tid, {(count + 1) // 2}, {f.threads}):", *indented(made, 1), "cuda.syncthreads()"]


def noise(f: Features) -> list[str]:
    """Add the study's noise to the gradient."""
    if f.noise == "gaussian":
        return normals(f, f.dim, "key0, key1", ["out[{d}] += scale * component[{d}] * {z}"])
    if f.noise != "student_t":
        return []
    word, add = (
        "w0, w1, w2, w3 = philox(np.uint32({}), np.uint32(t), seed, ZERO, key0, key1)",
        "out[{0}] += scale * component[{0}] * bailey({1}, df, rate)",
    )
    if f.precision == "float64":
        return [*each(f, word.format("d"), add.format("d", "cell64(w0, w1), cell64(w2, w3)")), "cuda.syncthreads()"]
    made = [word.format("j"), add.format("2 * j", "cell32(w0), cell32(w1)")]
    second = add.format("2 * j + 1", "cell32(w2), cell32(w3)")
    made += [f"if 2 * j + 1 < {f.dim}:", f"    {second}"] if f.dim % 2 else [second]
    return [f"for j in range(tid, {(f.dim + 1) // 2}, {f.threads}):", *indented(made, 1), "cuda.syncthreads()"]


def clip(f: Features) -> list[str]:
    """Clip the gradient; NaN stays NaN."""
    if f.clip == "value":
        limited = "-threshold if out[d] < -threshold else (threshold if out[d] > threshold else out[d])"
        return [*each(f, f"out[d] = {limited}"), "cuda.syncthreads()"]
    if f.clip != "norm":
        return []
    made = ["top = F(0.0)", *each(f, "top = maximum(top, absolute(out[d]))"), "top = largest_of(top, scratch)"]
    made += ["top = top if (top > F(0.0)) & (top <= LARGEST) else F(1.0)", "squares = F(0.0)"]
    made += [*each(f, "squares += (out[d] / top) * (out[d] / top)"), "length = sqrt(together(squares, scratch))"]
    smaller = each(f, "out[d] = out[d] / top * (threshold / length)")
    return [*made, "if top * length > threshold:", *indented(smaller, 1), "cuda.syncthreads()"]


def own(f: Features) -> list[str]:
    """The optimizer's own standard normal numbers."""
    return normals(f, f.dim, "key4, key5", ["xi[{d}] = {z}"]) if f.xi else []
