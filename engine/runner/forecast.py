"""How long a plan will take on this machine's processors, found out in a fraction of a second.

Groups of the array executor are tried: a part of one of their shards, or of three where structure is swept, moves for some steps; the
times of a step, of a record and of the start are carried over to all steps, records and runs. Groups of the fused executor go by the
rates of rates.py, which earlier runs have measured. All of it is processor time, which does not depend on what else the machine is doing.
A forecast knows nothing of runs that diverge or stop early.
"""

import dataclasses
import heapq
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..cores import cores
from ..executors.array.threads import parts
from ..executors.choose import array_simulation, first_runs, simulation
from ..executors.executor import Executor
from ..executors.memory import between
from ..plan import Group, Plan, Shard
from .branch import branch_states

PATIENCE = 0.2
"""Seconds for the trials of all groups together, roughly."""
BRIEF = 1.0
"""Seconds of a run up to which a rough figure will do: better ones would take longer to find out than they are worth."""
GLANCE = 10
"""Steps of the first trial of several, at most."""
TRIED = 3
"""Shards of a group that are tried, where a structural sweep makes them differ."""
TRIAL_NUMBERS = 2**17
"""Numbers in the iterates of a trial, or between the samples and the gradients: so many that array operations take the time, as in a whole shard."""
FEW = 8
"""Runs of a trial at least, where these do not take too long: from one and two runs nothing could be told of many."""
RECORDS = 2
"""Records of a trial, at least."""
SMALL = 2**11
"""Numbers of a run from which on its array operations, in which other threads may work, take as long as Python does between them."""
EXACT = 100
"""Shards of a kind and worker that are dealt out one by one; more are spread evenly."""
COMPILED = {"lanes": 2.7, "driver": 1.5, "landscape": 1.2, "rule": 0.4, "average": 0.4, "program": 2.5}
"""Seconds to compile a kernel's modules."""
LOADED = 1.2
"""Seconds until the first kernel runs: Numba's import, and machine code from disk."""
CONTENDED = 1.6
"""Times as long as Python takes by itself where several threads wait for it."""
CALL = 3e-3
"""Seconds of a call of a kernel besides: tables, room, Python."""
WRITTEN, SORTED = 4e-9, 4e-8
"""Seconds of a byte that is compressed and written; of a number that enters statistics."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Seconds: of the run, on so many threads; of all processors together; and of compiling what was never compiled here, once."""

    run: float
    processors: float
    compiling: float


def forecast(plan: Plan, executors: Mapping[str, Executor], threads: int | None = None) -> Forecast:
    """The forecast of a plan on these executors, by group; what runs on a device counts as if it ran on the array executor."""
    threads = threads or cores()
    counts = {group.name: shards_of(group) for group in plan.groups}
    workers = max(1, min(threads, sum(counts.values())))
    fused = [group for group in plan.groups if executors[group.name] == Executor("fused")]
    tried = [group for group in plan.groups if group not in fused]
    costs, serial, kernels, compiling = [], 0.0, LOADED * bool(fused), 0.0
    with threadpool_limits(limits=1), np.errstate(all="ignore"):
        for group in tried:
            samples = spread(group, counts[group.name])
            for k, shard in enumerate(samples):
                count = counts[group.name] // len(samples) + (k < counts[group.name] % len(samples))
                brief = BRIEF / len(tried) / count
                whole, alone = tried_out(shard, PATIENCE / len(tried) / len(samples), brief)
                costs.append((whole / len(parts(next(shard.split()), threads // workers)[0]), whole, count))
                serial += alone * count
    contended = serial * (CONTENDED - 1) if min(threads, sum(counts[group.name] for group in tried)) > 1 else 0.0
    serial += contended
    known: set[str] = set()
    lanes = 0.0
    for group in fused:
        samples = spread(group, counts[group.name])
        for shard in samples:
            seconds, calls, new = kernel_time(shard, threads, known)
            lanes += seconds * counts[group.name] / len(samples)
            kernels += (seconds / threads + calls * CALL) * counts[group.name] / len(samples)
            compiling += new
    writing = sum(map(stored, plan.groups))
    run = max(serial, makespan([(each, count) for each, _, count in costs], workers)) + kernels + writing / workers
    processors = sum(whole * count for _, whole, count in costs) + contended + lanes + writing + LOADED * bool(fused)
    return Forecast(run, processors, compiling)


def shards_of(group: Group) -> int:
    """How many shards a group has."""
    count = 1
    for n, chunk in zip(group.shape, group.chunk, strict=True):
        count *= -(-n // chunk)
    return count


def spread(group: Group, count: int) -> list[Shard]:
    """The shards that stand for all of a group's: one, or evenly spaced ones where structure is swept."""
    most = min(TRIED, count) if any(dim.structural for dim in group.dims) else 1
    wanted = {(2 * k + 1) * count // (2 * most) for k in range(most)}
    return [shard for k, shard in enumerate(first_shards(group, max(wanted) + 1)) if k in wanted]


def first_shards(group: Group, count: int) -> Iterator[Shard]:
    for _, shard in zip(range(count), group.shards(), strict=False):
        yield shard


def makespan(costs: list[tuple[float, int]], workers: int) -> float:
    """Seconds until `workers` have done all: (seconds, how many such shards) in order, each to whoever is free first."""
    ends = [0.0] * workers
    for seconds, count in costs:
        even = max(0, count // workers - EXACT)
        ends = [end + even * seconds for end in ends]
        for _ in range(count - even * workers):
            heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def stored(group: Group) -> float:
    """Seconds that compressing and writing take, or statistics."""
    numbers = group.runs * len(group.steps) * group.values_per_record if group.statistics else 0
    return group.bytes * WRITTEN + numbers * SORTED


def kernel_time(shard: Shard, threads: int, known: set[str]) -> tuple[float, float, float]:
    """Of a shard on the fused executor: processor seconds in kernels, as many threads as it keeps busy counting as all; calls of kernels; and
    seconds to compile them, but for those of `known`, which grows."""
    from ..executors.cpu.rates import rate

    shard = shard.resolved
    part = next(shard.split())
    kernels, study = simulation(part, "fused", begin=branch_states), shard.group.study
    share = shard.points * len(shard.seeds) / (part.points * len(part.seeds))
    lanes = kernels.blocks * kernels.W * (study.steps - study.first)
    calls = max(1, lanes * kernels.work // 10**8, len(shard.group.steps) // max(1, shard.group.step_chunk))
    return share * lanes * rate(kernels) * threads / max(1, min(threads, kernels.blocks)), share * calls, compile_time(kernels, known)


def compile_time(kernels: Any, known: set[str]) -> float:
    """Seconds to compile what neither the disk nor `known` has."""
    from ..executors.codegen.disk_cache import is_cached

    new = {text: kind for kind, text in kernels.modules().items() if text not in known and not is_cached(text)}
    known |= set(new)
    return sum(COMPILED[kind.split()[0]] for kind in new.values())


def tried_out(shard: Shard, patience: float, brief: float) -> tuple[float, float]:
    """Seconds of a shard on the array executor, and those in which Python lets no other thread work. What operations cost grows with the runs,
    evenly where these are so many that Python's own time does not count, else from one run to some, and from there to all. A rough figure will do
    for a shard that takes less than `brief`."""
    shard = shard.resolved
    piece = next(shard.split())
    whole, study = piece.points * len(piece.seeds), shard.group.study
    size = shard.parts().landscape.size * max(1, shard.group.particles)
    pieces = -(-shard.points * len(shard.seeds) // whole)
    times = (1, study.steps - study.first, len(shard.group.steps))
    numbers = max(size + shard.group.state_size - shard.group.iterate_size, between(shard.group, 1))
    part = first_runs(shard, max(FEW, TRIAL_NUMBERS // numbers))
    runs = part.points * len(part.seeds)
    trials = array_simulation(part, begin=branch_states)
    cold = trial(trials, 1, 1)  # which makes and imports what steps and records need once a process
    if runs > 1 and cold > patience:
        part = first_runs(shard, int(runs * patience / cold))
        runs = part.points * len(part.seeds)
        trials = array_simulation(part, begin=branch_states)
    some = costs_of(trials, 2 * patience / 3, brief * runs / whole / pieces)
    seconds = pieces * total(times, some)
    share = min(1.0, SMALL / size)
    if runs == whole or seconds * whole / runs < brief:
        return seconds * whole / runs, seconds * whole / runs * share
    if runs * numbers >= TRIAL_NUMBERS / 2:
        return seconds * whole / runs, seconds * whole / runs * min(share, SMALL / (whole * numbers))
    if runs == 1:  # a run takes so long that the time Python takes itself does not count
        return seconds * whole, seconds * share
    alone = costs_of(array_simulation(first_runs(shard, 1), begin=branch_states), patience / 3, 0.0)
    each = [a + max(0.0, b - a) / (runs - 1) * (whole - 1) for a, b in zip(alone, some, strict=True)]
    seconds = pieces * total(times, each)
    return seconds, min(seconds, pieces * total(times, alone) * share)


def total(times: Sequence[int], costs: Sequence[float]) -> float:
    """Seconds of so many starts, steps and records."""
    return sum(count * cost for count, cost in zip(times, costs, strict=True))


def costs_of(runs: Any, patience: float, brief: float) -> tuple[float, float, float]:
    """Seconds of the start of these runs of the array executor, of a step, and of a record; rough ones if all steps take less than `brief`."""
    group = runs.shard.group
    study = group.study
    steps = study.steps - study.first
    if (first := trial(runs, 1, 0)) > 2 * patience:
        return 0.0, first, 0.0
    enough = max(patience / 4, first / 4)  # what all steps but the first should take, so that they stand out from the start
    count = min(steps, int(np.clip(patience / first, 2, GLANCE)))
    taken = trial(runs, count, 0) if count > 1 else first
    while count < steps and taken - first < enough and (count < GLANCE or (taken - first) / (count - 1) * steps > brief):
        count = min(steps, int(count * min(10.0, max(2.0, 1.5 * enough / max(taken - first, 1e-6)))))
        taken = trial(runs, count, 0)
    step = max(taken - first, 0.0) / (count - 1) if count > 1 else first
    start = max(0.0, first - step)
    record = recorded(runs, min(RECORDS, count, len(group.steps)), start, step)
    many = min(count // 4, len(group.steps), int(enough / max(record, 1e-9)))
    if many > RECORDS and step * steps > brief:
        record = recorded(runs, many, start, step)  # so many cost no more than the steps did
    return start, step, record


def recorded(runs: Any, records: int, start: float, step: float) -> float:
    """Seconds of a record, of so many steps that are all recorded, where the start and a step alone take so long."""
    return max(0.0, trial(runs, records, records) - start - records * step) / records


def trial(runs: Any, steps: int, records: int) -> float:
    """Processor seconds of so many steps of these runs, the last `records` of them recorded."""
    group = runs.shard.group
    study = group.study
    stop = study.first + steps
    at = tuple(range(stop - records + 1, stop + 1)) or (stop,)
    variables = group.recorded if records else tuple(name for name in group.recorded if name == "lyapunov")  # costs every step
    changed = {"at": at, "every": None, "log": None, "last": False, "state": (), "variables": variables}
    short = study.model_copy(update={"steps": stop, "record": study.record.model_copy(update=changed)})
    short_runs = runs.of_study(short)
    began = time.thread_time()
    for _ in short_runs.run():
        pass
    return time.thread_time() - began
