"""What the fused executor compiles for a study: the generated modules of landscape, rule and average, and the driver that calls them."""

import functools
from typing import Any

import numpy as np

from ....optimizers._particles import ParticleOptimizer
from ....optimizers.base import RuleOptimizer
from ....specs import formulas
from ....specs.clip import ClipNorm, ClipValue
from ....specs.expression import Formula, Parsed, parse
from ....specs.landscapes._tensor_landscape import ProgramLandscape
from ....specs.landscapes.base import SymbolicLandscape
from ....specs.noise import SAMPLED
from ....specs.sweep import resolved
from ...plan import Parts
from .disk_cache import disk_cached
from .entries import entries
from .formula_source import formula_source, scratch_rows
from .refusal import NotFusable
from .rule_source import NO_NUMBERS, average_source, rule_source

SWARM_LANES = 64
SWARM_BYTES = 2**26
"""Largest size of a block's swarms; the random numbers of a step take as much again, in float32 twice."""


def sources(parts: Parts, precision: str, lanes: int, uniform: bool, uniform_landscape: bool, apart: bool = False) -> "Sources":
    """The generated modules of these parts. Raises NotFusable with the reason."""
    landscape, optimizer = parts.landscape, parts.optimizer
    if not isinstance(landscape, (SymbolicLandscape, ProgramLandscape)):
        raise NotFusable(f"the landscape {landscape.kind} is not a formula")
    if isinstance(parts.noise, SAMPLED):
        raise NotFusable(f"{parts.noise.kind} noise needs samples")
    if optimizer.clip is not None and not isinstance(optimizer.clip, (ClipValue, ClipNorm)):
        raise NotFusable(f"gradient clipping of kind {optimizer.clip.kind}")
    if optimizer.lr_scale:
        raise NotFusable("learning rates of single variables")
    refuse_changing(parts)
    if isinstance(optimizer, ParticleOptimizer):
        size = resolved(optimizer.particles) * landscape.size * SWARM_LANES * np.dtype(precision).itemsize
        if size > SWARM_BYTES:
            raise NotFusable(f"{SWARM_LANES} swarms of {optimizer.particles} particles take {size >> 20} MB, above {SWARM_BYTES >> 20}")
        if optimizer.batch:
            raise NotFusable("a consensus of batches")
        if optimizer.initial:
            raise NotFusable("states of particles that do not start at 0")
    known = tuple(formulas.names(landscape)) if optimizer.formulas() else ()
    swarm = isinstance(optimizer, ParticleOptimizer)
    formula = landscape.definition() if isinstance(landscape, SymbolicLandscape) else entries(landscape, gradient=not swarm)
    return Sources(formula, optimizer, precision, lanes, uniform, uniform_landscape, apart, known, landscape.takes_step)


def refuse_changing(parts: Parts, more: tuple[str, ...] = ()) -> None:
    """Raise NotFusable for a number that changes from step to step and that no kernel can have: any but those of the rule itself, the rate and the
    schedule, and `more` of the optimizer's fields."""
    optimizer = parts.optimizer
    own = (*(optimizer.inputs() if isinstance(optimizer, RuleOptimizer) else ()), "lr", "schedule", *more)
    changing = [
        (optimizer.name, path) for path, f in optimizer.formulas().items() if f.changes and (path[0] not in own or path[0] == "alpha")
    ]
    changing += [("noise", path) for path, f in parts.noise.formulas().items() if f.changes]
    for owner, path in changing:
        raise NotFusable(f"{'.'.join((owner, *path))} is a formula of the step")


class Sources:
    """Generated source of a landscape, a rule and an average, and what the driver must know about them."""

    def __init__(
        self,
        formula: Formula | Parsed,
        optimizer: Any,
        precision: str,
        lanes: int,
        uniform: bool,
        uniform_landscape: bool,
        apart: bool = False,
        known: tuple[str, ...] = (),
        changes: bool = False,
    ):
        swarm, self.apart, self.changes = isinstance(optimizer, ParticleOptimizer), apart, changes
        source, dim = (_formula, formula.dim) if isinstance(formula, Formula) else (_entries, formula.formula.dim)
        self.landscape, self.scratch = source(formula, precision, lanes, uniform_landscape, not swarm, apart)
        self.rule, self.numbers, self.rows = rule_source(optimizer, dim, precision, lanes, uniform, known)
        self.average, self.average_numbers, self.average_rows = self.rule, NO_NUMBERS, (0, 0, 0)
        if optimizer.average is not None:
            made = average_source(optimizer.average, dim, precision, lanes, uniform)
            self.average, self.average_numbers, self.average_rows = made
        self.driver = "drive_swarms" if swarm else "drive_points"
        self.precision, self.lanes = precision, lanes

    def sizes(self, observables: int) -> tuple[int, ...]:
        """Rows of Z, O, R, the average's R, K, the average's K, and of what a rule sums over components."""
        (rows, powers, sums), (average_rows, average_powers, _) = self.rows, self.average_rows
        return self.scratch, observables, rows, average_rows, powers, average_powers, sums + (self.driver == "drive_swarms")


@disk_cached
def _formula(formula: Formula, precision: str, lanes: int, uniform: bool, gradient: bool, apart: bool) -> tuple[str, int]:
    """A landscape's module, and the rows of Z it takes."""
    parsed = parse(formula)
    return formula_source(parsed, precision, lanes, uniform, gradient, apart), scratch_rows(parsed)


@functools.lru_cache(maxsize=64)
def _entries(parsed: Parsed, precision: str, lanes: int, uniform: bool, gradient: bool, apart: bool) -> tuple[str, int]:
    """The same of a formula over tensors, entry by entry."""
    return formula_source(parsed, precision, lanes, uniform, gradient, apart), scratch_rows(parsed)
