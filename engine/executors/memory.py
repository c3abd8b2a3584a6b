"""How much memory a shard takes at its peak, by executor: what a run holds beside Python and its libraries.

Counted are the arrays of the executors (array/simulation.py, cpu/points.py), what starts and random numbers take while they are made, the diagnostics'
arrays, and the blocks of records that are filled, in flight and compressed.
"""

import math
from typing import Any

import numpy as np

from ...specs.noise import Gaussian, Minibatch, NoNoise, Online, StudentT
from ...specs.sweep import Sweep, values_of
from ..plan import Group
from .layouts import by_programs

DRAWN = 34
"""Bytes that a random number takes while it is made, besides the number; a start takes them once, noise at every step."""
STARTED = 50
"""Bytes that a component of the iterates takes while a random start is laid out in lanes."""
MADE = 6
"""Arrays of the size of a random landscape, while it is made."""
LAID_OUT = 3
"""Copies of the numbers that runs of a formula over tensors have of their own, while they are laid out in lanes."""
ARRAYS = 9
"""Arrays of the iterates' size in a step of the array executor: iterates, gradient, update, and what is between; states come on top."""
BLOCKS, SUMMARISED = 4, 8
"""Blocks of records at a time: the one that is filled, those in flight, their compressed bytes; and where they are summarised."""
TANGENT = 8
"""Arrays in float64 for each part of a tangent vector, of the iterates' size."""


def of_shard(group: Group, executor: str = "array", threads: int = 1) -> int:
    """Bytes of one shard, or of the part of one that is worked on at a time, on this executor; a kernel's own arrays once a thread. Where several
    parts are swept, the most."""
    if any(sweep.of_parts for dim in group.dims for _, _, sweep in dim.sweeps) or isinstance(group.study.precision, Sweep):
        return max(of_one(shard.resolved.group, executor, threads) for shard in group.structures())
    return of_one(group, executor, threads)


def of_one(group: Group, executor: str, threads: int) -> int:
    """The same of a group whose parts are one each."""
    runs = min(group.at_once, math.prod(group.chunk))
    seeds = min(runs, group.chunk[-1])
    itemsize = np.dtype(group.study.precision).itemsize
    block = runs * group.step_chunk * group.values_per_record * itemsize
    records = (SUMMARISED if group.statistics else BLOCKS) * block
    held = records + MADE * seeds * max(land.disorder_size for land in group.landscapes) * itemsize
    if executor == "fused" and by_programs(group):
        return held + of_programs(group, runs, threads)
    if executor == "fused":
        drawn = LAID_OUT * runs * max(land.disorder_size for land in group.landscapes) * itemsize
        return held + drawn + runs * group.iterate_size * STARTED + in_lanes(group, runs, seeds, threads)
    arrays = runs * group.iterate_size * itemsize * (ARRAYS + len(group.optimizer.state))
    begun = seeds * group.iterate_size * (DRAWN + 2 * itemsize)
    drawn = seeds * (random_numbers(group) * (DRAWN + itemsize) + orders(group))
    return held + max(begun, arrays + drawn + between(group, runs) * itemsize + watched(group, runs))


def random_numbers(group: Group) -> int:
    """Numbers that a seed draws for a step."""
    noise, size = group.study.noise, group.iterate_size
    if isinstance(noise, Online):
        return most(noise.size) * max(land.sample_size for land in group.landscapes)
    return size * (isinstance(noise, (Gaussian, StudentT)) + isinstance(noise, StudentT) + takes_noise(group))


def orders(group: Group) -> int:
    """Bytes of the order of a seed's samples, where each comes once an epoch: the order, and what it is put together from."""
    noise = group.study.noise
    if not isinstance(noise, Minibatch) or not {"reshuffle", "shuffle_once"} & {*values_of(noise.sampling)}:
        return 0
    return 2 * 4 * max(land.batch_count() for land in group.landscapes)


def takes_noise(group: Group) -> bool:
    """Whether the optimizer has random numbers of its own."""
    optimizer: Any = group.optimizer
    return "xi" in optimizer.inputs()


def between(group: Group, runs: int) -> int:
    """Numbers between the samples and the gradient of so many runs."""
    noise = group.study.noise
    batch = most(noise.size) if isinstance(noise, (Minibatch, Online)) else 0
    return max(land.workspace(max(batch, land.batch_count()), runs) for land in group.landscapes)


def watched(group: Group, runs: int) -> int:
    """Bytes that diagnostics take: one is computed after the other, and a tangent vector is carried along."""
    numbers = max((d.workspace(land) for d in group.diagnostics for land in group.landscapes), default=0)
    if any(d.needs_twin for d in group.diagnostics):
        numbers += TANGENT * group.iterate_size * (1 + len(group.optimizer.state))
    return 8 * runs * numbers


def in_lanes(group: Group, runs: int, seeds: int, threads: int) -> int:
    """Bytes of the fused executor's blocks: their state, one copy of the iterates that is made at the start, and the room that every thread
    has of its own."""
    from .codegen.sources import SWARM_LANES
    from .cpu.points import TILE_BYTES, UNIFORM_SEEDS, width

    precision, dim = group.study.precision, max(land.size for land in group.landscapes)
    uniform = group.study.seeds >= UNIFORM_SEEDS
    lanes = SWARM_LANES if group.particles else width(dim, precision, seeds if uniform else runs)
    blocks = -(-seeds // lanes) * (runs // seeds) if uniform else -(-runs // lanes)
    average = dim * bool(group.optimizer.average)
    state = blocks * lanes * (group.iterate_size * (2 + len(group.optimizer.state)) + average)
    drawing = not isinstance(group.study.noise, NoNoise) or takes_noise(group)
    room = lanes * (2 * dim + (2 if precision == "float32" else 1) * group.iterate_size * drawing)
    return (state + min(threads, blocks) * room) * np.dtype(precision).itemsize + min(threads, blocks) * TILE_BYTES


def of_programs(group: Group, runs: int, threads: int) -> int:
    """Bytes of runs of compiled programs: iterates, states, average, twice while they are laid out, and what every thread works on."""
    from .tensors.programs import programs

    made = programs(next(group.shards()))
    state = runs * (group.iterate_size * (2 + bool(group.optimizer.average)) + made.rule.size)
    return (2 * state + threads * (made.arena + 6 * group.iterate_size) + len(made.shared)) * np.dtype(group.study.precision).itemsize


def most(value: Any) -> int:
    """The largest of a swept number."""
    return int(max(getattr(value, "values", (value,))))
