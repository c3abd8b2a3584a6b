"""The driver of compiled programs: all steps of one run after the other, in one compiled loop.

Value, gradient and rule come as functions compiled on their own (tensors/source.py), so that a new study compiles nothing here. What a run works
on lies together and stays in the cache of one core. Loaded as lane_functions.py is, once a precision.
"""

import math

import numpy as np
from numba import njit, types, uint64
from numba.extending import intrinsic

from ....specs.status import Status
from ..tensors.pointers import at, plus, pointer_to
from .arguments import BY_VALUE, GAUSSIAN, STUDENT_T
from .elementary import float32, float64
from .llvm import INNER, at_address, vectorised
from .program_arguments import Draws, Flags, Functions, Limits, Numbers, Records, Room, State

PRECISION = "float64"
F = np.float32 if PRECISION == "float32" else np.float64
SINGLE = PRECISION == "float32"
LARGEST = np.finfo(F).max
TINY, EPS = F(np.finfo(F).tiny), F(np.finfo(F).eps)
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
elementary = float32 if SINGLE else float64
log_unit, turn, exp, expm1 = elementary.log_unit, elementary.turn, elementary.exp, elementary.expm1
RUNNING, DIVERGED, STOPPED = int(Status.RUNNING), int(Status.DIVERGED), int(Status.STOPPED)
FAST = {"error_model": "numpy", "fastmath": {"contract"}}
JIT = dict(cache=True, nogil=True, _nrt=False, **FAST)

_F = getattr(types, PRECISION)
P, P64, PI = types.CPointer(_F), types.CPointer(types.float64), types.CPointer(types.int64)
A1, A2, A3 = (types.Array(_F, n, "C") for n in (1, 2, 3))
D1, D2 = (types.Array(types.float64, n, "C") for n in (1, 2))
N1, N2, N3 = (types.Array(types.int64, n, "C") for n in (1, 2, 3))
B1, U1 = types.Array(types.int8, 1, "C"), types.Array(types.uint32, 1, "C")
COMPUTE = types.void(P, P, P, P, P, PI, P, P)
RULE = types.void(P, P, P, P, P, P, P64)


def named(kind, **fields):
    """The type of a named tuple with fields of these types."""
    return types.BaseTuple.from_types([fields[name] for name in kind._fields], kind)


DRIVE = types.void(
    *(types.int64,) * 6,  # first, last, t0, t1, steps, seeds
    named(Functions, **dict.fromkeys(Functions._fields, types.intp)),
    named(Flags, **{name: types.int64 if kind is int else types.boolean for name, kind in Flags.__annotations__.items()}),
    named(Limits, above=_F, below=_F),
    named(Draws, seeds=N1, noise=U1, batch=U1, own=U1, component=A1, rows=N3),
    A1,
    named(Room, arena=A1, out=A1, own=A1, rule=D1, average=D1, rows=N1, normals=A2, xi=A2, fresh=A2, looks=A1),
    named(State, iterates=A2, states=A2, averages=A2, status=B1, last_step=N1),
    named(Numbers, landscape=A2, drawn=A2, rule=D2, average=D2, others=A2, factors=D2),
    named(Records, marks=N1, place=types.int64, observed=types.int64, scalars=A3, params=A3, averages=A3),
)


@intrinsic
def call_compute(context, address, arena, x, shared, own, drawn, rows, fresh, out):
    return at_address(COMPUTE)


@intrinsic
def call_rule(context, address, arena, x, g, states, xi, shared, numbers):
    return at_address(RULE)


@njit(forceinline=True, **FAST, **INNER)
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on words held in 64 bits; the upper halves of what comes out are noise, and multiplication does not see them."""
    for _ in range(10):
        p0, p1 = uint64(0xD2511F53) * (c0 & MASK), uint64(0xCD9E8D57) * (c2 & MASK)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1, (p0 >> HALF) ^ c3 ^ k1, p0
        k0, k1 = (k0 + uint64(0x9E3779B9)) & MASK, (k1 + uint64(0xBB67AE85)) & MASK
    return c0, c1, c2, c3


@njit(types.void(PI, types.int64, types.int64, types.int64, types.int64, U1), **JIT, **INNER)
def draw_rows(rows, count, samples, seed, step, key):
    """Rows of a minibatch with replacement, as philox.integers."""
    vectorised()
    low, high, k0, k1 = uint64(step) & MASK, uint64(step) >> HALF, uint64(key[0]), uint64(key[1])
    for block in range((count + 3) // 4):
        a, b, c, d = philox(uint64(block), low, uint64(seed), high, k0, k1)
        rows[4 * block] = types.int64(((a & MASK) * uint64(samples)) >> HALF)
        rows[4 * block + 1] = types.int64(((b & MASK) * uint64(samples)) >> HALF)
        rows[4 * block + 2] = types.int64(((c & MASK) * uint64(samples)) >> HALF)
        rows[4 * block + 3] = types.int64(((d & MASK) * uint64(samples)) >> HALF)


@njit(forceinline=True, **FAST, **INNER)
def cell32(word):
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return (np.float32(np.int32((word & MASK) >> uint64(9))) + np.float32(0.5)) * np.float32(2.0**-23)


@njit(forceinline=True, **FAST, **INNER)
def cell64(high, low):
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell."""
    bits = ((high & MASK) << uint64(20)) | ((low & MASK) >> uint64(12))
    return (np.float64(np.int64(bits)) + 0.5) * 2.0**-52


@njit(forceinline=True, **FAST, **INNER)
def box_muller(u, v):
    """Two standard normals from two uniforms."""
    r = math.sqrt(F(-2) * log_unit(u))
    s, c = turn(v)
    return r * c, r * s


@njit(types.void(P, P, types.int64, types.int64, types.int64, U1), **JIT, **INNER)
def normals(even, odd, dim, seed, step, key):
    """Standard normals as philox.normal: in float32 those of an even step and the odd one after it, in float64 those of `step` in `even`."""
    vectorised()
    tick = step // 2 if SINGLE else step
    low, high, k0, k1 = uint64(tick) & MASK, uint64(tick) >> HALF, uint64(key[0]), uint64(key[1])
    for pair in range((dim + 1) // 2):
        a, b, c, d = philox(uint64(pair), low, uint64(seed), high, k0, k1)
        if SINGLE:
            even[2 * pair], even[2 * pair + 1] = box_muller(cell32(a), cell32(b))
            odd[2 * pair], odd[2 * pair + 1] = box_muller(cell32(c), cell32(d))
        else:
            even[2 * pair], even[2 * pair + 1] = box_muller(cell64(a, b), cell64(c, d))


@njit(forceinline=True, **FAST, **INNER)
def bailey(u, v, df, rate):
    """A Student-t number from two uniforms, as in philox.py; `rate` is 2 / df."""
    _s, c = turn(v)
    w = -log_unit(u)
    z = w * rate
    half = exp(F(0.25) * z)
    return half * (half * (math.sqrt(F(2) * w if z < EPS else -df * expm1(-z)) * c))


@njit(types.void(P, types.int64, types.int64, types.int64, U1, _F, _F), **JIT, **INNER)
def student(made, dim, seed, step, key, df, rate):
    """Student-t numbers as philox.student_t."""
    vectorised()
    low, high, k0, k1 = uint64(step) & MASK, uint64(step) >> HALF, uint64(key[0]), uint64(key[1])
    for block in range((dim + 1) // 2 if SINGLE else dim):
        a, b, c, d = philox(uint64(block), low, uint64(seed), high, k0, k1)
        if SINGLE:
            made[2 * block] = bailey(cell32(a), cell32(b), df, rate)
            made[2 * block + 1] = bailey(cell32(c), cell32(d), df, rate)
        else:
            made[block] = bailey(cell64(a, b), cell64(c, d), df, rate)


@njit(types.void(P, P, P, types.int64, _F), **JIT, **INNER)
def add_noise(gradient, noise, component, dim, scale):
    """gradient += scale component noise."""
    vectorised()
    for d in range(dim):
        gradient[d] += scale * component[d] * noise[d]


@njit(types.void(P, types.int64, _F, types.int64), **JIT, **INNER)
def clip(gradient, dim, threshold, kind):
    """Clip the gradient by value, or by its Euclidean norm; NaN stays NaN."""
    vectorised()
    if kind == BY_VALUE:
        for d in range(dim):
            gradient[d] = min(max(gradient[d], -threshold), threshold)
        return
    top = F(0)
    for d in range(dim):
        top = max(top, abs(gradient[d]))
    top = top if (top > F(0)) & (top <= LARGEST) else F(1)
    squares = F(0)
    for d in range(dim):
        part = gradient[d] / top
        squares += part * part
    length = math.sqrt(squares)
    if top * length > threshold:
        for d in range(dim):
            gradient[d] = gradient[d] / top * (threshold / length)


@njit(types.boolean(P, types.int64), **JIT, **INNER)
def finite(x, dim):
    """Whether all numbers are: 0 times any other is NaN."""
    vectorised()
    nothing = F(0.0)
    for d in range(dim):
        nothing = plus(nothing, x[d] * F(0.0))
    return nothing == F(0.0)


@njit(DRIVE, no_cfunc_wrapper=True, **JIT)
def drive(first, last, t0, t1, steps, seeds, functions, flags, limits, draws, shared, room, state, numbers, records):
    """Steps t0 .. t1 - 1 of runs first .. last - 1; step `steps` only looks and does not move. program_arguments.py explains all else.

    Tuples of arrays are taken apart first: wherever a field is named, Numba copies the whole tuple.
    """
    iterates, states, averages, all_status, all_last_steps = state
    land_tables, drawn_tables, rule_tables, average_tables, other_tables, factors = numbers
    marks, place, observed, scalars, params, average_params = records
    seed_of, noise_key, batch_key, own_key, components, all_rows = draws
    arena, out, own, h, ha, some_rows = room.arena, room.out, room.own, room.rule, room.average, room.rows
    noises, xis, fresh, seen = room.normals, room.xi, room.fresh, room.looks
    dim, component, data = components.shape[0], pointer_to(components), pointer_to(shared)
    memory, gradient, held, numbers_of_rule, rows = (
        pointer_to(arena),
        pointer_to(out),
        pointer_to(own),
        pointer_to(h),
        pointer_to(some_rows),
    )
    numbers_of_average, looked = pointer_to(ha), pointer_to(seen)
    even, odd = pointer_to(noises), at(pointer_to(noises), noises.shape[1])
    even_xi, odd_xi = pointer_to(xis), at(pointer_to(xis), xis.shape[1])
    above, below, batch = limits.above, limits.below, flags.batch
    even_fresh, odd_fresh = pointer_to(fresh), at(pointer_to(fresh), fresh.shape[1])
    watching, differs = observed > 0, batch > 0 or flags.fresh > 0 or flags.changes
    for run in range(first, last):
        point, place_of_seed = run // seeds, run % seeds
        seed = seed_of[place_of_seed]
        x, s = at(pointer_to(iterates), run * iterates.shape[1]), at(pointer_to(states), run * states.shape[1])
        a = at(pointer_to(averages), run * averages.shape[1])
        drawn = at(pointer_to(drawn_tables), place_of_seed * drawn_tables.shape[1] if drawn_tables.shape[0] > 1 else 0)
        table = point if land_tables.shape[0] > 1 else 0
        for k in range(land_tables.shape[1]):
            own[k] = land_tables[table, k]
        table = point if rule_tables.shape[0] > 1 else 0
        for k in range(rule_tables.shape[1]):
            h[k] = rule_tables[table, k]
        table = point if average_tables.shape[0] > 1 else 0
        for k in range(average_tables.shape[1]):
            ha[k] = average_tables[table, k]
        of_point = point if other_tables.shape[0] > 1 else 0
        scale, df, rate, threshold = (
            other_tables[of_point, 0],
            other_tables[of_point, 1],
            other_tables[of_point, 2],
            other_tables[of_point, 3],
        )
        of_factors = point if factors.shape[0] > 1 else 0
        status, k, drawn_at, drawn_xi, fresh_at = all_status[run], 0, -1, -1, -1
        for t in range(t0, t1):
            if status == DIVERGED:
                break
            own[0] = F(min(t + 1, steps))
            mark = k < marks.shape[0] and marks[k] == t
            known = False
            samples = odd_fresh if SINGLE and t & 1 else even_fresh
            if (batch or flags.fresh) and t == steps:
                call_compute(functions.looks, memory, x, data, held, drawn, rows, samples, looked)
                loss, known = seen[0], True
            else:
                if batch and flags.given:
                    for i in range(batch):
                        some_rows[i] = all_rows[t - t0, place_of_seed, i]
                elif batch:
                    draw_rows(rows, batch, flags.samples, seed, t, batch_key)
                elif flags.fresh and (not SINGLE or fresh_at != t >> 1):
                    fresh_at = t >> 1
                    normals(even_fresh, odd_fresh, flags.fresh, seed, t, batch_key)
                call_compute(functions.gradient, memory, x, data, held, drawn, rows, samples, gradient)
                loss = out[dim]
            if status == RUNNING:
                if not ((loss <= above) & (loss >= -LARGEST)) or not finite(x, dim):
                    status, all_status[run], all_last_steps[run] = DIVERGED, DIVERGED, t - 1
                    break
                if flags.stops and loss < below:
                    status, all_status[run], all_last_steps[run] = STOPPED, STOPPED, t
            if mark:
                own[0] = F(max(t, 1))
                if (watching or (differs and flags.keep_loss)) and not known:
                    call_compute(functions.looks, memory, x, data, held, drawn, rows, samples, looked)
                row = 0
                if flags.keep_loss:
                    scalars[row, run, place + k] = seen[0] if differs else loss
                    row += 1
                for o in range(observed):
                    scalars[row, run, place + k] = seen[1 + o]
                    row += 1
                if flags.keep_params:
                    for d in range(dim):
                        params[run, place + k, d] = x[d]
                if flags.keep_average:
                    for d in range(dim):
                        average_params[run, place + k, d] = a[d]
                if flags.keep_average_loss:
                    call_compute(functions.looks, memory, a, data, held, drawn, rows, samples, looked)
                    scalars[row, run, place + k] = seen[0]
                k += 1
            if t == steps:
                break
            if status != RUNNING and not flags.average:
                continue
            if status == RUNNING:
                if flags.noise == STUDENT_T:
                    student(even, dim, seed, t, noise_key, df, rate)
                    add_noise(gradient, even, component, dim, scale)
                elif flags.noise == GAUSSIAN:
                    if not SINGLE or drawn_at != t >> 1:
                        drawn_at = t >> 1
                        normals(even, odd, dim, seed, t, noise_key)
                    add_noise(gradient, odd if SINGLE and t & 1 else even, component, dim, scale)
                if flags.clip:
                    clip(gradient, dim, threshold, flags.clip)
                if flags.xi and (not SINGLE or drawn_xi != t >> 1):
                    drawn_xi = t >> 1
                    normals(even_xi, odd_xi, dim, seed, t, own_key)
                h[0], h[1] = t + 1, factors[of_factors, t - t0]
                call_rule(functions.rule, memory, x, gradient, s, odd_xi if SINGLE and t & 1 else even_xi, data, numbers_of_rule)
            if flags.average:
                ha[0], ha[1] = t + 1, steps
                call_rule(functions.average, memory, a, x, s, x, data, numbers_of_average)
