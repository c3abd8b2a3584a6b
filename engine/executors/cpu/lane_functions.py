"""What a step of a block of W runs is made of: random numbers, noise, ends, records.

A block's runs lie side by side as lanes, structure of arrays: X is (dim, W). Every function is a loop over lanes that LLVM turns into
vector instructions. Both drivers (drive_points.py, drive_swarms.py) call them. This file is loaded through disk_cache.load, once a precision
and lane width, which it takes from the two names below. Random numbers are those of philox.py.
"""

import math

import numpy as np
from numba import njit, types, uint32, uint64
from numba.extending import intrinsic

from ....specs.status import Status
from .arguments import Flags, Functions, Limits, Numbers, Prelude
from .elementary import float32, float64
from .llvm import INNER, at_address, linked, vectorised

PRECISION = "float64"
W = 64
F = np.float32 if PRECISION == "float32" else np.float64
SINGLE = PRECISION == "float32"
DRAWN = 2 if SINGLE else 1
"""Steps whose normals one Philox block yields."""
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
REFRESH = 64
"""Powers beta**t of hyperparameters per lane are computed at every so many steps, and multiplied on in between."""
SQUARE = 16
"""Side of the squares in which records are transposed: the numbers in a line of the cache."""
LOWEST = -np.finfo(F).max
log_unit, turn = (float32.log_unit, float32.turn) if SINGLE else (float64.log_unit, float64.turn)
FAST = dict(error_model="numpy", fastmath={"contract"})
JIT = dict(cache=True, nogil=True, _nrt=False, **FAST)
"""Without Numba's reference counts: the caller holds all arrays, and nothing here makes one. Rows of an array are taken at every step, each
of which would cost two atomic additions to a number that all threads share: 1 to 4 % of the time of the benchmarks' cases a to c."""

_F = getattr(types, PRECISION)
A1, A2, A3, A4, A5 = (types.Array(_F, n, "C") for n in (1, 2, 3, 4, 5))
N1, N2 = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
I, S1 = types.int64, types.Array(types.int8, 1, "C")
B2, U1, U2 = types.Array(types.int8, 2, "C"), types.Array(types.uint32, 1, "C"), types.Array(types.uint32, 2, "C")

LANDSCAPE = types.int64(A2, A1, A2, A2, A2, _F)
OBSERVE = types.int64(A2, A2, A2, A2, _F)
PRELUDE = types.void(A1, A1, A2, A2, A2, types.int64)
RULE = types.void(A2, A2, A1, A3, A2, A2, A2, types.int64)
"""Of the generated functions of formula_source.py and rule_source.py, which a driver gets as addresses."""


def named(kind, **fields):
    """The type of a named tuple with fields of these types; what is not named is None."""
    return types.BaseTuple.from_types([fields.get(name, types.none) for name in kind._fields], kind)


FUNCTIONS = named(Functions, **dict.fromkeys(Functions._fields, types.intp))
FLAGS = named(Flags, **{name: I if kind is int else types.boolean for name, kind in Flags.__annotations__.items()})
LIMITS = named(Limits, **dict.fromkeys(Limits._fields, _F))
PRELUDES = named(Prelude, update=A1, factor=A1, rule=A2, average=A2, rule_powers=A2, average_powers=A2)
NUMBERS = named(Numbers, landscape=A3, landscape_of=N1, rule=A3, average=A3, others=A3, rule_of=N1, factors=A3, factors_of=N1)
DRAWS = dict(seeds=U2, keys=U2)
ROWS = dict(spare=A2, land_scratch=A2, rule_scratch=A2, observed=A2, others=A2)
ROOM = dict(loss=A1, spare_row=A1, **ROWS, prelude=PRELUDES, xi=A3, words=U2, fine=S1, tile=A3)
STATE = dict(averages=A3, status=B2, last_step=N2)
RECORDS = dict(marks=N1, place=I, first_run=N1, valid=N1, observables=N1, scalars=A3, params=A3, averages=A3)
"""Types of what both drivers take alike (arguments.py)."""

RUNNING, DIVERGED, STOPPED = int(Status.RUNNING), int(Status.DIVERGED), int(Status.STOPPED)


@intrinsic
def call_landscape(context, address, x, L, G, p, Z, above):
    return at_address(LANDSCAPE)


@intrinsic
def call_observe(context, address, x, O, p, Z, above):
    return at_address(OBSERVE)


@intrinsic
def call_prelude(context, address, T, C, H, R, K, fresh):
    return at_address(PRELUDE)


@intrinsic
def call_rule(context, address, x, G, V, S, XI, R, Z, column):
    return at_address(RULE)


@njit(forceinline=True, **FAST, **INNER)
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on words held in 64 bits; the upper halves of what comes out are noise, and multiplication does not see them."""
    for _ in range(10):
        p0, p1 = uint64(0xD2511F53) * (c0 & MASK), uint64(0xCD9E8D57) * (c2 & MASK)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1, (p0 >> HALF) ^ c3 ^ k1, p0
        k0, k1 = (k0 + uint64(0x9E3779B9)) & MASK, (k1 + uint64(0xBB67AE85)) & MASK
    return c0, c1, c2, c3


@linked(types.void(U2, U1, I, I, U1), **JIT, **INNER)
def draw(words, seeds, block, tick, key):
    """words (4, W) <- the Philox block at counter (block, tick, seed)."""
    vectorised()
    low, high = uint64(tick) & MASK, uint64(tick) >> HALF
    k0, k1 = uint64(key[0]), uint64(key[1])
    for l in range(W):
        a, b, c, d = philox(uint64(block), low, uint64(seeds[l]), high, k0, k1)
        words[0, l], words[1, l], words[2, l], words[3, l] = uint32(a), uint32(b), uint32(c), uint32(d)


@njit(forceinline=True, **FAST, **INNER)
def cell32(word):
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return (np.float32(np.int32(word >> uint32(9))) + np.float32(0.5)) * np.float32(2.0**-23)


@njit(forceinline=True, **FAST, **INNER)
def cell64(high, low):
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell."""
    bits = (uint64(high) << uint64(20)) | uint64(low >> uint32(12))
    return (np.float64(np.int64(bits)) + 0.5) * 2.0**-52


@njit(forceinline=True, **FAST, **INNER)
def box_muller(u, v):
    """Two standard normals from two uniforms."""
    r = math.sqrt(F(-2) * log_unit(u))
    s, c = turn(v)
    return r * c, r * s


@njit(**JIT, **INNER)
def to_normals(N, pair, words):
    """Components 2 pair and 2 pair + 1 of N from one block of words: in float64 of one step, in float32 of two."""
    vectorised()
    if SINGLE:
        for l in range(W):
            n0, n1 = box_muller(cell32(words[0, l]), cell32(words[1, l]))
            n2, n3 = box_muller(cell32(words[2, l]), cell32(words[3, l]))
            N[0, 2 * pair, l], N[0, 2 * pair + 1, l], N[1, 2 * pair, l], N[1, 2 * pair + 1, l] = n0, n1, n2, n3
    else:
        for l in range(W):
            n0, n1 = box_muller(cell64(words[0, l], words[1, l]), cell64(words[2, l], words[3, l]))
            N[0, 2 * pair, l], N[0, 2 * pair + 1, l] = n0, n1


@linked(types.void(A3, U1, I, I, U1, U2), **JIT, **INNER)
def normals(N, seeds, step, dim, key, words):
    """Standard normals N (1, dim, W) of one step; in float32 N (2, dim, W), those of the even step and of the odd one after it."""
    vectorised()
    for pair in range((dim + 1) // 2):
        draw(words, seeds, pair, step // DRAWN, key)
        to_normals(N, pair, words)


@linked(types.void(A2, A2, A1, A1), **JIT, **INNER)
def add_noise(G, N, scale, component):
    """G += scale component N."""
    vectorised()
    for d in range(G.shape[0]):
        c = component[d]
        for l in range(W):
            G[d, l] += scale[l] * c * N[d, l]


@linked(types.void(A2, A1, A3, A2, S1, N1, I, _F, S1), **JIT, **INNER)
def end(X, L, S, A, state, last_step, t, limit, fine):
    """Runs whose loss is not finite or above `limit`, or whose iterate is not finite, have diverged; their lanes from now on shadow a
    neighbour's, whose numbers are harmless."""
    vectorised()
    healthy = -1
    for l in range(W):
        fine[l] = (L[l] <= limit) & (L[l] >= LOWEST)
        for d in range(X.shape[0]):
            fine[l] &= abs(X[d, l]) <= -LOWEST
        if fine[l]:
            healthy = l
        elif state[l] == RUNNING:
            state[l], last_step[l] = DIVERGED, t - 1
    for l in range(W):
        if not fine[l] and healthy >= 0:
            L[l] = L[healthy]
            for d in range(X.shape[0]):
                X[d, l] = X[d, healthy]
            for i in range(S.shape[0]):
                for d in range(X.shape[0]):
                    S[i, d, l] = S[i, d, healthy]
            for d in range(A.shape[0]):
                A[d, l] = A[d, healthy]


@linked(types.void(A2, A2, I, I), **JIT, **INNER)
def spread(table, rows, lanes, count):
    """rows (count, W) <- table (count, 1 or W)."""
    vectorised()
    for r in range(count):
        for l in range(W):
            rows[r, l] = table[r, 0 if lanes == 1 else l]


@linked(I(S1, I), **JIT, **INNER)
def count(state, kind):
    """How many lanes are in this state."""
    vectorised()
    number = 0
    for l in range(W):
        number += state[l] == kind
    return number


@linked(types.void(A1, S1, A1), **JIT, **INNER)
def keep(values, status, place):
    """place <- values, NaN where the run has diverged."""
    vectorised()
    for l in range(W):
        place[l] = np.nan if status[l] == DIVERGED else values[l]


@linked(types.void(A2, S1, FLAGS, A1, A2, N1, A1, A2, A2), **JIT, **INNER)
def record(place, status, flags, loss, observed, observables, average_loss, x, average):
    """Rows of `place` <- what is recorded of a step: the loss, observables, the loss of the average, the iterate, its average."""
    row = 0
    if flags.keep_loss:
        keep(loss, status, place[row])
        row += 1
    for k in observables:
        keep(observed[k], status, place[row])
        row += 1
    if flags.keep_average_loss:
        keep(average_loss, status, place[row])
        row += 1
    for d in range(x.shape[0] if flags.keep_params else 0):
        keep(x[d], status, place[row])
        row += 1
    for d in range(x.shape[0] if flags.keep_average else 0):
        keep(average[d], status, place[row])
        row += 1


@linked(types.void(A1, A1, A2, I, I, I), **JIT, **INNER)
def tell(T, factor, table, t, row, ahead):
    """What a prelude reads: the numbers of the updates (of step t, or with `ahead` of W steps from t on) and the schedule's factors."""
    vectorised()
    first, last = F(t + 1), table.shape[0] - 1
    if ahead:
        for l in range(W):
            T[l] = first + F(l)
            factor[l] = table[min(row + l, last), 0]
    elif table.shape[1] == 1:
        same = table[row, 0]
        for l in range(W):
            T[l], factor[l] = first, same
    else:
        for l in range(W):
            T[l], factor[l] = first, table[row, l]


@linked(types.void(A2, A2), **JIT, **INNER)
def copy(x, spare):
    """spare <- x."""
    vectorised()
    for d in range(x.shape[0]):
        for l in range(W):
            spare[d, l] = x[d, l]


@linked(types.void(A2, A2, S1), **JIT, **INNER)
def restore(x, spare, state):
    """Runs that have stopped stay where they were."""
    vectorised()
    for d in range(x.shape[0]):
        for l in range(W):
            x[d, l] = spare[d, l] if state[l] == STOPPED else x[d, l]


@linked(types.void(A3, I), **JIT, **INNER)
def blank(tile, first):
    """The records that a block's runs did not live to see are NaN."""
    vectorised()
    for k in range(first, tile.shape[0]):
        for row in range(tile.shape[1]):
            for l in range(W):
                tile[k, row, l] = np.nan


@linked(types.void(A3, I, A2, I, I, I), **JIT, **INNER)
def put_scalars(tile, row, scalars, run, valid, place):
    """One variable of a block, from (records, W) to (runs, records); whole squares in loops of a known length."""
    vectorised()
    for k0 in range(0, tile.shape[0], SQUARE):
        for l0 in range(0, valid, SQUARE):
            if k0 + SQUARE <= tile.shape[0] and l0 + SQUARE <= valid:
                for l in range(SQUARE):
                    for k in range(SQUARE):
                        scalars[run + l0 + l, place + k0 + k] = tile[k0 + k, row, l0 + l]
            else:
                for l in range(l0, min(l0 + SQUARE, valid)):
                    for k in range(k0, min(k0 + SQUARE, tile.shape[0])):
                        scalars[run + l, place + k] = tile[k, row, l]


@linked(types.void(A3, I, A3, I, I, I), **JIT, **INNER)
def put_vectors(tile, row, vectors, run, valid, place):
    """The iterates of a block, from (records, dim, W) to (runs, records, dim)."""
    vectorised()
    for l in range(valid):
        for k in range(tile.shape[0]):
            for d in range(vectors.shape[2]):
                vectors[run + l, place + k, d] = tile[k, row + d, l]


@linked(types.void(A3, I, I, A3, A3, A3, I, I, I), **JIT, **INNER)
def put(tile, recorded, rows, scalars, params, averages, run, valid, place):
    """All records of a block, with so many rows of scalars and the first so many recorded, to where they belong; an array of what is not
    wanted is empty."""
    blank(tile, recorded)
    for row in range(rows):
        put_scalars(tile, row, scalars[row], run, valid, place)
    if params.size:
        put_vectors(tile, rows, params, run, valid, place)
    if averages.size:
        put_vectors(tile, rows + params.shape[2], averages, run, valid, place)


@njit(inline="always")
def prepare(t, t0, flags, functions, room, factors, h, ha):
    """What depends on numbers alone, for step t of a call that began with step t0; returns the column that it is in. Numba copies this into its
    callers: where lanes have numbers of their own, a call with so many arguments would be felt at every step."""
    update, factor, rule, average, rule_powers, average_powers = room
    column = 0 if flags.per_lane else t - t0 & W - 1
    if flags.per_lane or column == 0:
        fresh = t & REFRESH - 1 == 0 if flags.per_lane else True
        tell(update, factor, factors, t, t - t0, 0 if flags.per_lane else 1)
        call_prelude(functions.prelude, update, factor, h, rule, rule_powers, fresh)
        if flags.average:
            call_prelude(functions.average_prelude, update, factor, ha, average, average_powers, fresh)
    return column


@linked(types.void(I, I, FLAGS, FUNCTIONS, PRELUDES, A2, A2, A2), **JIT, **INNER)
def catch_up(t, t0, flags, functions, room, factors, h, ha):
    """Powers as step t0 finds them: those of lanes of their own numbers grow from the last multiple of REFRESH up to t on."""
    if flags.per_lane:
        for past in range(t - t % REFRESH, t0):
            prepare(past, past, flags, functions, room, factors, h, ha)


@linked(types.void(A2, I, I), **JIT, **INNER)
def set_update(p, t, steps):
    """The last of a changing landscape's numbers <- t, the number of an update; before the first its number, after the last that one's."""
    for l in range(p.shape[1]):
        p[p.shape[0] - 1, l] = F(max(1, min(t, steps)))


@njit(inline="always")
def stop(loss, below, status, last_step, t):
    """Runs whose loss is below this have stopped."""
    for l in range(W):
        if loss[l] < below and status[l] == RUNNING:
            status[l], last_step[l] = STOPPED, t
