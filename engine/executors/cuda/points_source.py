"""From a study to a CUDA kernel: one run a thread, or a warp of threads where they can share it (cuda_warp.py), all steps inside, state in
local arrays that become registers.

The functions of the landscape, the rule and the average are the same generated text as on the processor, for blocks of one lane
(module_frame.THREAD); this file writes the loop around them, of the same steps in the same order as drive_points.py, with no more in it than the
study needs. Arrays on the device have the run as their last axis, so that neighbouring threads touch neighbouring addresses:

    X, A (dim, runs)   S (states, dim, runs)   status, last_step (runs)   seed_of (seeds)
    P, H, HA, Q        (rows, points or 1): numbers of the landscape, the rule, the average, and (noise scale, df, 2 / df, clip threshold)
    C                  (points or 1, steps of this launch): the schedule's factors
    component (dim)    limits: diverge above, loss below    key0 .. key3: Philox's two words of noise, and of the optimizer's own numbers
    marks              the `count` steps of this launch that are recorded, from record `place` on
    scalars            (variables, records, runs)   params, averages (records, dim, runs)

A thread of a warp holds some of the components, in slots of its arrays: component d in `slot`; the numbers of the run are the same in all
of them, and its first lane writes them. A thread whose run has diverged leaves the loop; its records from then on are NaN. Step numbers have
32 bits, and what the loop reads again and again is in locals: a multiprocessor issues one instruction a cycle for a warp, so each one in the
loop counts.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ....specs.status import Status
from ..codegen.module_frame import DEVICE
from ..tensors.nest import indented
from .device import simulated
from .warp_source import component, slots

REFRESH = 64
"""Powers beta**t are computed at every so many steps, and multiplied on in between; as in lane_functions.py."""
ARGUMENTS = (
    *("t0", "t1", "steps", "runs", "seeds", "place", "count"),
    *("key0", "key1", "key2", "key3"),
    *("X", "S", "A", "status", "last_step", "seed_of", "P", "H", "HA", "Q", "C", "component", "limits", "marks"),
    *("scalars", "params", "averages"),
)
DIMENSIONS = {
    **dict.fromkeys(("status", "last_step", "seed_of", "component", "limits", "marks"), 1),
    **dict.fromkeys(("X", "A", "P", "H", "HA", "Q", "C"), 2),
    **dict.fromkeys(("S", "scalars", "params", "averages"), 3),
}
KINDS = {"status": "int8", "last_step": "int64", "seed_of": "uint32", "marks": "int64", **{f"key{k}": "uint32" for k in range(4)}}
"""Types of arrays that do not have the working precision, and of numbers that are not int64."""
MOST_STEPS = 2**31 - 2


@dataclass(frozen=True)
class Features:
    """What a kernel is made for. `warp` is how many threads share a run, `noise` is "", "gaussian" or "student_t", `clip` "", "value" or "norm";
    `wanted` are the observables to record; `rows` those of Z, O, R, the average's R, K, the average's K, and of what a rule sums over
    components."""

    precision: str
    dim: int
    warp: int
    states: int
    numbers: tuple[int, int, int]
    """Rows of P, H and HA."""
    noise: str
    clip: str
    xi: bool
    average: bool
    below: bool
    loss: bool
    params: bool
    average_loss: bool
    average_params: bool
    rows: tuple[int, ...]
    wanted: tuple[int, ...]

    @property
    def slots(self) -> int:
        """Components that a thread holds."""
        return self.dim if self.warp == 1 else slots(self.dim, self.warp)

    @property
    def local_bytes(self) -> int:
        """Memory of a thread's arrays, should none of them fit into registers."""
        vectors = 3 + self.states + self.average + self.average_loss + (2 if self.noise == "gaussian" else 0) + (3 if self.xi else 1)
        return (self.slots * vectors + sum(self.rows) + sum(self.numbers) + 16) * (4 if self.precision == "float32" else 8)


def signature(precision: str) -> tuple[Any, ...]:
    """The kernel's argument types, for compiling it where there is no device."""
    return types_of(ARGUMENTS, DIMENSIONS, precision)


def types_of(
    arguments: tuple[str, ...], dimensions: dict[str, int], precision: str, kinds: Mapping[str, str] = MappingProxyType(KINDS)
) -> tuple[Any, ...]:
    """The types of a kernel's arguments; those without dimensions are numbers.

    Parameters
    ----------
    arguments, dimensions
        Their names, and the dimensions of arrays.
    precision
        Of arrays.
    kinds
        Types of those that are of another kind, as KINDS has them.

    Returns
    -------
    Types of numba-cuda.
    """
    types: Any = importlib.import_module("numba.cuda.types")  # numba-cuda's own, not Numba's

    def kind(name: str) -> Any:
        if name not in dimensions:
            return getattr(types, kinds.get(name, "int64"))
        return types.Array(getattr(types, kinds.get(name, precision)), dimensions[name], "C")

    return tuple(map(kind, arguments))


MOST_REGISTERS = 168
"""Of a thread: with more, fewer than three blocks of 128 threads fit on a multiprocessor of sm_90 (65,536 registers)."""


def kernel_source(features: Features, landscape: str, rule: str, average: str) -> str:
    """The module with the kernel `drive`; the other three are names of modules."""
    f = features
    names = {"landscape": landscape, "rule": rule, "average": average, "arguments": ", ".join(ARGUMENTS)}
    limit = "" if simulated() else f", max_registers={MOST_REGISTERS}"  # the simulator knows no such thing
    text = HEAD.format(**names, device=DEVICE, limit=limit, precision=f.precision, more=", together" * (f.warp > 1), warp=f.warp)
    lines = [*setup(f), f"if state != {Status.DIVERGED}:", *indented(load(f), 1), *indented(powers(f), 1)]
    lines += ["    for t in range(first, np.int32(t1)):", *indented(step(f), 2), *indented(save(f), 1)]
    lines += ["for m in range(k, count):", *indented(records(f, {}), 1)]
    return text + "".join(f"    {line}\n" for line in lines)


HEAD = '''"""Generated by thalweg: the kernel of a study, one run a thread or a warp."""

import numpy as np
from numba import cuda
from {landscape} import landscape, observe{more}
from {rule} import prelude, rule
from {average} import prelude as average_prelude, rule as average_rule

from {device} import {precision} as functions
from {device} import cell32, cell64, philox

F, W, WARP = np.{precision}, 1, {warp}
box_muller, bailey, sqrt, scaling = functions.box_muller, functions.bailey, functions.sqrt, functions.scaling
NAN, NEVER, ZERO = F(np.nan), np.int32(-1), np.uint32(0)


@cuda.jit(cache=True{limit})
def drive({arguments}):
    run, lane = cuda.grid(1) // WARP, cuda.threadIdx.x % WARP
    if run >= runs:
        return
'''


def local(name: str, *shape: int) -> str:
    """A local array; one without elements is not allowed and never read."""
    return f"{name} = cuda.local.array({tuple(max(1, n) for n in shape)}, F)"


def setup(f: Features) -> list[str]:
    """The thread's own place and its arrays."""
    Z, O, R, RA, K, KA, sums = f.rows
    made = ["point = run // seeds", "seed = seed_of[run - point * seeds]", "state, last, k = status[run], last_step[run], 0"]
    made += ["above, below, first, end = limits[0], limits[1], np.int32(t0), np.int32(steps)"]
    made += ["mark = np.int32(marks[0]) if count > 0 else NEVER"]
    made += [local("x", f.slots, 1), local("g", f.slots, 1), local("s", f.states, f.slots, 1), local("L", 1), local("Z", Z, 1)]
    made += [local("p", f.numbers[0], 1), local("h", f.numbers[1], 1), local("T", 1), local("factor", 1)]
    made += [local("R", R, 1), local("K", K, 1), local("sums", sums, 1), local("xi", f.slots, 1)]
    padded = f.slots + f.slots % 2
    made += [local("even", padded, 1), local("odd", padded, 1)] * (f.noise == "gaussian")
    made += [local("weight", f.slots, 1)] * bool(f.noise)
    made += [local("xi_even", padded, 1), local("xi_odd", padded, 1)] * f.xi
    made += [local("a", f.slots, 1), local("ha", f.numbers[2], 1), local("RA", RA, 1), local("KA", KA, 1)] * f.average
    made += [local("spare", f.slots, 1), local("L2", 1)] * f.average_loss
    return made + [local("O", O, 1)] * bool(f.wanted)


def load(f: Features) -> list[str]:
    """State and numbers of the run."""
    made = [*each(f, "x[slot, 0] = X[d, run]")]
    made += [f"for i in range({f.states}):", *indented(each(f, "s[i, slot, 0] = S[i, d, run]"), 1)] * bool(f.states)
    made += each(f, "a[slot, 0] = A[d, run]") * f.average
    for name, table, rows in (("p", "P", f.numbers[0]), ("h", "H", f.numbers[1]), ("ha", "HA", f.numbers[2])):
        if rows and (name != "ha" or f.average):
            made += [f"at = min(point, {table}.shape[1] - 1)", f"for i in range({rows}):", f"    {name}[i, 0] = {table}[i, at]"]
    made += ["at = min(point, Q.shape[1] - 1)", "scale, df, rate, threshold = Q[0, at], Q[1, at], Q[2, at], Q[3, at]"]
    made += each(f, "weight[slot, 0] = scale * component[d]") * bool(f.noise)
    return [*made, "factors = C[min(point, C.shape[0] - 1)]"]


def each(f: Features, *statements: str) -> list[str]:
    """Statements for every component d of the thread, held in `slot`."""
    if f.warp == 1:
        return [f"for d in range({f.dim}):", "    slot = d", *indented([*statements], 1)]
    held = [f"d = {component('slot', 'lane')}", f"if d < {f.dim}:", *indented([*statements], 1)]
    return [f"for slot in range({f.slots}):", *indented(held, 1)]


def pairs(f: Features, *statements: str) -> list[str]:
    """Statements for every Philox block j of the thread, whose two numbers are held in slots 2 `pair` and the next."""
    blocks = (f.dim + 1) // 2
    if f.warp == 1:
        return [f"for j in range({blocks}):", "    pair = j", *indented([*statements], 1)]
    held = ["j = lane + pair * WARP", f"if j < {blocks}:", *indented([*statements], 1)]
    return [f"for pair in range({f.slots // 2}):", *indented(held, 1)]


def told(f: Features, *statements: str) -> list[str]:
    """Statements that write numbers of the run, which one thread of it does."""
    return [*statements] if f.warp == 1 else ["if lane == 0:", *indented([*statements], 1)]


def preludes(f: Features, row: str) -> list[str]:
    """What depends on hyperparameters and step alone."""
    made = ["T[0] = F(np.int32(t + 1))", f"factor[0] = factors[np.uint32({row})]", f"fresh = t & {REFRESH - 1} == 0"]
    return [*made, "prelude(T, factor, h, R, K, fresh)", *["average_prelude(T, factor, ha, RA, KA, fresh)"] * f.average]


def powers(f: Features) -> list[str]:
    """Powers grow from the last multiple of REFRESH on, so that their bits do not depend on where a launch begins."""
    return [f"for t in range(np.int32(first - (first & {REFRESH - 1})), first):", *indented(preludes(f, "0"), 1)]


def step(f: Features) -> list[str]:
    """One step: look, note how the run stands, record, move."""
    made = ["if landscape(x, L, g, p, Z, above) != 0:", f"    if state == {Status.RUNNING}:", "        last = np.int64(t - 1)"]
    made += [f"    state = np.int8({Status.DIVERGED})", "    break"]
    if f.below:
        made += [f"if state == {Status.RUNNING} and L[0] < below:", f"    state, last = np.int8({Status.STOPPED}), np.int64(t)"]
    made += ["if t == mark:", *indented(see(f), 1), "    k += 1", "    mark = np.int32(marks[k]) if k < count else NEVER"]
    made += ["if t == end:", "    break"]
    made += noise(f) + clip(f) + own(f) + preludes(f, "t - first")
    update = "rule(x, g, L, s, xi, R, sums, 0)"
    made += [f"if state == {Status.RUNNING}:", f"    {update}"] if f.below else [update]
    return made + ["average_rule(a, x, L, s, xi, RA, sums, 0)"] * f.average


def see(f: Features) -> list[str]:
    """Compute what a record needs, and record it."""
    made = ["m = k"]
    made += ["observe(x, O, p, Z, above)"] * bool(f.wanted) + ["landscape(a, L2, spare, p, Z, above)"] * f.average_loss
    values = {"loss": "L[0]", "average_loss": "L2[0]", "params": "x[slot, 0]", "average_params": "a[slot, 0]"}
    return made + records(f, values | {f"observable {w}": f"O[{w}, 0]" for w in f.wanted})


def records(f: Features, values: dict[str, str]) -> list[str]:
    """The statements that store record m of the launch: these values, or NaN."""
    scalars = ["loss"] * f.loss + [f"observable {w}" for w in f.wanted] + ["average_loss"] * f.average_loss
    stored = [f"scalars[{row}, place + m, run] = {values.get(name, 'NAN')}" for row, name in enumerate(scalars)]
    made = told(f, *stored) if stored else []
    for name, place, kept in (("params", "params", f.params), ("average_params", "averages", f.average_params)):
        made += each(f, f"{place}[place + m, d, run] = {values.get(name, 'NAN')}") if kept else []
    return made or ["pass"]


def normals(f: Features, key: str, even: str, odd: str) -> list[str]:
    """Standard normals of step t into `even`; in float32 of an even step into `even` and of the odd one after it into `odd`."""
    single = f.precision == "float32"
    word = f"w0, w1, w2, w3 = philox(np.uint32(j), np.uint32(t{' >> 1' if single else ''}), seed, ZERO, {key})"
    first, second = (f"{name}[2 * pair, 0], {name}[2 * pair + 1, 0]" for name in (even, odd))
    if not single:
        return pairs(f, word, f"{first} = box_muller(cell64(w0, w1), cell64(w2, w3))")
    made = pairs(f, word, f"{first} = box_muller(cell32(w0), cell32(w1))", f"{second} = box_muller(cell32(w2), cell32(w3))")
    return ["if t & 1 == 0 or t == first:", *indented(made, 1)]


def drawn(f: Features, even: str, odd: str) -> str:
    """Component d of this step's normals."""
    return f"({odd}[slot, 0] if t & 1 else {even}[slot, 0])" if f.precision == "float32" else f"{even}[slot, 0]"


def noise(f: Features) -> list[str]:
    """Add the study's noise to the gradient."""
    if f.noise == "gaussian":
        return [*normals(f, "key0, key1", "even", "odd"), *each(f, f"g[slot, 0] += weight[slot, 0] * {drawn(f, 'even', 'odd')}")]
    if f.noise != "student_t":
        return []
    word, add = "w0, w1, w2, w3 = philox(np.uint32({}), np.uint32(t), seed, ZERO, key0, key1)", "g[{0}, 0] += weight[{0}, 0] * bailey({1})"
    if f.precision == "float64":
        return each(f, word.format("d"), add.format("slot", "cell64(w0, w1), cell64(w2, w3), df, rate"))
    first, second = (
        add.format("2 * pair", "cell32(w0), cell32(w1), df, rate"),
        add.format("2 * pair + 1", "cell32(w2), cell32(w3), df, rate"),
    )
    return pairs(f, word.format("j"), first, *([f"if 2 * j + 1 < {f.dim}:", f"    {second}"] if f.dim % 2 else [second]))


def clip(f: Features) -> list[str]:
    """Clip the gradient; NaN stays NaN."""
    if f.clip == "value":
        limited = "-threshold if g[slot, 0] < -threshold else (threshold if g[slot, 0] > threshold else g[slot, 0])"
        return each(f, f"g[slot, 0] = {limited}")
    if f.clip != "norm":
        return []
    made, warp = ["norm = F(0)", *each(f, "norm += g[slot, 0] * g[slot, 0]")], ["norm = together(norm)"] * (f.warp > 1)
    again = ["norm = F(0)", *each(f, "norm += (g[slot, 0] * scale) * (g[slot, 0] * scale)"), *warp]
    made += [*warp, "scale = scaling(norm)", "if scale != F(1):", *indented(again, 1), "norm = sqrt(norm)"]
    factors = each(f, "g[slot, 0] = g[slot, 0] * scale * norm * threshold")
    return [*made, "if norm > threshold * scale:", "    norm = F(1) / norm", *indented(factors, 1)]


def own(f: Features) -> list[str]:
    """The optimizer's own standard normal numbers."""
    if not f.xi:
        return []
    return [*normals(f, "key2, key3", "xi_even", "xi_odd"), *each(f, f"xi[slot, 0] = {drawn(f, 'xi_even', 'xi_odd')}")]


def save(f: Features) -> list[str]:
    """State of the run, for the next launch."""
    made = [*each(f, "X[d, run] = x[slot, 0]"), *told(f, "status[run], last_step[run] = state, last")]
    made += [f"for i in range({f.states}):", *indented(each(f, "S[i, d, run] = s[i, slot, 0]"), 1)] * bool(f.states)
    return made + each(f, "A[d, run] = a[slot, 0]") * f.average
