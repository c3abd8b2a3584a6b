"""The driver of the fused executor for swarms: all steps of a block of W runs of many particles each, in one compiled loop.

A lane is a run, not a particle: X is (particles, dim, W), so that the consensus is a sum down the lanes and every run may have its own
numbers. The landscape is asked for values alone; its G is not written. Compiled as lane_functions.py is, once a precision and lane width.
"""

import numpy as np
from numba import njit, types

from .elementary import float32, float64
from .lane_functions import (
    A1,
    A2,
    A3,
    A4,
    A5,
    B2,
    DIVERGED,
    DRAWN,
    JIT,
    LOWEST,
    N1,
    N2,
    REFRESH,
    RUNNING,
    S1,
    SINGLE,
    STOPPED,
    U2,
    F,
    W,
    blank,
    call_landscape,
    call_observe,
    call_prelude,
    call_rule,
    copy,
    count,
    end,
    keep,
    normals,
    put_scalars,
    put_vectors,
    restore,
    spread,
    tell,
)
from .llvm import INNER, vectorised

exp, power = (float32.exp, float32.pow) if SINGLE else (float64.exp, float64.pow)
DRIVE = types.void(
    *(types.int64,) * 5,  # first, last, t0, t1, steps
    *(A4, A5, A3, B2, N2, U2, N1, N1),  # X, S, A, status, last_step, seeds, run, valid
    *(A3, N1, A3, A3, A3, N1, A3, N1),  # P, at_p, H, HA, Q, at_h, C, at_c
    *(N1, A1, U2),  # choices, limits, keys
    *(types.UniTuple(A2, 12), types.UniTuple(A3, 3), U2, S1),  # own, drawing, words, fine
    *(N1, types.int64, A3, A3, A3, A4),  # marks, place, scalars, params, averages, swarms
    *(types.intp,) * 6,  # addresses of the generated functions
)


@njit(**JIT, **INNER)
def anneal(alpha, numbers, t):
    """alpha <- min(alpha_0 growth^t, largest), from numbers (3, W)."""
    vectorised()
    time = F(t)
    for l in range(W):
        alpha[l] = min(numbers[0, l] * power(numbers[1, l], time), numbers[2, l])


@njit(**JIT, **INNER)
def consensus(x, f, alpha, C, low, total, w):
    """C (dim, W) <- sum_i w_i x_i / sum_i w_i over the particles x (particles, dim, W) with values f (particles, W)."""
    vectorised()
    for l in range(W):
        low[l], total[l] = F(np.inf), F(0)
    for i in range(x.shape[0]):
        for l in range(W):
            low[l] = f[i, l] if (f[i, l] < low[l]) & (f[i, l] >= LOWEST) else low[l]
    for d in range(C.shape[0]):
        for l in range(W):
            C[d, l] = F(0)
    for i in range(x.shape[0]):
        for l in range(W):
            z = exp(-alpha[l] * (f[i, l] - low[l]))
            w[l] = z if abs(f[i, l]) <= -LOWEST else F(0)
            total[l] += w[l]
        for d in range(C.shape[0]):
            for l in range(W):
                C[d, l] += w[l] * x[i, d, l] if w[l] > F(0) else F(0)
    for l in range(W):
        w[l] = F(1) / total[l]
    for d in range(C.shape[0]):
        for l in range(W):
            C[d, l] *= w[l]


@njit(**JIT, **INNER)
def gather(x, C, state):
    """The particles of a swarm that has diverged go to C, whose numbers are harmless."""
    vectorised()
    for i in range(x.shape[0]):
        for d in range(x.shape[1]):
            for l in range(W):
                x[i, d, l] = C[d, l] if state[l] == DIVERGED else x[i, d, l]


@njit(**JIT, **INNER)
def put_swarm(x, state, swarms, run, valid, place):
    """All particles of a block, from (particles, dim, W) to (runs, records, particles, dim)."""
    for l in range(valid):
        for i in range(x.shape[0]):
            for d in range(x.shape[1]):
                swarms[run + l, place, i, d] = np.nan if state[l] == DIVERGED else x[i, d, l]


@njit(DRIVE, **JIT)
def drive(
    first, last, t0, t1, steps,
    X, S, A, status, last_step, seeds, run, valid,
    P, at_p, H, HA, Q, at_h, C, at_c,
    choices, limits, keys,
    own, drawing, words, fine,
    marks, place, scalars, params, averages, swarms,
    landscape, observe, prelude, rule, average_prelude, average_rule,
):  # fmt: skip
    """Steps t0 .. t1 - 1 of blocks first .. last - 1, as in drive_points.py, of X (blocks, particles, dim, W) and S (blocks, particles,
    states, dim, W); the iterate is the consensus, and A its average. Q holds alpha, its growth a step, and its largest value.
    choices: xi, average, stop below, hyperparameters per lane; what to record of loss, params, average loss, average params, swarm; the
    observables to record.
    """
    has_xi, has_average, has_below, per_lane = choices[0], choices[1], choices[2], choices[3]
    keep_loss, keep_params, keep_average_loss, keep_average, keep_swarm = choices[4], choices[5], choices[6], choices[7], choices[8]
    wanted, particles, dim, above, below = choices[9:], X.shape[1], X.shape[2], limits[0], limits[1]
    rows, c, spare, Z, O, R, RA, K, KA, ROWS, numbers, values = own
    N, tile, nothing = drawing
    size = particles * dim * has_xi
    XI0 = N[0].reshape(-1)[: size * W].reshape(particles * has_xi, dim, W)
    XI1 = N[DRAWN - 1].reshape(-1)[: size * W].reshape(particles * has_xi, dim, W)
    L, T, factor, scratch, low, total, alpha, key = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], keys[1]
    scalar_rows = keep_loss + keep_average_loss + wanted.shape[0]
    for b in range(first, last):
        x, s, a, p, h, ha = X[b], S[b], A[b], P[at_p[b]], H[at_h[b]], HA[at_h[b]]
        factors, seed, state, lasts = C[at_c[b]], seeds[b], status[b], last_step[b]
        spread(Q[at_h[b]], numbers, Q.shape[2], 3)
        k, drawn = 0, -1
        running, stopped = count(state, RUNNING), count(state, STOPPED)
        back = max(t0 - 1, 0)  # powers grow from a multiple of REFRESH on; the average's numbers are those of the step before
        for t in range(back - back % REFRESH if per_lane else t0, t0):
            tell(T, factor, factors, t, 0, 0)
            call_prelude(prelude, T, factor, h, R, K, t % REFRESH == 0)
            if has_average:
                call_prelude(average_prelude, T, factor, ha, RA, KA, t % REFRESH == 0)
        averaged = 0
        if has_average and t0 > 0 and not per_lane:
            tell(T, factor, factors, t0 - 1, 0, 1)
            call_prelude(average_prelude, T, factor, ha, RA, KA, True)
        for t in range(t0, t1):
            if running == 0 and not has_below:
                break
            for i in range(particles):
                call_landscape(landscape, x[i], values[i], spare, p, Z, above)
            anneal(alpha, numbers, t)
            consensus(x, values, alpha, c, low, total, scratch)
            if has_average and t > 0:
                call_rule(average_rule, a, c, L, nothing, spare, RA, ROWS, averaged)
            if call_landscape(landscape, c, L, spare, p, Z, above):
                end(c, L, nothing, a, state, lasts, t, above, fine)
                running = count(state, RUNNING)
                gather(x, c, state)
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
                    call_observe(observe, c, O, p, Z, above)
                    for w in wanted:
                        keep(O[w], state, tile[k, row])
                        row += 1
                if keep_average_loss:
                    call_landscape(landscape, a, scratch, spare, p, Z, above)
                    keep(scratch, state, tile[k, row])
                row += keep_average_loss
                for d in range(dim if keep_params else 0):
                    keep(c[d], state, tile[k, row])
                    row += 1
                for d in range(dim if keep_average else 0):
                    keep(a[d], state, tile[k, row])
                    row += 1
                if keep_swarm:
                    put_swarm(x, state, swarms, run[b], valid[b], place + k)
                k += 1
            if t == steps:
                break
            if has_xi and drawn != t >> DRAWN - 1:
                drawn = t >> DRAWN - 1
                normals(N, seed, t, particles * dim, key, words)
            column = 0 if per_lane else t - t0 & W - 1
            if per_lane or column == 0:
                fresh = t & REFRESH - 1 == 0 if per_lane else True
                tell(T, factor, factors, t, t - t0, 0 if per_lane else 1)
                call_prelude(prelude, T, factor, h, R, K, fresh)
                if has_average:
                    call_prelude(average_prelude, T, factor, ha, RA, KA, fresh)
            xi = XI1 if t & DRAWN - 1 else XI0
            for l in range(W):
                ROWS[ROWS.shape[0] - 1, l] = L[l]
            for i in range(particles):
                if stopped:
                    copy(x[i], spare)
                call_rule(rule, x[i], c, values[i], s[i], xi[i if has_xi else 0] if has_xi else spare, R, ROWS, column)
                if stopped:
                    restore(x[i], spare, state)
            averaged = column
        blank(tile, k)
        for row in range(scalar_rows):
            put_scalars(tile, row, scalars[row], run[b], valid[b], place)
        if keep_params:
            put_vectors(tile, scalar_rows, params, run[b], valid[b], place)
        if keep_average:
            put_vectors(tile, scalar_rows + dim * keep_params, averages, run[b], valid[b], place)
        if keep_swarm:
            swarms[run[b] : run[b] + valid[b], place + k : place + marks.shape[0]] = np.nan
