"""Branches: a stored study that goes on from one of its steps under changed settings, on the same noise."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError, StoreError
from ...specs.load import load_study
from ...specs.status import Status
from ...specs.study import Study
from ..plan import Group, Plan, Shard
from ..store.location import remote
from ..store.open import stored_study
from ..store.part import Part

WHOLE = ("claims", "quick", "source", "description")
"""What is said of the whole study, and need not hold of a branch."""


def branched(store: "str | Path", at: int, settings: Iterable[str] = ()) -> Study:
    """The study of this store, from step `at` on, with `settings` (KEY=VALUE) changed. Raises SpecError or StoreError.

    States of that step must be stored: `record: {state: [at]}`.
    """
    data = {key: value for key, value in stored_study(store).items() if key not in WHOLE}
    place = str(store) if remote(store) else str(Path(store).absolute())
    data |= {"name": f"{data['name'][:80]}_at{at}", "title": f"{data.get('title') or data['name']}, branched at step {at}"}
    return load_study(data | {"branch": {"store": place, "at": at}}, settings)


@dataclass(frozen=True)
class BranchStates:
    """Where the runs of a shard begin that branches from another study: values (points, seeds, numbers), status and last step."""

    t: int
    values: np.ndarray
    status: np.ndarray
    last_step: np.ndarray


def branch_states(shard: Shard) -> BranchStates:
    """The states that this shard's runs go on from. Raises StoreError or SpecError that says what the other store lacks."""
    branch = shard.group.study.branch
    assert branch is not None
    other = _opened(branch.store)
    mine, places, k = matched(shard, other)
    data = other.root[mine.name]
    unique = [np.unique(place, return_inverse=True) for place in places]
    box = (*(found for found, _ in unique), shard.seeds)
    inverse = tuple(back for _, back in unique)
    status, last = (np.asarray(data[name].oindex[box])[inverse] for name in ("status", "last_step"))
    if not status.all():
        raise StoreError(f"{branch.store}: is not finished; finish it with: thalweg run {branch.store} --resume")
    values = np.asarray(data["state"].oindex[(*box, k, slice(None))])[inverse]
    ended = (status > Status.FINISHED) & (last < branch.at)  # diverged or stopped before
    points = (shard.points, len(shard.seeds))
    status, last = (
        np.broadcast_to(a, points) for a in (np.where(ended, status, Status.RUNNING), np.where(ended, last, shard.group.study.steps))
    )
    return BranchStates(branch.at, np.broadcast_to(values, (*points, values.shape[-1])), status.astype(np.int8), last.astype(np.int64))


def check_branch(planned: Plan) -> None:
    """Raises StoreError or SpecError unless every run of this branch has a stored state to begin with."""
    for group in planned.groups:
        found = [matched(shard, _opened(planned.study.branch.store))[0] for shard in group.shards()] if planned.study.branch else []
        if found and (mine := group.whole_state_size) != (theirs := found[0].whole_state_size):
            raise SpecError(
                f"{group.name}: a state has {mine} numbers here and {theirs} in the other store; the landscape's size, the average and the"
                " optimizer's states must stay as they are"
            )


def matched(shard: Shard, other: Any) -> tuple[Group, list[np.ndarray], int]:
    """The other study's group, where on each of its sweeps the shard's points lie, and the number of the stored step."""
    study, name = shard.group.study, shard.group.name
    branch = study.branch
    assert branch is not None
    mine = other.groups.get(name)
    if mine is None:
        raise StoreError(f"{branch.store}: has no group {name} to branch from (it has {', '.join(other.groups)})")
    stored = mine.state_steps.tolist()
    if branch.at not in stored:
        have = f"it has {', '.join(map(str, stored))}" if stored else f"record them with: record: {{state: [{branch.at}]}}"
        raise StoreError(f"{branch.store}: {name} has no states of step {branch.at} ({have})")
    if study.seeds > mine.study.seeds:
        raise SpecError(f"seeds: {study.seeds}, and {branch.store} has states of {mine.study.seeds}")
    if study.precision != mine.study.precision or type(shard.group.optimizer) is not type(mine.optimizer):
        raise SpecError(f"{name}: its states in {branch.store} are those of {mine.optimizer.kind} in {mine.study.precision}")
    return mine, [_places(shard, dim, branch.store) for dim in mine.dims], stored.index(branch.at)


def _places(shard: Shard, dim: Any, store: str) -> np.ndarray:
    """Where the shard's points (points,) lie on this sweep of the other study."""
    parts, columns = shard.parts(), shard.columns()
    wanted = []
    for owner, path, _ in dim.sweeps:
        fixed = {p: v for p, v, _ in getattr(parts, owner).fields()}
        column = columns.get(owner, {}).get(path)
        wanted.append([fixed.get(path)] * shard.points if column is None else column.tolist())
    values = list(zip(*(sweep.values for _, _, sweep in dim.sweeps), strict=True))
    made = []
    for value in zip(*wanted, strict=True):
        if value not in values:
            shown = ", ".join(f"{name}={v}" for name, v in zip(dim.names, value, strict=True))
            raise SpecError(
                f"{shown}: {store} has no such runs to branch from; its {dim.name} is one of {', '.join(str(v[0]) for v in values)}"
            )
        made.append(values.index(value))
    return np.array(made)


def _opened(store: str) -> Any:
    """The store, opened once as long as it is the same one."""
    mark = Path(store) / "zarr.json"
    return _opened_at(store, mark.stat().st_mtime_ns if mark.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _opened_at(store: str, _: int) -> Any:
    return Part(store)
