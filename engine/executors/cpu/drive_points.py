"""The driver of the fused executor for points: all steps of a block of W runs, in one compiled loop.

Landscape, rule and average come as functions compiled on their own (formula_source.py, rule_source.py), so that a new pair of landscape and optimizer
compiles nothing here. Loaded as lane_functions.py is, once a precision and lane width, and again with what is SELDOM used.
"""

import math

import numpy as np
from numba import njit, types

from .arguments import BY_VALUE, GAUSSIAN, STUDENT_T, Draws, Records, Room, State
from .elementary import float32, float64
from .lane_functions import (
    A1,
    A2,
    A3,
    A4,
    DRAWN,
    DRAWS,
    FAST,
    FLAGS,
    FUNCTIONS,
    JIT,
    LIMITS,
    NUMBERS,
    RECORDS,
    ROOM,
    RUNNING,
    SINGLE,
    STATE,
    STOPPED,
    F,
    W,
    add_noise,
    call_landscape,
    call_observe,
    call_rule,
    catch_up,
    cell32,
    cell64,
    copy,
    count,
    draw,
    end,
    log_unit,
    named,
    normals,
    prepare,
    put,
    record,
    restore,
    set_update,
    spread,
    stop,
    turn,
)
from .llvm import INNER, vectorised

SELDOM = True
"""Whether there may be an iterate average, clipping, Student-t noise or an early stop: False takes their lines away."""
CHANGES = True
"""Whether the landscape changes from step to step. The last of its numbers is then the number of the update, and every block has a table of its own."""
exp, expm1, scaling = (float32.exp, float32.expm1, float32.scaling) if SINGLE else (float64.exp, float64.expm1, float64.scaling)
TINY, EPS = F(np.finfo(F).tiny), F(np.finfo(F).eps)

DRIVE = types.void(
    *(types.int64,) * 5,  # first, last, t0, t1, steps
    FUNCTIONS,
    FLAGS,
    LIMITS,
    named(Draws, component=A1, **DRAWS),
    named(Room, gradient=A2, normals=A3, **ROOM),
    named(State, iterates=A3, states=A4, **STATE),
    NUMBERS,
    named(Records, **RECORDS),
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
    if kind == BY_VALUE:
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


@njit(DRIVE, no_cfunc_wrapper=True, **JIT)
def drive(first, last, t0, t1, steps, functions, flags, limits, draws, room, state, numbers, records):
    """Steps t0 .. t1 - 1 of blocks first .. last - 1; step `steps` only looks and does not move. arguments.py explains all else.

    Tuples of arrays are taken apart first: wherever a field is named, Numba copies the whole tuple, and LLVM needs time to undo that.
    """
    seeds, keys, component = draws
    loss, gradient, spare, spare_row, prelude = room.loss, room.gradient, room.spare, room.spare_row, room.prelude
    land_scratch, rule_scratch, observed, others = room.land_scratch, room.rule_scratch, room.observed, room.others
    noises, xis, words, fine, tile = room.normals, room.xi, room.words, room.fine, room.tile
    iterates, states, averages, all_status, all_last_steps = state
    land_tables, land_of, rule_tables, average_tables, other_tables, rule_of, factor_tables, factors_of = numbers
    marks, place, first_run, valid, observables, scalars, params, average_params, _ = records
    rule_rows, average_rows, dim, above, box = prelude.rule, prelude.average, iterates.shape[1], limits.above, limits.box
    rows = flags.keep_loss + observables.shape[0] + flags.keep_average_loss
    for b in range(first, last):
        x, s, a, status, last_step, seed = iterates[b], states[b], averages[b], all_status[b], all_last_steps[b], seeds[b]
        p, h, ha, factors = land_tables[land_of[b]], rule_tables[rule_of[b]], average_tables[rule_of[b]], factor_tables[factors_of[b]]
        spread(other_tables[rule_of[b]], others, other_tables.shape[2], 4)
        scale, df, rate, threshold = others[0], others[1], others[2], others[3]
        k, drawn, drawn_xi = 0, -1, -1
        running, stopped = count(status, RUNNING), count(status, STOPPED)
        catch_up(t0, t0, flags, functions, prelude, factors, h, ha)
        for t in range(t0, t1):
            if running == 0 and not flags.stops:
                break
            if CHANGES:
                set_update(p, t + 1, steps)
            outside = call_landscape(functions.slope, x, loss, gradient, p, land_scratch, box) if box > 0 else 1
            seen = k < marks.shape[0] and marks[k] == t
            if outside or (seen and flags.keep_loss):
                found = call_landscape(functions.landscape, x, loss, gradient, p, land_scratch, above)
                if found & 1:
                    end(x, loss, s, a, status, last_step, t, above, fine)
                    running = count(status, RUNNING)
                    if box > 0:
                        call_landscape(functions.slope, x, loss, gradient, p, land_scratch, box)
                    found = call_landscape(functions.landscape, x, loss, gradient, p, land_scratch, above)
                if found & 2:
                    call_landscape(functions.slope_far, x, loss, gradient, p, land_scratch, above)
            if SELDOM and flags.stops:
                stop(loss, limits.below, status, last_step, t)
                running, stopped = count(status, RUNNING), count(status, STOPPED)
            if seen:
                if CHANGES:
                    set_update(p, t, steps)
                    call_landscape(functions.landscape, x, loss, spare, p, land_scratch, above)
                if observables.shape[0]:
                    call_observe(functions.observe, x, observed, p, land_scratch, above)
                if SELDOM and flags.keep_average_loss:
                    call_landscape(functions.landscape, a, spare_row, spare, p, land_scratch, above)
                record(tile[k], status, flags, loss, observed, observables, spare_row, x, a)
                k += 1
                if CHANGES:
                    set_update(p, t + 1, steps)
                    call_landscape(functions.landscape, x, loss, spare, p, land_scratch, above)
            if t == steps:
                break
            if SELDOM and flags.noise == STUDENT_T:
                student(noises, seed, t, dim, keys[0], words, df, rate)
                add_noise(gradient, noises[0], scale, component)
            elif flags.noise == GAUSSIAN:
                if drawn != t >> DRAWN - 1:
                    drawn = t >> DRAWN - 1
                    normals(noises, seed, t, dim, keys[0], words)
                add_noise(gradient, noises[t & DRAWN - 1], scale, component)
            if SELDOM and flags.clip:
                clip(gradient, threshold, flags.clip, spare_row)
            if flags.xi and drawn_xi != t >> DRAWN - 1:
                drawn_xi = t >> DRAWN - 1
                normals(xis, seed, t, dim, keys[1], words)
            column = prepare(t, t0, flags, functions, prelude, factors, h, ha)
            if SELDOM and stopped:
                copy(x, spare)
            call_rule(functions.rule, x, gradient, loss, s, xis[t & DRAWN - 1], rule_rows, rule_scratch, column)
            if SELDOM and stopped:
                restore(x, spare, status)
            if SELDOM and flags.average:
                call_rule(functions.average_rule, a, x, loss, s, gradient, average_rows, rule_scratch, column)
        put(tile, k, rows, scalars, params, average_params, first_run[b], valid[b], place)
