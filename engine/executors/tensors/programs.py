"""What is compiled for a study over tensors: the programs of its landscape, of its optimizer's rule, and of its average."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....optimizers._rule import traced
from ....specs import formulas
from ....specs.clip import ClipNorm, ClipValue
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.noise import Minibatch, Online
from ....specs.program.numpy_functions import Untraceable
from ....specs.sweep import resolved
from ...plan import Group, Parts, Shard
from ..codegen.keyed import Keyed
from ..codegen.refusal import NotFusable
from ..codegen.sources import refuse_changing
from .landscape import Layout
from .rule import Rule, average_rule, rule
from .source import Compute, source

LARGEST = 2**18
"""Numbers of memory of a run's step from which on it leaves the cache of a core, and large products of matrices are quicker."""

MOST_SEEN = 2**22
"""The same of what looks at all data, which is seldom."""


@dataclass(frozen=True)
class Target:
    """What programs are compiled for."""

    lanes: int
    """Numbers in a vector."""
    write: Callable[..., Compute] = source
    large: float = math.inf
    """Arrays of more numbers lie apart (loops.Schedule)."""
    holds: str = "a core's cache holds"
    """What a run's step must fit into."""


@dataclass(frozen=True)
class Programs:
    """All of them, and what all runs share."""

    layout: Layout
    gradient: Compute
    looks: Compute
    rule: Rule
    average: Rule | None
    shared: np.ndarray

    @property
    def every(self) -> list[Compute]:
        """What is called."""
        return [self.gradient, self.looks, self.rule.compute, *([self.average.compute] if self.average else [])]

    @property
    def arena(self) -> int:
        """Numbers of memory that the largest of them takes."""
        return max(one.arena for one in self.every)

    @property
    def lapack(self) -> bool:
        """Whether any of them calls routines of LAPACK."""
        return any(one.lapack > 0 for one in self.every)


def lanes(precision: str) -> int:
    """Numbers in a vector of this processor."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    size = 64 if features.get("avx512f") else 32 if features.get("avx2") else 16
    return size // np.dtype(precision).itemsize


def programs(shard: Shard, target: Target | None = None) -> Programs:
    """What a shard compiles to for a target, this processor by default, made once. Raises NotFusable with the reason."""
    parts, study = shard.parts(), shard.group.study
    data, observed = parts.landscape.dataset, watched(shard.group)
    units = (parts.landscape, parts.optimizer, parts.noise)
    texts = (*(unit.model_dump_json() for unit in units), data.fingerprint if data is not None else "")
    return _made(Keyed(parts, (*texts, study.precision, study.steps, observed)), target or Target(lanes(study.precision)))


def watched(group: Group) -> tuple[str, ...]:
    """The observables that are recorded."""
    return tuple(name for name in group.recorded if name in group.landscapes[0].observable_names)


@functools.lru_cache(maxsize=32)
def _made(key: Keyed[Parts], target: Target) -> Programs:
    parts, (*_, precision, steps, observed) = key.value, key.text
    land, noise = parts.landscape, parts.noise
    optimizer: Any = parts.optimizer.with_sizes(land.named_sizes)
    if not isinstance(land, ProgramLandscape):
        raise NotFusable(f"the landscape {land.kind} is not a formula")
    if not optimizer.sees_gradients:
        raise NotFusable("particles on a formula over tensors")
    if optimizer.clip is not None and not isinstance(optimizer.clip, (ClipValue, ClipNorm)):
        raise NotFusable(f"gradient clipping of kind {optimizer.clip.kind}")
    rows = int(resolved(noise.size)) if isinstance(noise, Minibatch) else None
    samples = int(resolved(noise.size)) if isinstance(noise, Online) else 0
    layout = Layout(land, precision, target.lanes, target.write, target.large)
    gradient, looks = layout.gradient(rows, samples), layout.looks(observed)
    sizes = [made.arena + made.far for made in (gradient, looks)]
    if sizes[0] > LARGEST or sizes[1] > MOST_SEEN:
        raise NotFusable(f"a step takes {max(sizes) * np.dtype(precision).itemsize >> 20} MB of memory, more than {target.holds}")
    try:
        program = traced(optimizer, land.blocks, precision, land.places)
    except Untraceable as why:
        raise NotFusable(str(why)) from None
    refuse_changing(parts, ("rest", "lr_scale"))
    changing = {".".join(path): f for path, f in optimizer.formulas().items() if f.changes and path[0] != "schedule"}
    known = formulas.names(land) if changing else {}
    moving = {path: formulas.node_of(f, known, steps) for path, f in changing.items()}
    moved = rule(program, layout, optimizer.constants(land.blocks), moving)
    average = average_rule(optimizer.average, land.size, steps, layout) if optimizer.average else None
    return Programs(layout, gradient, looks, moved, average, layout.shared_numbers())
