"""The driver of the fused executor for swarms: all steps of a block of W runs of many particles each, in one compiled loop.

A lane is a run, not a particle: X is (particles, dim, W), so that the consensus is a sum down the lanes and every run may have its own
numbers. The landscape is asked for values alone; its G is not written. Compiled as lane_functions.py is, once a precision and lane width.
"""

import numpy as np
from numba import njit, types

from .arguments import Draws, Records, Room, State
from .elementary import float32, float64
from .lane_functions import (
    A2,
    A3,
    A4,
    A5,
    DIVERGED,
    DRAWN,
    DRAWS,
    FLAGS,
    FUNCTIONS,
    JIT,
    LIMITS,
    LOWEST,
    NUMBERS,
    RECORDS,
    ROOM,
    RUNNING,
    SINGLE,
    STATE,
    STOPPED,
    F,
    W,
    call_landscape,
    call_observe,
    call_prelude,
    call_rule,
    catch_up,
    copy,
    count,
    end,
    named,
    normals,
    prepare,
    put,
    record,
    restore,
    set_update,
    spread,
    stop,
    tell,
)
from .llvm import INNER, vectorised

exp, power = (float32.exp, float32.pow) if SINGLE else (float64.exp, float64.pow)
CHANGES = True
"""As in drive_points.py."""

DRIVE = types.void(
    *(types.int64,) * 5,  # first, last, t0, t1, steps
    FUNCTIONS,
    FLAGS,
    LIMITS,
    named(Draws, **DRAWS),
    named(Room, consensus=A2, values=A2, weighing=A2, no_states=A3, **ROOM),
    named(State, iterates=A4, states=A5, **STATE),
    NUMBERS,
    named(Records, swarms=A4, **RECORDS),
)


@njit(**JIT, **INNER)
def anneal(alpha, numbers, t):
    """alpha <- min(alpha_0 growth^t, largest), from numbers (3, W)."""
    vectorised()
    time = F(t)
    for l in range(W):
        alpha[l] = min(numbers[0, l] * power(numbers[1, l], time), numbers[2, l])


@njit(**JIT, **INNER)
def weigh(x, f, alpha, C, low, total, w):
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


@njit(DRIVE, no_cfunc_wrapper=True, **JIT)
def drive(first, last, t0, t1, steps, functions, flags, limits, draws, room, state, numbers, records):
    """Steps t0 .. t1 - 1 of blocks first .. last - 1, as in drive_points.py; what is recorded as the iterate, and averaged, is the consensus."""
    seeds, keys, _ = draws
    loss, consensus, values, spare, spare_row, prelude = room.loss, room.consensus, room.values, room.spare, room.spare_row, room.prelude
    land_scratch, rule_scratch, observed, others = room.land_scratch, room.rule_scratch, room.observed, room.others
    xis, words, fine, tile, no_states, weighing = room.xi, room.words, room.fine, room.tile, room.no_states, room.weighing
    iterates, states, averages, all_status, all_last_steps = state
    land_tables, land_of, rule_tables, average_tables, other_tables, rule_of, factor_tables, factors_of = numbers
    marks, place, first_run, valid, observables, scalars, params, average_params, swarms = records
    rule_rows, average_rows, particles, dim, above = prelude.rule, prelude.average, iterates.shape[1], iterates.shape[2], limits.above
    size = particles * dim * flags.xi
    even = xis[0].reshape(-1)[: size * W].reshape(particles * flags.xi, dim, W)
    odd = xis[DRAWN - 1].reshape(-1)[: size * W].reshape(particles * flags.xi, dim, W)
    low, total, alpha = weighing[0], weighing[1], weighing[2]
    rows = flags.keep_loss + observables.shape[0] + flags.keep_average_loss
    for b in range(first, last):
        x, s, a, status, last_step, seed = iterates[b], states[b], averages[b], all_status[b], all_last_steps[b], seeds[b]
        p, h, ha, factors = land_tables[land_of[b]], rule_tables[rule_of[b]], average_tables[rule_of[b]], factor_tables[factors_of[b]]
        spread(other_tables[rule_of[b]], others, other_tables.shape[2], 3)
        k, drawn, column = 0, -1, 0
        running, stopped = count(status, RUNNING), count(status, STOPPED)
        catch_up(max(t0 - 1, 0), t0, flags, functions, prelude, factors, h, ha)  # the average's numbers are those of the step before
        if flags.average and t0 > 0 and not flags.per_lane:
            tell(prelude.update, prelude.factor, factors, t0 - 1, 0, 1)
            call_prelude(functions.average_prelude, prelude.update, prelude.factor, ha, average_rows, prelude.average_powers, True)
        for t in range(t0, t1):
            if running == 0 and not flags.stops:
                break
            if CHANGES:
                set_update(p, t + 1, steps)
            for i in range(particles):
                call_landscape(functions.landscape, x[i], values[i], spare, p, land_scratch, above)
            anneal(alpha, others, t)
            weigh(x, values, alpha, consensus, low, total, spare_row)
            if flags.average and t > 0:
                call_rule(functions.average_rule, a, consensus, loss, no_states, spare, average_rows, rule_scratch, column)
            if call_landscape(functions.landscape, consensus, loss, spare, p, land_scratch, above):
                end(consensus, loss, no_states, a, status, last_step, t, above, fine)
                running = count(status, RUNNING)
                gather(x, consensus, status)
            if flags.stops:
                stop(loss, limits.below, status, last_step, t)
                running, stopped = count(status, RUNNING), count(status, STOPPED)
            if k < marks.shape[0] and marks[k] == t:
                if CHANGES:
                    set_update(p, t, steps)
                    call_landscape(functions.landscape, consensus, loss, spare, p, land_scratch, above)
                if observables.shape[0]:
                    call_observe(functions.observe, consensus, observed, p, land_scratch, above)
                if flags.keep_average_loss:
                    call_landscape(functions.landscape, a, spare_row, spare, p, land_scratch, above)
                record(tile[k], status, flags, loss, observed, observables, spare_row, consensus, a)
                if flags.keep_swarm:
                    put_swarm(x, status, swarms, first_run[b], valid[b], place + k)
                k += 1
                if CHANGES:
                    set_update(p, t + 1, steps)
                    call_landscape(functions.landscape, consensus, loss, spare, p, land_scratch, above)
            if t == steps:
                break
            if flags.xi and drawn != t >> DRAWN - 1:
                drawn = t >> DRAWN - 1
                normals(xis, seed, t, particles * dim, keys[1], words)
            column = prepare(t, t0, flags, functions, prelude, factors, h, ha)
            xi = odd if t & DRAWN - 1 else even
            for l in range(W):
                rule_scratch[rule_scratch.shape[0] - 1, l] = loss[l]
            for i in range(particles):
                own = xi[i if flags.xi else 0] if flags.xi else spare
                if stopped:
                    copy(x[i], spare)
                call_rule(functions.rule, x[i], consensus, values[i], s[i], own, rule_rows, rule_scratch, column)
                if stopped:
                    restore(x[i], spare, status)
        put(tile, k, rows, scalars, params, average_params, first_run[b], valid[b], place)
        if flags.keep_swarm:
            swarms[first_run[b] : first_run[b] + valid[b], place + k : place + marks.shape[0]] = np.nan
