"""Which executor runs a group: the fused one where it can and pays, else the array executor."""

import concurrent.futures
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..plan import Group, Shard
from .array.rule import why_called
from .cuda.device import check_device_name, missing, missing_arrays, simulated
from .executor import Executor
from .layouts import by_programs, over_tensors
from .memory import of_shard

EXECUTORS = ("auto", "array", "fused")
SMALL = 2 * 10**7
"""Components moved (runs x steps x particles x dim) below which the array executor is done before a kernel would be compiled, and below
which a device is not worth the way there."""
SHORT = 2 * 10**4
"""Steps of all shards, up to which that holds: a step takes the array executor some tenth of a millisecond, however few the runs."""
WORTH_COMPILING = 0.25
"""Seconds that compiled programs of a formula over tensors should take at least, besides LAPACK: arrays take several times as long for all else,
compiling some seconds."""
WIDE = 2**18
"""Components of a shard's iterates from which on array operations fill a device, which launches each of them for some microseconds."""
BLOCKS = 128
"""Runs of compiled programs from which on a device is worth the way there: about as many multiprocessors does one have, and a run is on one of them."""
WASTE, ROOMY = 2, 2**28
"""How many times as much memory as the array executor the fused one may take, where it takes more than so many bytes."""
FEW_SWARMS = 8
"""Below so many runs most lanes of a block of swarms would be idle."""


@dataclass(frozen=True)
class Choice:
    """The executor of a group, and why it is not the fused one."""

    executor: Executor
    reason: str = ""

    @property
    def name(self) -> str:
        """The executor's text."""
        return str(self.executor)


def choose(group: Group, wanted: str = "auto", device: str = "cpu") -> Choice:
    """The executor of a group. Raises SpecError if `wanted` or `device` is unknown or impossible."""
    if wanted not in EXECUTORS:
        raise SpecError(f"there is no executor '{wanted}' (known: {', '.join(EXECUTORS)})")
    if check_device_name(device) == "cuda":
        return on_cuda(group, wanted)
    if device == "auto" and missing() is None and not simulated() and work(group) >= SMALL:
        with contextlib.suppress(SpecError):
            there = on_cuda(group, wanted)
            together = min(group.at_once, group.runs)
            fused = there.executor.kind == "fused" and (not over_tensors(group) or together >= BLOCKS)
            if fused or together * group.iterate_size >= WIDE:
                return there
    return on_processor(group, wanted)


def work(group: Group) -> int:
    """Components moved."""
    return group.runs * group.study.steps * group.study.landscape.size * max(1, group.particles)


def on_processor(group: Group, wanted: str) -> Choice:
    """The executor on the CPU."""
    if wanted == "array":
        return Choice(Executor("array"))
    reason = why_not_compiled(group)
    if wanted == "fused":
        if reason:
            raise SpecError(f"{group.name}: cannot be fused: {reason}; use the array executor")
        return Choice(Executor("fused"))
    if reason is None and 0 < group.runs < FEW_SWARMS and group.particles:
        reason = f"fewer than {FEW_SWARMS} swarms"
    if reason is None and too_little(group):
        reason = "too little work to be worth compiling"
    if reason is None and (size := of_shard(group, "fused")) > max(WASTE * of_shard(group), ROOMY):
        reason = f"its lanes, few of which hold runs, would take {size >> 20} MB"
    return Choice(Executor("array"), reason) if reason else Choice(Executor("fused"))


def too_little(group: Group) -> bool:
    """Whether the array executor would be done before a kernel is compiled."""
    if by_programs(group):
        from .cpu.programs import processor_seconds

        return processor_seconds(group) < WORTH_COMPILING
    return work(group) < SMALL and group.study.steps * -(-group.runs // group.at_once) < SHORT


def load_lapack(groups: Iterable[Group]) -> None:
    """Load the LAPACK that kernels of these groups call, where any does: whoever limits the threads of libraries must find it."""
    for group in filter(by_programs, groups):
        from .cpu.programs import programs_of

        if any(made.lapack for made in programs_of(group)):
            import scipy.linalg.cython_lapack  # noqa: F401


def why_not_compiled(group: Group) -> str | None:
    """Why this group has no kernel for the processor, or None."""
    if by_programs(group):
        from .cpu.programs import why_not
    else:
        from .cpu.points import why_not
    return why_not(group)


def on_cuda(group: Group, wanted: str) -> Choice:
    """The executor on the CUDA device. Raises SpecError where the device, or what the executor needs, is missing."""
    reason = "" if wanted == "array" else why_not_on_cuda(group) or ""
    if wanted == "fused" and reason:
        raise SpecError(f"{group.name}: cannot be fused on the device: {reason}; use the array executor")
    fused = wanted != "array" and not reason
    problem = missing() if fused else missing_arrays() or why_called(next(group.shards()))
    if problem:
        what = "" if fused else f" for {group.name}, which the array executor runs{f' ({reason})' * bool(reason)}"
        raise SpecError(f"device cuda{what}: {problem}")
    return Choice(Executor("fused" if fused else "array", "cuda"), reason)


def why_not_on_cuda(group: Group) -> str | None:
    """Why this group has no kernel for CUDA, or None."""
    from .cuda import points, programs, swarms

    return (programs if over_tensors(group) else swarms if group.particles else points).why_not(group)


def simulation(
    shard: Shard, executor: "Executor | str", threads: int = 1, pool: concurrent.futures.Executor | None = None, begin: Any = None
) -> Any:
    """What runs a shard on so many threads: `run(tick)` yields its Blocks and then its Outcome.

    A `pool` serves several shards at a time, if their executor is the fused one: no thread of it is idle while any of them has work. `begin`
    gives the states that the runs of a shard begin with, where the study is a branch of another.
    """
    executor, shard = Executor.of(executor), shard.resolved
    if executor.device == "cuda":
        return on_device(shard, executor, begin)
    if executor.kind == "fused":
        from .cpu.points import FusedSimulation
        from .cpu.programs import ProgramSimulation
        from .cpu.swarms import FusedSwarm

        if by_programs(shard.group):
            return ProgramSimulation(shard, threads, pool, begin)
        return (FusedSwarm if shard.group.particles else FusedSimulation)(shard, threads, pool, begin)
    from .array.threads import SplitSimulation, parts

    pieces, axis = parts(shard, threads)
    simulations = [array_simulation(piece, begin=begin) for piece in pieces]
    return SplitSimulation(simulations, axis) if len(simulations) > 1 else simulations[0]


def on_device(shard: Shard, executor: "Executor | str", begin: Any = None) -> Any:
    """What runs a shard on the CUDA device."""
    if Executor.of(executor).kind == "fused":
        from .cuda.points import CudaSimulation
        from .cuda.programs import CudaPrograms
        from .cuda.swarms import CudaSwarm

        if over_tensors(shard.group):
            return CudaPrograms(shard, begin)
        return (CudaSwarm if shard.group.particles else CudaSimulation)(shard)
    from .cuda.array_simulation import DeviceSimulation
    from .cuda.newton_schulz import with_kernels

    return DeviceSimulation(array_simulation(shard, with_kernels(), begin))


def first_runs(shard: Shard, count: int) -> Shard:
    """A part of a shard with at most so many runs, one at least: fewer seeds, then fewer points of the sweep, from the first on."""
    box, left = list(next(shard.split()).box), max(1, count)
    for k in reversed(range(len(box))):
        size = max(1, min(box[k].stop - box[k].start, left))
        box[k], left = slice(box[k].start, box[k].start + size), left // size
    return replace(shard, box=tuple(box))


def array_simulation(shard: Shard, xp: Any = np, begin: Any = None) -> Any:
    """The array executor for this shard's kind of optimizer."""
    from ...optimizers._matrix import MatrixOptimizer
    from ...optimizers._particles import ParticleOptimizer
    from .array.matrices import BlockSimulation
    from .array.simulation import Simulation
    from .array.swarms import SwarmSimulation

    kinds = {MatrixOptimizer: BlockSimulation, ParticleOptimizer: SwarmSimulation}
    made = next((simulation for kind, simulation in kinds.items() if isinstance(shard.group.optimizer, kind)), Simulation)
    return made(shard.resolved, xp, begin)
