"""The driver of the fused executor for points: all steps of a block of W runs, in one compiled loop.

Landscape, rule and average come as functions compiled on their own (formula_source.py, rule_source.py), so that a new pair of landscape and optimizer
compiles nothing here. Loaded as lane_functions.py is, once a precision and lane width, and again with what is SELDOM used.
"""

import math

import numpy as np
from numba import njit, types

from .elementary import float32, float64
from .lane_functions import (
    A1,
    A2,
    A3,
    A4,
    B2,
    DRAWN,
    FAST,
    GAUSSIAN,
    JIT,
    N1,
    N2,
    REFRESH,
    RUNNING,
    S1,
    SINGLE,
    STOPPED,
    STUDENT_T,
    U2,
    VALUE,
    F,
    W,
    add_noise,
    blank,
    call_landscape,
    call_observe,
    call_prelude,
    call_rule,
    cell32,
    cell64,
    copy,
    count,
    draw,
    end,
    keep,
    log_unit,
    normals,
    put_scalars,
    put_vectors,
    restore,
    spread,
    tell,
    turn,
)
from .llvm import INNER, vectorised

SELDOM = True
"""Whether there may be an iterate average, clipping, Student-t noise or an early stop: False takes their lines away."""
exp, expm1, scaling = (float32.exp, float32.expm1, float32.scaling) if SINGLE else (float64.exp, float64.expm1, float64.scaling)
TINY, EPS = F(np.finfo(F).tiny), F(np.finfo(F).eps)

DRIVE = types.void(
    *(types.int64,) * 5,  # first, last, t0, t1, steps
    *(A3, A4, A3, B2, N2, U2, N1, N1),  # X, S, A, status, last_step, seeds, run, valid
    *(A3, N1, A3, A3, A3, N1, A3, N1),  # P, at_p, H, HA, Q, at_h, C, at_c
    *(A1, N1, A1, U2),  # component, choices, limits, keys
    *(types.UniTuple(A2, 11), types.UniTuple(A3, 3), U2, S1),  # own, drawing, words, fine
    *(N1, types.int64, A3, A3, A3),  # marks, place, scalars, params, averages
    *(types.intp,) * 8,  # addresses of the generated functions
)


@njit(forceinline=True, **FAST, **INNER)
def bailey(u, v, df, rate):
    """A Student-t number from two uniforms, as in philox.py; `rate` is 2 / df."""
    s, c = turn(v)
    w = -log_unit(u)
    z = w * rate
    half = exp(F(0.25) * z)
    return half * (half * (math.sqrt(F(2) * w if z < EPS else -df * expm1(-z)) * c))


@njit(**JIT, **INNER)
def to_student(N, block, words, df, rate):
    """In float32 components 2 block and 2 block + 1 of N[0] from one block of words, in float64 component `block`."""
    vectorised()
    if SINGLE:
        for l in range(W):
            n0 = bailey(cell32(words[0, l]), cell32(words[1, l]), df[l], rate[l])
            n1 = bailey(cell32(words[2, l]), cell32(words[3, l]), df[l], rate[l])
            N[0, 2 * block, l], N[0, 2 * block + 1, l] = n0, n1
    else:
        for l in range(W):
            N[0, block, l] = bailey(cell64(words[0, l], words[1, l]), cell64(words[2, l], words[3, l]), df[l], rate[l])


@njit(**JIT, **INNER)
def student(N, seeds, step, dim, key, words, df, rate):
    """Student-t numbers N[0] (dim, W) of one step."""
    vectorised()
    for block in range((dim + 1) // 2 if SINGLE else dim):
        draw(words, seeds, block, step, key)
        to_student(N, block, words, df, rate)


@njit(**JIT, **INNER)
def clip_far(G, at):
    """The same by the norm, where a square or the factor may have overflowed or vanished: run by run, first scaled by a power of two."""
    for l in range(W):
        squares = F(0)
        for d in range(G.shape[0]):
            squares += G[d, l] * G[d, l]
        scale = scaling(squares)
        squares = F(0)
        for d in range(G.shape[0]):
            squares += (G[d, l] * scale) * (G[d, l] * scale)
        n = math.sqrt(squares)
        if n > at[l] * scale:
            for d in range(G.shape[0]):
                G[d, l] = G[d, l] * scale * (F(1) / n) * at[l]


@njit(**JIT, **INNER)
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
    far = np.int32(0)
    for l in range(W):
        n = math.sqrt(norm[l])
        factor = at[l] / n if n > at[l] else F(1)
        far = np.int32(far | (0 if (scaling(norm[l]) == F(1)) & (factor >= TINY) else 1))
        norm[l] = factor
    if far:
        clip_far(G, at)
        return
    for d in range(G.shape[0]):
        for l in range(W):
            G[d, l] *= norm[l]


@njit(DRIVE, **JIT)
def drive(
    first, last, t0, t1, steps,
    X, S, A, status, last_step, seeds, run, valid,
    P, at_p, H, HA, Q, at_h, C, at_c,
    component, choices, limits, keys,
    own, drawing, words, fine,
    marks, place, scalars, params, averages,
    landscape, observe, prelude, rule, average_prelude, average_rule, slope, slope_far,
):  # fmt: skip
    """Steps t0 .. t1 - 1 of blocks first .. last - 1; step `steps` only looks and does not move.

    State of all blocks: X, A (blocks, dim, W), S (blocks, states, dim, W), status, last_step, seeds (blocks, W); the runs of block b are
    run[b] .. run[b] + valid[b] - 1, the lanes beyond are padding. Numbers: P, H, HA, Q are (points or 1, rows, 1 or W): the landscape's,
    the rule's, the average's, and (noise scale, df, 2 / df, clip threshold); at_p, at_h name a block's table. C (points or 1, t1 - t0,
    1 or W) are the schedule's factors. choices: noise, clip, xi, average, stop below, hyperparameters per lane; what to record of loss,
    params, average loss, average params; the observables to record. limits: diverge above, loss below, and the box within which no run diverges, 0 if `landscape` gives the gradient too and is called at every step.
    own, drawing, words, fine: this call's own room for what is not kept: FusedSimulation.room.
    Records at the steps `marks` go to scalars (variables, runs, records), params and averages (runs, records, dim), from `place` on.
    """
    noise, clipping, has_xi, has_average, stops, per_lane = choices[0], choices[1], choices[2], choices[3], choices[4], choices[5]
    keep_loss, keep_params, keep_average_loss, keep_average = choices[6], choices[7], choices[8], choices[9]
    wanted, dim, above, below, box = choices[10:], X.shape[1], limits[0], limits[1], limits[2]
    four, G, spare, Z, O, R, RA, K, KA, ROWS, numbers = own
    N, XI, tile = drawing
    L, T, factor, scratch, key, key_xi = four[0], four[1], four[2], four[3], keys[0], keys[1]
    scale, df, rate, at = numbers[0], numbers[1], numbers[2], numbers[3]
    scalar_rows = keep_loss + keep_average_loss + wanted.shape[0]
    for b in range(first, last):
        x, s, a, p, h, ha = X[b], S[b], A[b], P[at_p[b]], H[at_h[b]], HA[at_h[b]]
        c, seed, state, lasts = C[at_c[b]], seeds[b], status[b], last_step[b]
        spread(Q[at_h[b]], numbers, Q.shape[2], 4)
        k, drawn, drawn_xi = 0, -1, -1
        running, stopped = count(state, RUNNING), count(state, STOPPED)
        for t in range(t0 - t0 % REFRESH if per_lane else t0, t0):  # powers grow from the last multiple of REFRESH on
            tell(T, factor, c, t, 0, 0)
            call_prelude(prelude, T, factor, h, R, K, t % REFRESH == 0)
            if SELDOM and has_average:
                call_prelude(average_prelude, T, factor, ha, RA, KA, t % REFRESH == 0)
        for t in range(t0, t1):
            if running == 0 and stops == 0:
                break
            outside = call_landscape(slope, x, L, G, p, Z, box) if box > 0 else 1
            seen = k < marks.shape[0] and marks[k] == t
            if outside or (seen and keep_loss):
                found = call_landscape(landscape, x, L, G, p, Z, above)
                if found & 1:
                    end(x, L, s, a, state, lasts, t, above, fine)
                    running = count(state, RUNNING)
                    if box > 0:
                        call_landscape(slope, x, L, G, p, Z, box)
                    found = call_landscape(landscape, x, L, G, p, Z, above)
                if found & 2:
                    call_landscape(slope_far, x, L, G, p, Z, above)
            if SELDOM and stops:
                for l in range(W):
                    if L[l] < below and state[l] == RUNNING:
                        state[l], lasts[l] = STOPPED, t
                running, stopped = count(state, RUNNING), count(state, STOPPED)
            if seen:
                row = keep_loss
                if keep_loss:
                    keep(L, state, tile[k, 0])
                if wanted.shape[0]:
                    call_observe(observe, x, O, p, Z, above)
                    for w in wanted:
                        keep(O[w], state, tile[k, row])
                        row += 1
                if SELDOM and keep_average_loss:
                    call_landscape(landscape, a, scratch, spare, p, Z, above)
                    keep(scratch, state, tile[k, row])
                    row += 1
                for d in range(dim if keep_params else 0):
                    keep(x[d], state, tile[k, row])
                    row += 1
                if SELDOM and has_average:
                    for d in range(dim if keep_average else 0):
                        keep(a[d], state, tile[k, row])
                        row += 1
                k += 1
            if t == steps:
                break
            if SELDOM and noise == STUDENT_T:
                student(N, seed, t, dim, key, words, df, rate)
                add_noise(G, N[0], scale, component)
            elif noise == GAUSSIAN:
                if drawn != t >> DRAWN - 1:
                    drawn = t >> DRAWN - 1
                    normals(N, seed, t, dim, key, words)
                add_noise(G, N[t & DRAWN - 1], scale, component)
            if SELDOM and clipping:
                clip(G, at, clipping, scratch)
            if has_xi and drawn_xi != t >> DRAWN - 1:
                drawn_xi = t >> DRAWN - 1
                normals(XI, seed, t, dim, key_xi, words)
            column = 0 if per_lane else t - t0 & W - 1
            if per_lane or column == 0:
                fresh = t & REFRESH - 1 == 0 if per_lane else True
                tell(T, factor, c, t, t - t0, 0 if per_lane else 1)
                call_prelude(prelude, T, factor, h, R, K, fresh)
                if SELDOM and has_average:
                    call_prelude(average_prelude, T, factor, ha, RA, KA, fresh)
            if SELDOM and stopped:
                copy(x, spare)
            call_rule(rule, x, G, L, s, XI[t & DRAWN - 1], R, ROWS, column)
            if SELDOM and stopped:
                restore(x, spare, state)
            if SELDOM and has_average:
                call_rule(average_rule, a, x, L, s, G, RA, ROWS, column)
        blank(tile, k)
        for row in range(scalar_rows):
            put_scalars(tile, row, scalars[row], run[b], valid[b], place)
        if keep_params:
            put_vectors(tile, scalar_rows, params, run[b], valid[b], place)
        if SELDOM and keep_average:
            put_vectors(tile, scalar_rows + dim * keep_params, averages, run[b], valid[b], place)
