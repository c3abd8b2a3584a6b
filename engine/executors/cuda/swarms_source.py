"""From a study of swarms to a CUDA kernel: one run a block of threads, which share its particles, all steps inside.

The functions of the landscape, the rule and the average are those of points_source.py; the steps and their order are those of
drive_swarms.py. Thread k moves particles k, k + threads, ...; the consensus is made by warps, lane k of which adds particles k, k + warp,
..., after which lanes exchange their sums. So the order of additions depends on the number of particles alone, and bits on nothing else.
What fits into shared memory stays there from the first step of a launch to the last; the rest is in the device's memory, with neighbouring
particles at neighbouring addresses:

    X (runs, dim, particles)   S (runs, states, dim, particles)   W (runs, rows, particles): normals of the next step, values, weights,
                               all three as one row of numbers: with strides known to the compiler, offsets need no registers
    A (runs, dim)              status, last_step (runs)           seed_of (seeds)
    P, H, HA, Q                (points or 1, rows): numbers of the landscape, the rule, the average, and (alpha, its growth, its largest value)
    C                          (points or 1, steps of this launch): the schedule's factors
    limits                     diverge above, loss below          key2, key3: Philox's words of the optimizer's own numbers
    marks                      the `count` steps of this launch that are recorded, from record `place` on
    scalars                    (variables, runs, records)         params, averages (runs, records, dim)
    swarms                     (runs, records, dim, particles)

What a thread moves at the moment is in its own arrays: y, the particle, and q, its states. A step needs the threads to wait for each other four times: for the least value, the weights, the consensus, and what thread 0, which keeps
the books, makes of it.
"""

from dataclasses import dataclass
from typing import Any

from ....specs.status import Status
from ..codegen.module_frame import DEVICE
from ..tensors.nest import indented
from .device import simulated
from .points_source import REFRESH, local, types_of
from .warp_source import exchange

ARGUMENTS = (
    *("t0", "t1", "steps", "runs", "seeds", "place", "count", "key0", "key1", "key2", "key3"),
    *("X", "S", "W", "A", "status", "last_step", "seed_of", "P", "H", "HA", "Q", "C", "limits", "marks"),
    *("scalars", "params", "averages", "swarms"),
)
DIMENSIONS = {
    **dict.fromkeys(("X", "S", "W", "status", "last_step", "seed_of", "limits", "marks"), 1),
    **dict.fromkeys(("A", "P", "H", "HA", "Q", "C"), 2),
    **dict.fromkeys(("scalars", "params", "averages"), 3),
    "swarms": 4,
}
MOST_REGISTERS = 128
"""Of a thread, so that a multiprocessor (65,536) holds 512 threads: some blocks work while others wait. Numbers that only a record needs,
and that the compiler would keep in registers all the time, then wait in memory."""


@dataclass(frozen=True)
class Features:
    """What a kernel is made for. `threads` of a block, `warp` of which exchange numbers; `shared` names the arrays that are in shared
    memory; `wanted` are the observables to record; `rows` those of Z, O, R, the average's R, K, the average's K, and of what a rule sums
    over components and the loss."""

    precision: str
    dim: int
    particles: int
    threads: int
    warp: int
    states: int
    numbers: tuple[int, int, int]
    """Rows of P, H and HA."""
    xi: bool
    average: bool
    below: bool
    loss: bool
    params: bool
    average_loss: bool
    average_params: bool
    swarm: bool
    rows: tuple[int, ...]
    wanted: tuple[int, ...]
    most: int
    """Bytes of shared memory that a block may have."""

    @property
    def itemsize(self) -> int:
        return 4 if self.precision == "float32" else 8

    @property
    def local_bytes(self) -> int:
        """Memory of a thread's arrays, should none of them fit into registers."""
        return (self.dim * (1 + self.states + self.xi) + sum(self.rows) + sum(self.numbers) + 16) * self.itemsize

    @property
    def warps(self) -> int:
        return self.threads // self.warp

    @property
    def parts(self) -> int:
        """Warps that make one component of the consensus, each of its own particles."""
        return max(1, self.warps // self.dim)

    @property
    def held(self) -> dict[str, int]:
        """Array -> its rows of `particles` numbers. A float32 Philox block serves two steps: the second one's normals wait in `later`."""
        made = {"weights": 1, "values": 1, "x": self.dim, "s": self.states * self.dim}
        return {**made, "later": self.dim if self.xi and self.precision == "float32" else 0}

    @property
    def fixed_bytes(self) -> int:
        """Shared memory of the consensus, its average, and what threads tell each other."""
        return (self.dim * (1 + self.average) + 2 * self.dim * self.parts + self.warps + 4) * self.itemsize

    @property
    def shared(self) -> tuple[str, ...]:
        """The arrays for which there is room in shared memory, those read most first."""
        made, left = [], self.most - self.fixed_bytes
        for name, rows in self.held.items():
            size = rows * self.particles * self.itemsize
            if 0 < size <= left:
                made.append(name)
                left -= size
        return tuple(made)

    @property
    def scratch(self) -> dict[str, int]:
        """Array -> its first row in W, of those that are there."""
        made, row = {}, 0
        for name in ("later", "values", "weights"):
            if self.held[name] and name not in self.shared:
                made[name], row = row, row + self.held[name]
        return made

    @property
    def scratch_rows(self) -> int:
        return sum(self.held[name] for name in self.scratch)


def signature(precision: str) -> tuple[Any, ...]:
    """The kernel's argument types, for compiling it where there is no device."""
    return types_of(ARGUMENTS, DIMENSIONS, precision)


def kernel_source(features: Features, landscape: str, rule: str, average: str) -> str:
    """The module with the kernel `drive`; the other three are names of modules."""
    f = features
    names = {"landscape": landscape, "rule": rule, "average": average, "arguments": ", ".join(ARGUMENTS)}
    limit = "" if simulated() else f", max_registers={MOST_REGISTERS}"  # the simulator knows no such thing
    text = HEAD.format(**names, device=DEVICE, precision=f.precision, particles=f.particles, threads=f.threads, warp=f.warp, limit=limit)
    lines = [*setup(f), f"if state != {Status.DIVERGED}:", *indented(load(f), 1), *indented(powers(f), 1)]
    lines += ["    for t in range(first, np.int32(t1)):", *indented(step(f), 2), *indented(save(f), 1)]
    lines += ["for m in range(k, count):", *indented(records(f, {}), 1)]
    return text + "".join(f"    {line}\n" for line in lines)


HEAD = '''"""Generated by thalweg: the kernel of a study of swarms, one run a block of threads."""

import numpy as np
from numba import cuda
from {landscape} import landscape, observe
from {rule} import prelude, rule
from {average} import prelude as average_prelude, rule as average_rule

from {device} import {precision} as functions
from {device} import cell32, cell64, philox

F = np.{precision}
absolute, box_muller, exp, minimum, power = functions.absolute, functions.box_muller, functions.exp, functions.minimum, functions.pow
NAN, INFINITY, LOWEST, NEVER, ZERO, ALL = F(np.nan), F(np.inf), -np.finfo(F).max, np.int32(-1), np.uint32(0), 0xFFFFFFFF
PARTICLES, THREADS, WARP = np.int32({particles}), np.int32({threads}), np.int32({warp})


@cuda.jit(cache=True{limit})
def drive({arguments}):
    run, thread = np.int32(cuda.blockIdx.x), np.int32(cuda.threadIdx.x)
'''


def shared(name: str, shape: str, kind: str = "F") -> str:
    return f"{name} = cuda.shared.array({shape}, {kind})"


def setup(f: Features) -> list[str]:
    """The block's own place, its arrays and those of its threads."""
    Z, O, R, RA, K, KA, sums = f.rows
    made = ["point = run // seeds", "seed = seed_of[run - point * seeds]", "state, last, k = np.int32(status[run]), last_step[run], 0"]
    made += ["above, below, first, end = limits[0], limits[1], np.int32(t0), np.int32(steps)", "lane, warp = thread % WARP, thread // WARP"]
    made += ["mark = np.int32(marks[0]) if count > 0 else NEVER"]
    made += [shared("c", f"({f.dim}, 1)"), shared("least", str(f.warps)), shared("loss", "1"), shared("stand", "1", "np.int32")]
    made += [shared("moments", f"({f.parts}, {f.dim})"), shared("totals", f"({f.parts}, {f.dim})")] * (f.parts > 1)
    made += [shared(name, str(f.held[name] * f.particles)) for name in f.shared]
    made += [part(f, "x", "X", f.dim, 0)] * ("x" not in f.shared) + [part(f, "s", "S", f.states * f.dim, 0)] * (
        f.states > 0 and "s" not in f.shared
    )
    made += [part(f, name, "W", f.scratch_rows, row) for name, row in f.scratch.items()]
    made += [local("y", f.dim, 1), local("q", f.states, f.dim, 1), local("f", 1), local("L", 1), local("Z", Z, 1)]
    made += [local("p", f.numbers[0], 1), local("h", f.numbers[1], 1), local("T", 1), local("factor", 1)]
    made += [local("R", R, 1), local("K", K, 1), local("sums", sums, 1), local("xi", f.dim if f.xi else 1, 1)]
    made += [shared("a", f"({f.dim}, 1)"), local("ha", f.numbers[2], 1), local("RA", RA, 1), local("KA", KA, 1)] * f.average
    return made + [local("L2", 1)] * f.average_loss + [local("O", O, 1)] * bool(f.wanted)


def part(f: Features, name: str, whole: str, rows: int, first: int) -> str:
    """The run's own part of an array in the device's memory, which has so many rows a run, from one of them on."""
    begin = f"(run * {rows} + {first}) * {f.particles}"
    return f"{name} = {whole}[{begin} : {begin} + {f.held[name] * f.particles}]"


def at(f: Features, name: str, row: str = "d") -> str:
    """The number of particle i in a row of an array."""
    return f"{name}[np.uint64(({row}) * {f.particles}) + i]"


def load(f: Features) -> list[str]:
    """State and numbers of the run."""
    made = every(f, "{0} = {1}")
    made += ["if thread == 0:", *indented(each(f, "a[d, 0] = A[run, d]"), 1)] * f.average
    for name, table, rows in (("p", "P", f.numbers[0]), ("h", "H", f.numbers[1]), ("ha", "HA", f.numbers[2])):
        if rows and (name != "ha" or f.average):
            made += [f"at = min(point, {table}.shape[0] - 1)", f"for i in range({rows}):", f"    {name}[i, 0] = {table}[at, i]"]
    made += ["at = min(point, Q.shape[0] - 1)", "slowest, growth, largest = Q[at, 0], Q[at, 1], Q[at, 2]"]
    return [*made, "factors = C[min(point, C.shape[0] - 1)]"]


def each(f: Features, statement: str) -> list[str]:
    return [f"for d in range({f.dim}):", f"    {statement}"]


def own(*statements: str) -> list[str]:
    """For every particle i of the thread; an index without a sign needs no test whether it counts from the end."""
    return ["for n in range(thread, PARTICLES, THREADS):", "    i = np.uint64(n)", *indented(list(statements), 1)]


def every(f: Features, assign: str) -> list[str]:
    """An assignment between shared memory {0} and the device's {1}, for all numbers of particles and states that are in both."""
    made = []
    for name, whole in (("x", "X"), ("s", "S")):
        if name in f.shared:
            rows = f.held[name]
            made += [f"for d in range({rows}):", f"    {assign.format(at(f, name), at(f, whole, f'run * {rows} + d'))}"]
    return own(*made) if made else []


def save(f: Features) -> list[str]:
    """State of the run, for the next launch."""
    made = every(f, "{1} = {0}")
    books = ["status[run], last_step[run] = np.int8(state), last", *each(f, "A[run, d] = a[d, 0]") * f.average]
    return [*made, "if thread == 0:", *indented(books, 1)]


def powers(f: Features) -> list[str]:
    """Powers grow from a multiple of REFRESH on, so that their bits do not depend on where a launch begins; the average lags by a step."""
    before = ["back = max(first - 1, 0)", f"for t in range(np.int32(back - (back & {REFRESH - 1})), first):"]
    return [*before, *indented(preludes(f, "0") + average_preludes(f), 1)]


def preludes(f: Features, row: str) -> list[str]:
    """What depends on hyperparameters and step alone."""
    made = ["T[0] = F(np.int32(t + 1))", f"factor[0] = factors[np.uint32({row})]", f"fresh = t & {REFRESH - 1} == 0"]
    return [*made, "prelude(T, factor, h, R, K, fresh)"]


def average_preludes(f: Features) -> list[str]:
    return ["average_prelude(T, factor, ha, RA, KA, fresh)"] * f.average


def step(f: Features) -> list[str]:
    """One step: look, note how the run stands, record, move."""
    made = least(f) + weigh(f) + consensus(f)
    made += [
        "if thread == 0:",
        *indented(books(f), 1),
        "cuda.syncthreads()",
        "state = stand[0]",
        f"if state == {Status.DIVERGED}:",
        "    break",
    ]
    made += ["if t == mark:", *indented(see(f), 1), "    k += 1", "    mark = np.int32(marks[k]) if k < count else NEVER"]
    made += ["if t == end:", "    break", *preludes(f, "t - first"), *average_preludes(f), "sums[sums.shape[0] - 1, 0] = loss[0]"]
    states = [f"for j in range({f.states}):", *indented(each(f, "{}"), 1)] * bool(f.states)
    old, place = at(f, "x"), at(f, "s", f"j * {f.dim} + d")
    took = [*each(f, f"y[d, 0] = {old}"), *(line.format(f"q[j, d, 0] = {place}") for line in states), "f[0] = values[i]"]
    gave = [*each(f, f"{old} = y[d, 0]"), *(line.format(f"{place} = q[j, d, 0]") for line in states)]
    moved = own(*normals(f), *took, "rule(y, c, f, q, xi, R, sums, 0)", *gave)
    return made + ([f"if state == {Status.RUNNING}:", *indented(moved, 1)] if f.below else moved)


def least(f: Features) -> list[str]:
    """low <- the least finite value."""
    mine = [*each(f, f"y[d, 0] = {at(f, 'x')}"), "landscape(y, L, c, p, Z, above)", "values[i] = L[0]"]
    mine = own(*mine, "low = L[0] if (L[0] < low) & (L[0] >= LOWEST) else low")
    made = ["low = INFINITY", *mine, *exchange(f.warp, "low", "minimum(low, {})")]
    made += ["if lane == 0:", "    least[warp] = low", "cuda.syncthreads()"]
    return [*made, "low = least[0]", *(f"low = minimum(low, least[{w}])" for w in range(1, f.warps))]


def weigh(f: Features) -> list[str]:
    """weights <- exp(-alpha (f - low)), 0 where f is not finite."""
    made = ["alpha = minimum(slowest if growth == F(1) else slowest * power(growth, F(t)), largest)"]
    made += own("value = values[i]", "weights[i] = exp(-alpha * (value - low)) if absolute(value) <= -LOWEST else F(0)")
    return [*made, "cuda.syncthreads()"]


def consensus(f: Features) -> list[str]:
    """c <- sum_i w_i x_i / sum_i w_i, a component a warp or, of few components, `parts` warps."""
    rows, stride = f.dim * f.parts, f.warp * f.parts
    add = ["weight = weights[i]", "total += weight", "moment += weight * x[here + i] if weight > F(0) else F(0)"]
    made = ["total, moment = F(0), F(0)", f"d, part = row % {f.dim}, row // {f.dim}"]
    summed = [f"here, mine = np.uint64(d * {f.particles}), part * WARP + lane", f"for j in range({f.particles // stride}):"]
    summed += [f"    i = np.uint64(mine + j * {stride})", *indented(add, 1), f"i = np.uint64(mine + {f.particles // stride * stride})"]
    summed += ["if i < PARTICLES:", *indented(add, 1)]
    guard = rows % f.warps != 0
    made += [f"if row < {rows}:", *indented(summed, 1)] if guard else summed
    made += exchange(f.warp, "total", "total + {}") + exchange(f.warp, "moment", "moment + {}")
    put = "c[d, 0] = moment / total" if f.parts == 1 else "totals[part, d], moments[part, d] = total, moment"
    made += [f"if (lane == 0) & (row < {rows}):" if guard else "if lane == 0:", f"    {put}"]
    made = [f"for turn in range({-(-rows // f.warps)}):", f"    row = warp + turn * {f.warps}", *indented(made, 1), "cuda.syncthreads()"]
    if f.parts == 1:
        return made
    of_parts = [" + ".join(f"{name}[{part}, thread]" for part in range(f.parts)) for name in ("moments", "totals")]
    return [*made, f"if thread < {f.dim}:", f"    c[thread, 0] = ({of_parts[0]}) / ({of_parts[1]})", "cuda.syncthreads()"]


def books(f: Features) -> list[str]:
    """What thread 0 does: average the consensus, and see how the run stands."""
    update = ["if t > 0:", "    average_rule(a, c, L, q, xi, RA, sums, 0)", "else:", *indented(each(f, "a[d, 0] = c[d, 0]"), 1)]
    made = update * f.average
    made += [
        f"if landscape(c, L, c, p, Z, above) != 0 and state == {Status.RUNNING}:",
        f"    state, last = np.int32({Status.DIVERGED}), np.int64(t - 1)",
    ]
    if f.below:
        made += [f"if state == {Status.RUNNING} and L[0] < below:", f"    state, last = np.int32({Status.STOPPED}), np.int64(t)"]
    return [*made, "loss[0], stand[0] = L[0], state"]


def see(f: Features) -> list[str]:
    """Compute what a record needs, and record it."""
    made = ["observe(c, O, p, Z, above)"] * bool(f.wanted) + ["landscape(a, L2, c, p, Z, above)"] * f.average_loss
    values = {"loss": "loss[0]", "average_loss": "L2[0]", "params": "c[d, 0]", "average_params": "a[d, 0]", "swarm": at(f, "x")}
    only = ["if thread == 0:", *indented(made, 1)] if made else []
    return ["m = k", *only, *records(f, values | {f"observable {w}": f"O[{w}, 0]" for w in f.wanted})]


def records(f: Features, values: dict[str, str]) -> list[str]:
    """The statements that store record m of the launch: these values, or NaN."""
    scalars = ["loss"] * f.loss + [f"observable {w}" for w in f.wanted] + ["average_loss"] * f.average_loss
    made = [f"scalars[{row}, run, place + m] = {values.get(name, 'NAN')}" for row, name in enumerate(scalars)]
    made = ["if thread == 0:", *indented(made, 1)] if made else []
    for name, place, kept in (("params", "params", f.params), ("average_params", "averages", f.average_params)):
        loop = f"for d in range(thread, {f.dim}, {f.threads}):"
        made += [loop, f"    {place}[run, place + m, d] = {values.get(name, 'NAN')}"] if kept else []
    made += own(*each(f, f"swarms[run, place + m, d, i] = {values.get('swarm', 'NAN')}")) if f.swarm else []
    return made or ["pass"]


def normals(f: Features) -> list[str]:
    """xi <- the particle's standard normals of step t. Pair j of the swarm's components, in the order of particles, has Philox block j; in
    float32 that serves an even step and the odd one after it."""
    if not f.xi:
        return []
    single, odd = f.precision == "float32", f.dim % 2
    first = f"n * {f.dim // 2} + j" if not odd else f"((n * {f.dim}) >> 1) + j"
    made = [f"for j in range({(f.dim + 1) // 2}):"]
    made += [f"    w0, w1, w2, w3 = philox(np.uint32({first}), np.uint32(t{' >> 1' if single else ''}), seed, ZERO, key2, key3)"]
    if single:
        made += ["    n0, n1 = box_muller(cell32(w0), cell32(w1))", "    n2, n3 = box_muller(cell32(w2), cell32(w3))"]
    else:
        made += ["    n0, n1 = box_muller(cell64(w0, w1), cell64(w2, w3))"]
    d = "2 * j" if not odd else "2 * j - (n & 1)"
    for half, (now, after) in enumerate((("n0", "n2"), ("n1", "n3"))):
        place = f"{d} + {half}" if half else d
        put = (
            [f"xi[{place}, 0] = {after} if t & 1 else {now}", f"{at(f, 'later', place)} = {after}"]
            if single
            else [f"xi[{place}, 0] = {now}"]
        )
        guard = [f"if {place} {f'< {f.dim}' if half else '>= 0'}:"] if odd else []
        made += indented([*guard, *indented(put, len(guard))], 1)
    if not single:
        return made
    return ["if (t & 1 == 0) | (t == first):", *indented(made, 1), "else:", *indented(each(f, f"xi[d, 0] = {at(f, 'later')}"), 1)]
