"""How long a plan will take on this machine's processors, found out in a fraction of a second.

Groups of the array executor are tried: a part of one of their shards, or of three where structure is swept, moves for some steps, in as
many threads at a time as a run would use; the time of a step, of a record and of the start is carried over to all steps, records and
runs. Groups of the fused executor go by the rates of rates.py, which earlier runs have measured. A forecast knows nothing of runs that
diverge or stop early.
"""

import dataclasses
import heapq
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from threadpoolctl import threadpool_limits

from .executors.choose import simulation
from .executors.split import parts
from .plan import Group, Plan, Shard

PATIENCE = 0.5
"""Seconds for the trials of all groups together, roughly."""
TRIED = 3
"""Shards of a group that are tried, where a structural sweep makes them differ."""
TRIAL_NUMBERS = 2**17
"""Numbers in the iterates of a trial: so many that array operations take the time, as in a whole shard."""
RECORDS = 4
"""Records of a trial."""
COMPILED = {"lanes": 2.7, "driver": 1.5, "landscape": 1.2, "rule": 0.4, "average": 0.4}
"""Seconds to compile a kernel's modules."""
LOADED = 0.8
"""Seconds until the first kernel runs: Numba's import, and machine code from disk."""
CALL = 3e-3
"""Seconds of a call of a kernel besides: tables, room, Python."""
WRITTEN, SORTED = 4e-9, 4e-8
"""Seconds of a byte that is compressed and written; of a number that enters statistics."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Seconds: of the run, and of compiling what this machine has not compiled yet, once."""

    run: float
    compiling: float


def forecast(plan: Plan, executors: Mapping[str, str], threads: int | None = None) -> Forecast:
    """The forecast of a plan on these executors, by group; what runs on a device counts as if it ran on the array executor."""
    threads = threads or os.cpu_count() or 1
    counts = {group.name: shards_of(group) for group in plan.groups}
    workers = max(1, min(threads, sum(counts.values())))
    tried = [group for group in plan.groups if executors[group.name] != "fused"]
    costs: list[tuple[float, int]] = []
    run = compiling = 0.0
    with threadpool_limits(limits=1):
        for group in tried:
            samples = spread(group, counts[group.name])
            each = [tried_out(shard, workers, threads // workers, PATIENCE / len(tried) / len(samples)) for shard in samples]
            costs += [(seconds, counts[group.name] // len(each) + (k < counts[group.name] % len(each))) for k, seconds in enumerate(each)]
    known: set[str] = set()
    for group in plan.groups:
        if executors[group.name] == "fused":
            samples = spread(group, counts[group.name])
            moved = [kernel_time(shard, threads, known) for shard in samples]
            run += sum(seconds for seconds, _ in moved) / len(samples) * counts[group.name]
            compiling += sum(seconds for _, seconds in moved)
        run += stored(group) / workers
    run += makespan(costs, workers) + (LOADED if len(tried) < len(plan.groups) else 0.0)
    return Forecast(run, compiling)


def shards_of(group: Group) -> int:
    """How many shards a group has."""
    made = 1
    for n, chunk in zip(group.shape, group.chunk, strict=True):
        made *= -(-n // chunk)
    return made


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
        each, left = divmod(count, workers)
        ends = [end + each * seconds for end in ends]
        heapq.heapify(ends)
        for _ in range(left):
            heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def stored(group: Group) -> float:
    """Seconds that compressing and writing take, or statistics."""
    numbers = group.runs * len(group.steps) * group.values_per_record if group.statistics else 0
    return group.bytes * WRITTEN + numbers * SORTED


def kernel_time(shard: Shard, threads: int, known: set[str]) -> tuple[float, float]:
    """(seconds of a shard on the fused executor, seconds to compile its kernels, but for those of `known`, which grows)."""
    from .executors.rates import rate

    part = next(shard.split())
    made = simulation(part, "fused")
    study, share = shard.group.study, shard.points * len(shard.seeds) / (part.points * len(part.seeds))
    lanes = made.blocks * made.W * (study.steps - study.first)
    seconds = lanes * rate(made) / max(1, min(threads, made.blocks))
    calls = max(1, lanes * made.work // 10**8, len(shard.group.steps) // max(1, shard.group.step_chunk))
    return share * (seconds + calls * CALL), compile_time(made, known)


def compile_time(made: Any, known: set[str]) -> float:
    """Seconds to compile what neither the disk nor `known` has."""
    from .executors.cache import known as there

    new = {text: kind for kind, text in made.sources.modules(made.seldom).items() if text not in known and not there(text)}
    known |= set(new)
    return sum(COMPILED[kind] for kind in new.values())


def tried_out(shard: Shard, workers: int, threads: int, patience: float) -> float:
    """Seconds of a shard on the array executor, while as many others run at a time as there are workers."""
    study = shard.group.study
    whole = shard.points * len(shard.seeds)
    steps, records = study.steps - study.first, len(shard.group.steps)
    size = max(1, shard.parts().landscape.size * max(1, shard.group.particles) + shard.group.state_size - shard.group.iterate_size)
    part = cut(shard, max(1, TRIAL_NUMBERS // size))
    one = trial(part, 1, 0, workers, threads)  # what is made once a process comes on top
    runs = part.points * len(part.seeds)
    if one > patience / 3 and runs > 1:
        part = cut(shard, max(1, int(runs * patience / 3 / one)))
    one = trial(part, 1, 0, workers, threads)
    count, taken = 1, one
    while count < steps and taken < patience / 3:
        count = min(steps, int(count * min(10.0, max(2.0, patience / 2 / taken))))
        taken = trial(part, count, 0, workers, threads)
    step = (taken - one) / (count - 1) if count > 1 else one
    step = step if step > 0 else taken / count
    seen = min(RECORDS, count, records)
    record = max(0.0, trial(part, count, seen, workers, threads) - taken) / seen
    begin = max(0.0, one - step)
    runs = part.points * len(part.seeds)
    splits = len(parts(next(shard.split()), threads)[0]) / len(parts(part, threads)[0])
    return whole / runs * (begin + step * steps + record * records) / splits


def cut(shard: Shard, runs: int) -> Shard:
    """A part of this shard with at most so many runs, one at least: fewer seeds, then fewer points of the sweep, from the first on."""
    box, left = [], runs
    for where in reversed(next(shard.split()).box):
        size = max(1, min(where.stop - where.start, left))
        box.append(slice(where.start, where.start + size))
        left //= size
    return dataclasses.replace(shard, box=tuple(reversed(box)))


def trial(part: Shard, steps: int, records: int, workers: int, threads: int) -> float:
    """Seconds of so many steps of these runs, the last `records` of them recorded, in each of `workers` threads at a time."""
    study = part.group.study
    stop = study.first + steps
    at = tuple(range(stop - records + 1, stop + 1)) or (stop,)
    variables = part.group.recorded if records else tuple(name for name in part.group.recorded if name == "lyapunov")  # costs every step
    changed = {"at": at, "every": None, "log": None, "last": False, "state": (), "variables": variables}
    short = study.model_copy(update={"steps": stop, "record": study.record.model_copy(update=changed)})
    shard = dataclasses.replace(part, group=dataclasses.replace(part.group, study=short))
    spent: list[float] = []

    def work() -> None:
        made, began = simulation(shard, "array", threads), time.perf_counter()
        for _ in made.run():
            pass
        spent.append(time.perf_counter() - began)

    together(work, workers)
    return sum(spent) / len(spent)


def together(work: Callable[[], None], workers: int) -> None:
    """Call it in so many threads at once; what it raises is raised here."""
    failed: list[BaseException] = []

    def call() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=call) for _ in range(workers - 1)]
    for thread in running:
        thread.start()
    call()
    for thread in running:
        thread.join()
    if failed:
        raise failed[0]
