"""The driver of the fused executor: all steps of a block of W runs, in one compiled loop.

A block's runs lie side by side as lanes, structure of arrays: X is (dim, W). Every stage of a step is a loop over lanes that LLVM turns
into vector instructions. Landscape, rule and average come as functions compiled on their own (formula.py, rule.py), so that a new pair
of landscape and optimizer compiles nothing here. This file is compiled through cache.load, once a precision and lane width, which it
takes from the two names below. Random numbers are those of philox.py.
"""

import math

import numpy as np
from numba import njit, types, uint32, uint64

from . import double, single
from .hints import aligned, flush_subnormals, restore_mode, vectorised

PRECISION, W = "float64", 64
F = np.float32 if PRECISION == "float32" else np.float64
SINGLE = PRECISION == "float32"
DRAWN = 2 if SINGLE else 1
"""Steps whose normals one Philox block yields."""
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
REFRESH = 64
"""Powers beta**t of hyperparameters per lane are computed at every so many steps, and multiplied on in between."""
LOWEST = -np.finfo(F).max
log_unit, power, turn = (single.log_unit, single.pow, single.turn) if SINGLE else (double.log_unit, double.pow, double.turn)
FAST = dict(error_model="numpy", fastmath={"contract", "arcp"})
JIT = dict(cache=True, nogil=True, **FAST)

_F = getattr(types, PRECISION)
A1, A2, A3, A4 = (types.Array(_F, n, "C") for n in (1, 2, 3, 4))
N1, N2 = types.Array(types.int64, 1, "C"), types.Array(types.int64, 2, "C")
S1 = types.Array(types.int8, 1, "C")
B2, U1, U2 = types.Array(types.int8, 2, "C"), types.Array(types.uint32, 1, "C"), types.Array(types.uint32, 2, "C")
LANDSCAPE = types.FunctionType(types.int64(A2, A1, A2, A2, A2, _F))
OBSERVE = types.FunctionType(types.int64(A2, A2, A2, A2, _F))
PRELUDE = types.FunctionType(types.void(A1, A1, A2, A2, A2, types.int64))
RULE = types.FunctionType(types.void(A2, A2, A3, A2, A2, types.int64))

GAUSSIAN, STUDENT_T, VALUE = 1, 2, 1
RUNNING, FINISHED, DIVERGED, STOPPED = 0, 1, 2, 3


@njit(forceinline=True, **FAST)
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on words held in 64 bits; the upper halves of what comes out are noise, and multiplication does not see them."""
    for _ in range(10):
        p0, p1 = uint64(0xD2511F53) * (c0 & MASK), uint64(0xCD9E8D57) * (c2 & MASK)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1, (p0 >> HALF) ^ c3 ^ k1, p0
        k0, k1 = (k0 + uint64(0x9E3779B9)) & MASK, (k1 + uint64(0xBB67AE85)) & MASK
    return c0, c1, c2, c3


@njit(types.void(U2, U1, types.int64, types.int64, U1), **JIT)
def draw(words, seeds, block, tick, key):
    """words (4, W) <- the Philox block at counter (block, tick, seed)."""
    vectorised()
    low, high = uint64(tick) & MASK, uint64(tick) >> HALF
    k0, k1 = uint64(key[0]), uint64(key[1])
    for l in range(W):
        a, b, c, d = philox(uint64(block), low, uint64(seeds[l]), high, k0, k1)
        words[0, l], words[1, l], words[2, l], words[3, l] = uint32(a), uint32(b), uint32(c), uint32(d)


@njit(forceinline=True, **FAST)
def cell32(word):
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return (np.float32(np.int32(word >> uint32(9))) + np.float32(0.5)) * np.float32(2.0**-23)


@njit(forceinline=True, **FAST)
def cell64(high, low):
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell."""
    bits = (uint64(high) << uint64(20)) | uint64(low >> uint32(12))
    return (np.float64(np.int64(bits)) + 0.5) * 2.0**-52


@njit(forceinline=True, **FAST)
def box_muller(u, v):
    """Two standard normals from two uniforms."""
    r = math.sqrt(F(-2) * log_unit(u))
    s, c = turn(v)
    return r * c, r * s


@njit(forceinline=True, **FAST)
def bailey(u, v, df, exponent):
    """A Student-t number from two uniforms; `exponent` is -2 / df."""
    s, c = turn(v)
    return math.sqrt(df * (power(u, exponent) - F(1))) * c


@njit(types.void(A3, types.int64, U2), **JIT)
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


@njit(types.void(A3, types.int64, U2, A1, A1), **JIT)
def to_student(N, block, words, df, exponent):
    """In float32 components 2 block and 2 block + 1 of N[0] from one block of words, in float64 component `block`."""
    vectorised()
    if SINGLE:
        for l in range(W):
            n0 = bailey(cell32(words[0, l]), cell32(words[1, l]), df[l], exponent[l])
            n1 = bailey(cell32(words[2, l]), cell32(words[3, l]), df[l], exponent[l])
            N[0, 2 * block, l], N[0, 2 * block + 1, l] = n0, n1
    else:
        for l in range(W):
            N[0, block, l] = bailey(cell64(words[0, l], words[1, l]), cell64(words[2, l], words[3, l]), df[l], exponent[l])


@njit(types.void(A3, U1, types.int64, types.int64, U1, U2), **JIT)
def normals(N, seeds, step, dim, key, words):
    """Standard normals N (1, dim, W) of one step; in float32 N (2, dim, W), those of the even step and of the odd one after it."""
    vectorised()
    for pair in range((dim + 1) // 2):
        draw(words, seeds, pair, step // DRAWN, key)
        to_normals(N, pair, words)


@njit(types.void(A3, U1, types.int64, types.int64, U1, U2, A1, A1), **JIT)
def student(N, seeds, step, dim, key, words, df, exponent):
    """Student-t numbers N[0] (dim, W) of one step."""
    vectorised()
    for block in range((dim + 1) // 2 if SINGLE else dim):
        draw(words, seeds, block, step, key)
        to_student(N, block, words, df, exponent)


@njit(types.void(A2, A2, A1, A1), **JIT)
def add_noise(G, N, scale, component):
    """G += scale component N."""
    vectorised()
    for d in range(G.shape[0]):
        c = component[d]
        for l in range(W):
            G[d, l] += scale[l] * c * N[d, l]


@njit(types.void(A2, A1, types.int64, A1), **JIT)
def clip(G, at, kind, norm):
    """Clip the gradient by value, or by its Euclidean norm; NaN stays NaN."""
    vectorised()
    if kind == VALUE:
        for d in range(G.shape[0]):
            for l in range(W):
                g = G[d, l]
                g = max(g, -at[l])
                G[d, l] = min(g, at[l])
        return
    for l in range(W):
        norm[l] = F(0)
    for d in range(G.shape[0]):
        for l in range(W):
            norm[l] += G[d, l] * G[d, l]
    for l in range(W):
        n = math.sqrt(norm[l])
        norm[l] = at[l] / n if n > at[l] else F(1)
    for d in range(G.shape[0]):
        for l in range(W):
            G[d, l] *= norm[l]


@njit(types.void(A2, A1, A3, A2, S1, N1, types.int64, _F, S1), **JIT)
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


@njit(types.void(A2, A2, types.int64, types.int64), **JIT)
def spread(table, rows, lanes, count):
    """rows (count, W) <- table (count, 1 or W)."""
    vectorised()
    for r in range(count):
        for l in range(W):
            rows[r, l] = table[r, 0 if lanes == 1 else l]


@njit(types.int64(S1, types.int64), **JIT)
def count(state, kind):
    """How many lanes are in this state."""
    vectorised()
    number = 0
    for l in range(W):
        number += state[l] == kind
    return number


@njit(types.void(A1, S1, A1), **JIT)
def keep(values, state, place):
    """place <- values, NaN where the run has diverged."""
    vectorised()
    for l in range(W):
        place[l] = np.nan if state[l] == DIVERGED else values[l]


@njit(types.void(A1, A1, A2, types.int64, types.int64, types.int64), **JIT)
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


@njit(types.void(A2, A2), **JIT)
def copy(x, spare):
    """spare <- x."""
    vectorised()
    for d in range(x.shape[0]):
        for l in range(W):
            spare[d, l] = x[d, l]


@njit(types.void(A2, A2, S1), **JIT)
def restore(x, spare, state):
    """Runs that have stopped stay where they were."""
    vectorised()
    for d in range(x.shape[0]):
        for l in range(W):
            x[d, l] = spare[d, l] if state[l] == STOPPED else x[d, l]


@njit(types.void(A3, types.int64), **JIT)
def blank(tile, first):
    """The records that a block's runs did not live to see are NaN."""
    vectorised()
    for k in range(first, tile.shape[0]):
        for row in range(tile.shape[1]):
            for l in range(W):
                tile[k, row, l] = np.nan


@njit(types.void(A3, types.int64, A2, types.int64, types.int64, types.int64), **JIT)
def put_scalars(tile, row, scalars, run, valid, place):
    """One variable of a block, from (records, W) to (runs, records)."""
    vectorised()
    for l in range(valid):
        for k in range(tile.shape[0]):
            scalars[run + l, place + k] = tile[k, row, l]


@njit(types.void(A3, types.int64, A3, types.int64, types.int64, types.int64), **JIT)
def put_vectors(tile, row, vectors, run, valid, place):
    """The iterates of a block, from (records, dim, W) to (runs, records, dim)."""
    vectorised()
    for l in range(valid):
        for k in range(tile.shape[0]):
            for d in range(vectors.shape[2]):
                vectors[run + l, place + k, d] = tile[k, row + d, l]


DRIVE = types.void(
    *(types.int64,) * 5,  # first, last, t0, t1, steps
    *(A3, A4, A3, B2, N2, U2, N1, N1),  # X, S, A, status, last_step, seeds, run, valid
    *(A3, N1, A3, A3, A3, N1, A3, N1),  # P, at_p, H, HA, Q, at_h, C, at_c
    *(A1, N1, A1, U2),  # component, choices, limits, keys
    *(N1, types.int64, A3, A3, A3),  # marks, place, scalars, params, averages
    *(LANDSCAPE, OBSERVE, PRELUDE, RULE, PRELUDE, RULE),
)


@njit(DRIVE, **JIT)
def drive(
    first, last, t0, t1, steps,
    X, S, A, status, last_step, seeds, run, valid,
    P, at_p, H, HA, Q, at_h, C, at_c,
    component, choices, limits, keys,
    marks, place, scalars, params, averages,
    landscape, observe, prelude, rule, average_prelude, average_rule,
):  # fmt: skip
    """Steps t0 .. t1 - 1 of blocks first .. last - 1; step `steps` only looks and does not move.

    State of all blocks: X, A (blocks, dim, W), S (blocks, states, dim, W), status, last_step, seeds (blocks, W); the runs of block b are
    run[b] .. run[b] + valid[b] - 1, the lanes beyond are padding. Numbers: P, H, HA, Q are (points or 1, rows, 1 or W): the landscape's,
    the rule's, the average's, and (noise scale, df, -2 / df, clip threshold); at_p, at_h name a block's table. C (points or 1, t1 - t0,
    1 or W) are the schedule's factors. choices: noise, clip, xi, average, stop below, hyperparameters per lane; what to record of loss, params, average loss, average params; rows of Z, O, R, the average's R, K and the average's K; the
    observables to record. limits: diverge above, loss below.
    Records at the steps `marks` go to scalars (variables, runs, records), params and averages (runs, records, dim), from `place` on.
    """
    mode = flush_subnormals()
    noise, clipping, has_xi, has_average, has_below, per_lane = choices[0], choices[1], choices[2], choices[3], choices[4], choices[5]
    keep_loss, keep_params, keep_average_loss, keep_average = choices[6], choices[7], choices[8], choices[9]
    wanted, dim, above, below = choices[16:], X.shape[1], limits[0], limits[1]
    padded = dim + dim % 2
    four, G, spare = aligned(4, W, F), aligned(dim, W, F), aligned(dim, W, F)
    Z, O, words = aligned(choices[10], W, F), aligned(choices[11], W, F), aligned(4, W, np.uint32)
    R, RA, numbers = aligned(choices[12], W, F), aligned(choices[13], W, F), aligned(4, W, F)
    K, KA = aligned(choices[14], W, F), aligned(choices[15], W, F)
    N, XI = aligned(DRAWN * padded, W, F).reshape(DRAWN, padded, W), aligned(DRAWN * padded, W, F).reshape(DRAWN, padded, W)
    L, T, factor, scratch, fine = four[0], four[1], four[2], four[3], np.empty(W, np.int8)
    N0, N1_, XI0, XI1, key, key_xi = N[0], N[DRAWN - 1], XI[0], XI[DRAWN - 1], keys[0], keys[1]
    scale, df, exponent, at = numbers[0], numbers[1], numbers[2], numbers[3]
    scalar_rows = keep_loss + keep_average_loss + wanted.shape[0]
    tile = np.empty((marks.shape[0], scalar_rows + dim * (keep_params + keep_average), W), F)
    for b in range(first, last):
        x, s, a, p, h, ha = X[b], S[b], A[b], P[at_p[b]], H[at_h[b]], HA[at_h[b]]
        c, seed, state, lasts = C[at_c[b]], seeds[b], status[b], last_step[b]
        spread(Q[at_h[b]], numbers, Q.shape[2], 4)
        k, drawn, drawn_xi = 0, -1, -1
        running, stopped = count(state, RUNNING), count(state, STOPPED)
        for t in range(t0 - t0 % REFRESH if per_lane else t0, t0):  # powers grow from the last multiple of REFRESH on
            tell(T, factor, c, t, 0, 0)
            prelude(T, factor, h, R, K, t % REFRESH == 0)
            if has_average:
                average_prelude(T, factor, ha, RA, KA, t % REFRESH == 0)
        for t in range(t0, t1):
            if running == 0 and not has_below:
                break
            if landscape(x, L, G, p, Z, above):
                end(x, L, s, a, state, lasts, t, above, fine)
                running = count(state, RUNNING)
                landscape(x, L, G, p, Z, above)
            if has_below:
                for l in range(W):
                    if L[l] < below and state[l] == RUNNING:
                        state[l], lasts[l] = STOPPED, t
                running, stopped = count(state, RUNNING), count(state, STOPPED)
            if k < marks.shape[0] and marks[k] == t:
                row = keep_loss
                if keep_loss:
                    keep(L, state, tile[k, 0])
                if wanted.shape[0]:
                    observe(x, O, p, Z, above)
                    for w in wanted:
                        keep(O[w], state, tile[k, row])
                        row += 1
                if keep_average_loss:
                    landscape(a, scratch, spare, p, Z, above)
                    keep(scratch, state, tile[k, row])
                row += keep_average_loss
                for d in range(dim if keep_params else 0):
                    keep(x[d], state, tile[k, row])
                    row += 1
                for d in range(dim if keep_average else 0):
                    keep(a[d], state, tile[k, row])
                    row += 1
                k += 1
            if t == steps:
                break
            if noise == GAUSSIAN:
                if drawn != t >> DRAWN - 1:
                    drawn = t >> DRAWN - 1
                    normals(N, seed, t, dim, key, words)
                if t & DRAWN - 1:
                    add_noise(G, N1_, scale, component)
                else:
                    add_noise(G, N0, scale, component)
            elif noise == STUDENT_T:
                student(N, seed, t, dim, key, words, df, exponent)
                add_noise(G, N0, scale, component)
            if clipping:
                clip(G, at, clipping, scratch)
            if has_xi and drawn_xi != t >> DRAWN - 1:
                drawn_xi = t >> DRAWN - 1
                normals(XI, seed, t, dim, key_xi, words)
            column = 0 if per_lane else t - t0 & W - 1
            if per_lane or column == 0:
                fresh = t & REFRESH - 1 == 0 if per_lane else True
                tell(T, factor, c, t, t - t0, 0 if per_lane else 1)
                prelude(T, factor, h, R, K, fresh)
                if has_average:
                    average_prelude(T, factor, ha, RA, KA, fresh)
            if stopped:
                copy(x, spare)
            if t & DRAWN - 1:
                rule(x, G, s, XI1, R, column)
            else:
                rule(x, G, s, XI0, R, column)
            if stopped:
                restore(x, spare, state)
            if has_average:
                average_rule(a, x, s, XI0, RA, column)
        blank(tile, k)
        for row in range(scalar_rows):
            put_scalars(tile, row, scalars[row], run[b], valid[b], place)
        if keep_params:
            put_vectors(tile, scalar_rows, params, run[b], valid[b], place)
        if keep_average:
            put_vectors(tile, scalar_rows + dim * keep_params, averages, run[b], valid[b], place)
    restore_mode(mode)
