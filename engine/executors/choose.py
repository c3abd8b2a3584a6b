"""Which executor runs a group: the fused one where it can and pays, else the array executor."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..plan import Group, Shard

EXECUTORS = ("auto", "array", "fused")
SMALL = 2 * 10**7
"""Components moved (runs x steps x particles x dim) below which the array executor is done before a kernel would be compiled."""
FEW_SWARMS = 8
"""Below so many runs most lanes of a block of swarms would be idle."""


@dataclass(frozen=True)
class Choice:
    """The executor of a group, and why it is not the fused one."""

    name: str
    reason: str = ""


def choose(group: Group, wanted: str = "auto") -> Choice:
    """The executor of a group. Raises SpecError if `wanted` is unknown, or fused and impossible."""
    if wanted not in EXECUTORS:
        raise SpecError(f"executor '{wanted}': known are {', '.join(EXECUTORS)}")
    if wanted == "array":
        return Choice("array")
    from .fused import why_not

    reason = why_not(group)
    if wanted == "fused":
        if reason:
            raise SpecError(f"{group.name}: cannot be fused: {reason}; use the array executor")
        return Choice("fused")
    if reason is None and 0 < group.runs < FEW_SWARMS and group.particles:
        reason = f"fewer than {FEW_SWARMS} swarms"
    if reason is None and group.runs * group.study.steps * group.study.landscape.size * max(1, group.particles) < SMALL:
        reason = "too little work to be worth compiling"
    return Choice("array", reason) if reason else Choice("fused")


def simulation(shard: Shard, executor: str, threads: int = 1) -> Any:
    """What runs a shard: `run(tick)` yields its Blocks and then its Outcome."""
    if executor == "fused":
        from .fused import FusedSimulation
        from .fused_swarm import FusedSwarm

        return (FusedSwarm if shard.group.particles else FusedSimulation)(shard, threads)
    from .split import SplitSimulation, parts

    pieces, axis = parts(shard, threads)
    return SplitSimulation([array_simulation(piece) for piece in pieces], axis) if len(pieces) > 1 else array_simulation(shard)


def array_simulation(shard: Shard, xp: Any = np) -> Any:
    """The array executor for this shard's kind of optimizer."""
    from ...optimizers._matrix import MatrixOptimizer
    from ...optimizers._particles import ParticleOptimizer
    from .array import Simulation
    from .blocks import BlockSimulation
    from .swarm import SwarmSimulation

    kinds = {MatrixOptimizer: BlockSimulation, ParticleOptimizer: SwarmSimulation}
    made = next((simulation for kind, simulation in kinds.items() if isinstance(shard.group.optimizer, kind)), Simulation)
    return made(shard, xp)
