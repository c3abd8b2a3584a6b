"""From a study to work: groups with labelled dimensions, and chunk-aligned shards, the unit of work, of storage and of resume.

A group is one optimizer's runs: the product of its sweeps, times the seeds. Its arrays have one dimension a sweep (zipped sweeps
share one), then `seed`, then `step`. A shard is a box of that grid in which structural sweeps (sizes, flags) have one value.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np

from ..optimizers.base import Optimizer
from ..specs import formulas
from ..specs.errors import SpecError
from ..specs.init import Init
from ..specs.landscapes.base import Landscape
from ..specs.noise import Noise
from ..specs.study import PARTS, Study
from ..specs.sweep import NumberFormula, Sweep, resolved, values_of
from ..specs.variables import Variable, recorded
from .dims import FORKS, Dim, group_dims
from .text.sizes import bytes_for_people

SHARD_RUNS = 8192
"""Runs a shard holds where memory allows: enough to keep array operations busy."""
STATS_RUNS = 65536
"""Runs worked off at a time where only statistics over the seeds are stored."""
STATE_BYTES = 64 * 2**20
"""Largest size of the iterates and optimizer states that a shard works on at a time, roughly."""
BLOCK_BYTES = 8 * 2**20
"""Largest record block a shard holds in memory before it is handed on; also the largest chunk. Up to three exist at a time. Twice as much
leaves the last block of a study so large that its compression shows, half as much so many files that they do."""
MAX_RUNS = 2_000_000_000
RUN_DIMS = ("seed", "step", "state_step", "number", "quantile")
"""Dimensions that a group may have whatever is swept and recorded."""


@dataclass(frozen=True)
class Parts:
    """What a shard simulates: the four specs with every structural sweep resolved."""

    landscape: Landscape
    init: Init
    noise: Noise
    optimizer: Optimizer

    @property
    def particles(self) -> int:
        """Particles of a run; 0 for an optimizer that has a single iterate."""
        return getattr(self.optimizer, "particles", 0)


@dataclass(frozen=True)
class Group:
    """The runs of one optimizer."""

    study: Study
    optimizer: Optimizer
    dims: tuple[Dim, ...]
    fitted: int | None = None
    """Runs worked on at a time where that was fitted to a device's memory; the store keeps it, since its chunks follow from it."""

    def __repr__(self) -> str:
        return f"Group({self.name}: {self.runs:,} run{'s' * (self.runs != 1)}, {bytes_for_people(self.bytes)})"

    @property
    def name(self) -> str:
        return self.optimizer.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the sweep dimensions and of `seed`."""
        return (*(d.size for d in self.dims), self.study.seeds)

    @property
    def runs(self) -> int:
        return math.prod(self.shape)

    @property
    def precision(self) -> str:
        """Of the numbers that are stored: where several are swept, the highest."""
        return max(values_of(self.study.precision))

    @property
    def work(self) -> int:
        """Optimizer steps of all runs; of forks those after the step at which each begins."""
        begins = self.study.branch.steps if self.study.branch else (0,)
        return self.runs // len(begins) * sum(self.study.steps - t for t in begins)

    @cached_property
    def landscapes(self) -> list[Landscape]:
        return self.study.landscapes()

    @cached_property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """Parameter blocks; where a structural sweep changes a shape, the largest."""
        made: dict[str, tuple[int, ...]] = {}
        for land in self.landscapes:
            for name, shape in land.blocks.items():
                old = made.get(name, shape)
                if len(old) != len(shape):
                    raise SpecError(f"landscape: a sweep changes how many dimensions the block '{name}' has")
                made[name] = tuple(map(max, old, shape))
        return made

    @cached_property
    def formulas(self) -> dict[str, dict[tuple[str, ...], NumberFormula]]:
        """Numbers that are written as formulas: owner -> path -> formula."""
        owners = {"init": self.study.start(), "noise": resolved(self.study.noise), "optimizer": self.optimizer}
        return {name: found for name, owner in owners.items() if (found := owner.formulas())}

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """What is stored of every run: as the study says, by default everything but diagnostics and swarms. Raises SpecError for a dimension
        that means two things."""
        found = recorded(self.study, self.optimizer)
        sizes = dict.fromkeys((*RUN_DIMS, *(name for dim in self.dims for name in dim.names)), 0)
        for variable in found:
            for dims in variable.arrays(self.blocks, self.particles).values():
                for dim, size in dims.items():
                    if sizes.setdefault(dim, size) != size:
                        raise SpecError(f"record.variables: {variable.name} has a dimension '{dim}', whose name is taken")
        return found

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of the variables to store."""
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def particles(self) -> int:
        """Particles of a run, the most of a sweep; 0 for an optimizer that has a single iterate."""
        found = getattr(self.optimizer, "particles", 0)
        return max(found.values) if isinstance(found, Sweep) else found

    @cached_property
    def diagnostics(self) -> tuple[Any, ...]:
        """The units of specs/diagnostics/ that compute recorded variables."""
        return tuple(variable.diagnostic for variable in self.variables if variable.diagnostic is not None)

    @cached_property
    def values_per_record(self) -> int:
        """Numbers stored a run and record step."""
        return sum(variable.size(self.blocks, self.particles) for variable in self.variables)

    @property
    def state_size(self) -> int:
        """Numbers in the iterates of a run, and in its own landscape if that is random."""
        return self.iterate_size + max(land.disorder_size for land in self.landscapes)

    @property
    def iterate_size(self) -> int:
        """Numbers in the iterates of a run."""
        return max(land.size for land in self.landscapes) * max(1, self.particles)

    @cached_property
    def whole_state_size(self) -> int:
        """Numbers in the whole state of a run: iterates, optimizer states, average. The most where a structural sweep changes that."""
        structural = any(dim.structural for dim in self.dims)
        return max(_whole_state_size(shard.parts()) for shard in (self.shards() if structural else [next(self.shards())]))

    @property
    def statistics(self) -> tuple[str, ...]:
        """The statistics over the seeds that are stored in place of every run; none if every run is."""
        return self.study.record.stats

    @cached_property
    def at_once(self) -> int:
        """Runs that are worked on at a time."""
        if self.fitted is not None:
            return self.fitted
        arrays = 7 * self.iterate_size + self.state_size  # of the iterate's size there are about eight, of a random landscape's one
        most = STATS_RUNS if self.statistics else SHARD_RUNS
        return max(1, min(most, STATE_BYTES // (8 * arrays)))

    @cached_property
    def chunk(self) -> tuple[int, ...]:
        """Runs a shard holds along each dimension: seeds first, then the sweeps from the last, up to the budget. Where statistics over the
        seeds are stored, all seeds."""
        budget = max(self.at_once, self.study.seeds) if self.statistics else self.at_once
        made = []
        for n, structural in [(self.study.seeds, False), *((d.size, d.structural) for d in reversed(self.dims))]:
            made.append(1 if structural else max(1, min(n, budget)))
            budget = max(1, budget // made[-1])
        return tuple(reversed(made))

    @cached_property
    def steps(self) -> np.ndarray:
        """The recorded steps, from where the study begins."""
        made = self.study.record.steps(self.study.steps)
        return made[made >= self.study.first]

    @cached_property
    def state_steps(self) -> np.ndarray:
        """The steps whose whole state is stored."""
        return np.array([t for t in self.study.record.state if t >= self.study.first], dtype=np.int64)

    @cached_property
    def step_chunk(self) -> int:
        """Record steps a chunk holds, so that a shard's block stays within BLOCK_BYTES."""
        per_step = max(1, min(self.at_once, math.prod(self.chunk)) * self.values_per_record * np.dtype(self.precision).itemsize)
        return max(1, min(len(self.steps), BLOCK_BYTES // per_step))

    @property
    def bytes(self) -> int:
        """Uncompressed size of everything stored."""
        itemsize = np.dtype(self.precision).itemsize
        if not self.statistics:
            states = len(self.state_steps) * self.iterate_size * (2 + len(self.optimizer.state))
            return self.runs * ((len(self.steps) * self.values_per_record + states) * itemsize + 16)
        record = self.study.record
        numbers = 1 + sum(len(record.quantiles) if s == "quantiles" else 1 for s in record.stats)
        return self.runs // self.study.seeds * len(self.steps) * self.values_per_record * numbers * 8 + self.runs * (16 + itemsize)

    def shards(self) -> Iterator["Shard"]:
        """All shards, in storage order."""
        starts = [range(0, n, c) for n, c in zip(self.shape, self.chunk, strict=True)]
        for corner in itertools.product(*starts):
            yield Shard(self, tuple(slice(a, min(a + c, n)) for a, c, n in zip(corner, self.chunk, self.shape, strict=True)))

    def structures(self) -> Iterator["Shard"]:
        """Shards that stand for all: the first, or every one where structure is swept, each with one of every part."""
        yield from (shard.resolved for shard in (self.shards() if any(dim.structural for dim in self.dims) else [next(self.shards())]))


@dataclass(frozen=True)
class Shard:
    """A box of a group's grid."""

    group: Group
    box: tuple[slice, ...]

    def __repr__(self) -> str:
        names = (*(dim.name for dim in self.group.dims), "seed")
        return f"Shard({self.group.name}: {', '.join(f'{name} {s.start}:{s.stop}' for name, s in zip(names, self.box, strict=True))})"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(s.stop - s.start for s in self.box)

    @property
    def points(self) -> int:
        """Points of the sweep in this shard."""
        return math.prod(self.shape[:-1])

    @property
    def key(self) -> str:
        """The key of its chunk of `status`, which is its completion mark."""
        return "/".join(str(s.start // n) for s, n in zip(self.box, self.group.chunk, strict=True))

    @property
    def seeds(self) -> np.ndarray:
        return np.arange(self.box[-1].start, self.box[-1].stop)

    def split(self) -> Iterator["Shard"]:
        """This shard in pieces of some of its seeds, as many runs each as are worked on at a time."""
        first, most = self.box[-1].start, max(1, self.group.at_once // self.points)
        for start in range(first, self.box[-1].stop, most):
            yield Shard(self.group, (*self.box[:-1], slice(start, min(start + most, self.box[-1].stop))))

    def structure(self) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """(owner, path, value) of every structural sweep, which has one value in this shard."""
        for dim, where in zip(self.group.dims, self.box, strict=False):
            for owner, path, sweep in dim.sweeps if dim.structural else ():
                yield owner, path, sweep.values[where.start]

    @cached_property
    def resolved(self) -> "Shard":
        """This shard in a study in which every part is one, and runs are forked at one step: what is simulated. Its records are the last ones of
        the group's."""
        study = self.group.study
        swept = dict(study.branch.swept()) if study.branch else {}
        found = {(owner, path): value for owner, path, value in self.structure() if owner in FORKS}
        of_study = {path[0]: value for (owner, path), value in found.items() if owner == "study"}
        changed: dict[str, Any] = {name: value for name, value in of_study.items() if isinstance(getattr(study, name), Sweep)}
        if study.branch and swept:
            changed["branch"] = study.branch.replace({path: found["branch", path] for path in swept})
        optimizer = self.group.optimizer
        parts = [path for path, (sweep, _) in optimizer.swept().items() if sweep.of_parts]
        own = {path: value for owner, path, value in self.structure() if owner == "optimizer" and path in parts}
        if not changed and not own:
            return self
        optimizer = optimizer.replace(own) if own else optimizer
        group = dataclasses.replace(self.group, study=study.model_copy(update=changed), optimizer=optimizer)
        return dataclasses.replace(self, group=group)

    @property
    def unseen(self) -> int:
        """How many of the group's records lie before the step that this shard's runs begin at."""
        return len(self.group.steps) - len(self.resolved.group.steps)

    @property
    def unseen_states(self) -> int:
        """The same of the steps whose whole state is stored."""
        return len(self.group.state_steps) - len(self.resolved.group.state_steps)

    def parts(self) -> Parts:
        """The specs with structural sweeps resolved to this shard's values."""
        group = self.resolved.group
        study = group.study
        owners: dict[str, Any] = {**{name: getattr(study, name) for name in PARTS}, "optimizer": group.optimizer}
        owners["init"] = study.start()
        for owner, path, value in self.structure():
            if owner in owners:
                owners[owner] = owners[owner].replace({path: value})
        for owner, found in group.formulas.items():
            known = {path: formulas.constant(formula, owners["landscape"], study.steps) for path, formula in found.items()}
            if known := {path: value for path, value in known.items() if value is not None}:
                owners[owner] = owners[owner].replace(known)
        return Parts(**owners)

    def columns(self) -> dict[str, dict[tuple[str, ...], np.ndarray]]:
        """Values of swept numbers, and of formulas of swept numbers: owner -> path -> (points,) in storage order; everything else is constant
        in the shard, or a course."""
        made: dict[str, dict[tuple[str, ...], np.ndarray]] = {}
        for k, (dim, where) in enumerate(zip(self.group.dims, self.box, strict=False)):
            for owner, path, sweep in () if dim.structural else dim.sweeps:
                shape = [1] * len(self.group.dims)
                shape[k] = where.stop - where.start
                values = np.asarray(sweep.values[where], dtype=np.float64).reshape(shape)
                made.setdefault(owner, {})[path] = np.broadcast_to(values, self.shape[:-1]).reshape(-1)
        for owner, found in self._formulas().items():
            for path, formula in found.items():
                if not formula.changes:
                    values = formulas.value(formula, self._named(made), self.group.study.steps)
                    made.setdefault(owner, {})[path] = np.broadcast_to(values, (self.points,))
        return made

    def courses(self) -> dict[tuple[str, ...], formulas.Course]:
        """Numbers that change from step to step, by (owner, *path)."""
        changing = {(owner, *path): f for owner, found in self._formulas().items() for path, f in found.items() if f.changes}
        known = self.named() if changing else {}
        return {key: formulas.Course(formula, known, self.group.study.steps) for key, formula in changing.items()}

    def _formulas(self) -> dict[str, dict[tuple[str, ...], NumberFormula]]:
        """The formulas that have no one value in this shard."""
        if not self.resolved.group.formulas:
            return {}
        parts = self.parts()
        return {owner: found for owner in self.resolved.group.formulas if (found := getattr(parts, owner).formulas())}

    def named(self) -> dict[str, Any]:
        """What formulas may name of this shard's landscape: numbers, and arrays (points,)."""
        return self._named(self.columns())

    def _named(self, columns: dict[str, Any]) -> dict[str, Any]:
        known = formulas.names(self.parts().landscape)
        return known | {path[-1]: values for path, values in columns.get("landscape", {}).items()}


def _whole_state_size(parts: Parts) -> int:
    land, optimizer = parts.landscape, parts.optimizer
    average = optimizer.average.first(np.zeros((1, 1, land.size)), np).size if optimizer.average else 0
    return land.size * max(1, parts.particles) + optimizer.state_numbers(land.blocks) + average


@dataclass(frozen=True)
class Plan:
    """Everything a study runs."""

    study: Study
    groups: tuple[Group, ...]

    def __repr__(self) -> str:
        groups = ", ".join(group.name for group in self.groups)
        return f"Plan({self.study.name}: {self.runs:,} run{'s' * (self.runs != 1)} in {groups}, {bytes_for_people(self.bytes)})"

    def _repr_html_(self) -> str:
        """For notebooks: a row for each group."""
        heads = "".join(f"<th>{head}</th>" for head in ("group", "dimensions", "runs", "optimizer steps", "disk, before compression"))
        rows = [f"<caption>{escape(self.study.title or self.study.name)}</caption><tr>{heads}</tr>"]
        for group in self.groups:
            dims = " x ".join(f"{dim.name} {dim.size}" for dim in group.dims) + f" x seed {self.study.seeds}" * bool(group.dims)
            cells = (group.name, dims or f"seed {self.study.seeds}", f"{group.runs:,}", f"{group.work:,}", bytes_for_people(group.bytes))
            rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
        return f"<table>{''.join(rows)}</table>"

    @property
    def runs(self) -> int:
        return sum(g.runs for g in self.groups)

    @property
    def bytes(self) -> int:
        return sum(g.bytes for g in self.groups)

    @property
    def work(self) -> int:
        """Optimizer steps in all."""
        return sum(group.work for group in self.groups)


def plan(study: Study) -> Plan:
    """The plan of a study. Raises SpecError if it is larger than anything that can be run.

    >>> from thalweg.specs.load import load_study
    >>> optimizers = [{"kind": "sgd", "lr": [0.001, 0.01]}, "adam"]
    >>> small = plan(load_study({"name": "small", "landscape": "himmelblau", "optimizers": optimizers, "steps": 10, "seeds": 500}))
    >>> small
    Plan(small: 1,500 runs in sgd, adam, 420.0 kB)
    >>> small.groups[0], next(small.groups[0].shards())
    (Group(sgd: 1,000 runs, 280.0 kB), Shard(sgd: lr 0:2, seed 0:500))
    """
    groups = tuple(Group(study, optimizer, group_dims(study, optimizer)) for optimizer in study.optimizers)
    made = Plan(study, groups)
    if made.runs > MAX_RUNS:
        raise SpecError(f"the study has {made.runs:,} runs; at most {MAX_RUNS:,} can be planned: use fewer sweep values or seeds")
    return made


def with_runs_at_once(made: Plan, sizes: Mapping[str, Any]) -> Plan:
    """The plan with these runs at a time, by group; a group without a number keeps its own."""
    groups = tuple(dataclasses.replace(g, fitted=int(sizes[g.name])) if sizes.get(g.name) else g for g in made.groups)
    return dataclasses.replace(made, groups=groups)
