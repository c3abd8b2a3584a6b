"""A probe of a group's runs as work and as storage: which points it looks at, in which pieces, and what its arrays are.

A piece is a box of the grid (sweeps, seed, probe_step), small enough to take seconds, and a chunk of the arrays; it is complete when its chunk of
`done` is there, which is written last.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...specs.errors import SpecError
from ...specs.probe import FOLDER, STEP, Array, Probe, Scene
from ..plan import Group, Plan, Shard

PIECE_NUMBERS = 10**8
"""Numbers that are touched in a piece, roughly: this takes a second or a few."""
HELD_NUMBERS = 2**23
"""Numbers that a piece holds at a time, roughly, where a single point does not take more."""
DONE = "done"
"""The array of completion marks."""


@dataclass(frozen=True)
class Look:
    """One probe of one group."""

    group: Group
    probe: Probe

    @cached_property
    def scene(self) -> Scene:
        return Scene(self.group.study, self.group.optimizer)

    @property
    def path(self) -> str:
        """Where it is stored, from the store's root."""
        return f"{self.group.name}/{FOLDER}/{self.probe.name}"

    @cached_property
    def steps(self) -> np.ndarray:
        """The steps looked at."""
        return np.asarray(self.probe.steps(self.scene), dtype=np.int64)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """All dimensions of the points looked at: sweeps, seed, probe_step."""
        return {**{dim.name: dim.size for dim in self.group.dims}, "seed": self.group.study.seeds, STEP: len(self.steps)}

    @cached_property
    def consumed(self) -> tuple[str, ...]:
        """The dimensions that the probe takes as a whole. Raises SpecError for one that there is not."""
        found = self.probe.consumes(self.scene)
        for name in found:
            if name not in self.sizes:
                raise SpecError(f"probes: {self.probe.name}: {self.group.name} has no dimension '{name}' (it has {', '.join(self.sizes)})")
            if any(dim.name == name and dim.structural and not dim.forks for dim in self.group.dims):
                raise SpecError(f"probes: {self.probe.name}: runs along '{name}' have parameters of other sizes and cannot be compared")
        return found

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """The dimensions of the runs that its arrays have."""
        return tuple(name for name in self.sizes if name not in self.consumed)

    @cached_property
    def inherited(self) -> dict[str, int]:
        """The own dimensions of the group's variables, whose coordinates a probe's arrays share."""
        group, made = self.group, {}
        for variable in group.variables:
            for dims in variable.arrays(group.blocks, group.particles).values():
                made |= dims
        return made

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """What is stored. Raises SpecError for a dimension that means two things."""
        known = {**self.inherited, **self.sizes, "step": -1, "state_step": -1, "number": -1}
        found = self.probe.arrays(self.scene)
        for name, array in found.items():
            for own in (name, *array.along):
                if own in known:
                    raise SpecError(f"probes: {self.probe.name}: stores '{own}', whose name is taken in {self.group.name}")
            for dim, size in array.dims.items():
                if known.setdefault(dim, size) != size:
                    raise SpecError(f"probes: {self.probe.name}: {name} has a dimension '{dim}', whose name is taken in {self.group.name}")
        return found

    @cached_property
    def chunk(self) -> dict[str, int]:
        """Points of a piece along each dimension: seeds first, then steps, then the sweeps from the last; all of what is consumed."""
        lands = self.scene.landscapes
        touched = max(land.size + land.workspace(land.batch_count() or 1, 1) for land in lands)
        most = PIECE_NUMBERS // max(1, touched * self.probe.evaluations(self.scene))
        budget = max(1, min(most, HELD_NUMBERS // max(1, self.probe.numbers(self.scene))))
        structural = {dim.name for dim in self.group.dims if dim.structural and not dim.forks}
        made = {name: self.sizes[name] for name in self.consumed}
        budget = max(1, budget // max(1, math.prod(made.values())))
        for name in ("seed", STEP, *(dim.name for dim in reversed(self.group.dims))):
            if name not in made:
                made[name] = 1 if name in structural else max(1, min(self.sizes[name], budget))
                budget = max(1, budget // made[name])
        return {name: made[name] for name in self.sizes}

    def pieces(self) -> Iterator["Piece"]:
        """All pieces, in storage order."""
        starts = [range(0, n, self.chunk[name]) for name, n in self.sizes.items()]
        for corner in itertools.product(*starts):
            yield Piece(self, tuple(slice(a, min(a + self.chunk[d], n)) for a, (d, n) in zip(corner, self.sizes.items(), strict=True)))


@dataclass(frozen=True)
class Piece:
    """A box of the points that a probe looks at."""

    look: Look
    box: tuple[slice, ...]

    @property
    def shard(self) -> Shard:
        """The runs."""
        return Shard(self.look.group, self.box[:-1])

    @property
    def steps(self) -> np.ndarray:
        """The steps."""
        return self.look.steps[self.box[-1]]

    @property
    def kept(self) -> tuple[slice, ...]:
        """Where its numbers lie in the arrays, along the dimensions of the runs."""
        return tuple(s for s, name in zip(self.box, self.look.sizes, strict=True) if name in self.look.kept)

    @property
    def key(self) -> str:
        """The key of its chunk of `done`, which is its completion mark."""
        places = ((s, self.look.chunk[name]) for s, name in zip(self.box, self.look.sizes, strict=True) if name in self.look.kept)
        return "/".join(str(s.start // n) for s, n in places)

    @property
    def points(self) -> int:
        """How many points it has."""
        return math.prod(s.stop - s.start for s in self.box)


def looks(group: Group) -> list[Look]:
    """The study's probes of this group."""
    return [Look(group, probe) for probe in group.study.probes if probe.looks_at(group.optimizer)]


def check_probes(planned: Plan) -> None:
    """Raises SpecError for a probe whose dimensions do not go with those of its group."""
    for group in planned.groups:
        for look in looks(group):
            _ = look.consumed, look.arrays
