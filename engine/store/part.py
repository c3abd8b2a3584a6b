"""A store to take runs from."""

from pathlib import Path
from typing import Any

import numpy as np

from ...specs.study import PARTS, WHOLE_PARTS
from ...specs.sweep import comparable
from ..dims import FORKS, Dim
from ..plan import Group, Plan, plan
from .layout import as_stored, laid_out
from .open import intact, legible, open_root, read_study


class Part:
    """A whole store, its plan, and the groups that have their arrays."""

    def __init__(self, target: "str | Path"):
        self.target, self.root = target, open_root(target)
        with legible(target):
            intact(self.root, target)
        self.plan: Plan = as_stored(plan(read_study(self.root.attrs, target)), self.root)
        self.groups = {group.name: group for group in self.plan.groups if laid_out(self.root, group.name)}

    def cover(self, group: Group) -> "list[np.ndarray] | None":
        """For every dimension of the joined group where its values lie in this store (-1: nowhere), the seeds last; None without the group."""
        mine = self.groups.get(group.name)
        if mine is None:
            return None
        made = []
        for dim in group.dims:
            values = list(zip(*(map(comparable, sweep.values) for _, _, sweep in dim.sweeps), strict=True))
            have = self.values(mine, dim)
            made.append(np.array([have.get(value, -1) for value in values]))
        return [*made, np.where(np.arange(group.study.seeds) < mine.study.seeds, np.arange(group.study.seeds), -1)]

    def values(self, mine: Group, dim: Dim) -> dict[tuple[Any, ...], int]:
        """The values of this dimension in the store -> their places; of a field that is not swept here, its one value -> 0."""
        found = next((d for d in mine.dims if d.name == dim.name), None)
        if found is not None:
            return {value: k for k, value in enumerate(zip(*(map(comparable, s.values) for _, _, s in found.sweeps), strict=True))}
        if any(path[0] in WHOLE_PARTS for owner, path, _ in dim.sweeps if owner == "study"):
            return {tuple(comparable(getattr(mine.study, path[0])) for _, path, _ in dim.sweeps): 0}
        if any(owner in FORKS for owner, _, _ in dim.sweeps):
            return {}
        owners = {name: getattr(mine.study, name) for name in PARTS if name not in mine.study.swept_parts()}
        owners |= {"init": mine.study.start(), "optimizer": mine.optimizer}
        given = [
            getattr(owners[owner], path[0]) if s.of_parts else {p: v for p, v, _ in owners[owner].fields()}[path]
            for owner, path, s in dim.sweeps
        ]
        return {tuple(map(comparable, given)): 0}
