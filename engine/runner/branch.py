"""Branches: a stored study that goes on from one of its steps under changed settings, on the same noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.branch import Branch
from ...specs.errors import SpecError, StoreError
from ...specs.load import load_study
from ...specs.status import Status
from ...specs.study import Study
from ..plan import Group, Plan, Shard
from ..store.location import remote
from ..store.matched import opened, places
from ..store.open import stored_study

WHOLE = ("claims", "quick", "source", "description")
"""What is said of the whole study, and need not hold of a branch."""


def branched(store: "str | Path", at: int, settings: Iterable[str] = ()) -> Study:
    """The study of this store, from step `at` on, with `settings` (KEY=VALUE) changed. Raises SpecError or StoreError.

    States of that step must be stored: `record: {state: [at]}`.
    """
    data = {key: value for key, value in stored_study(store).items() if key not in WHOLE}
    place = str(store) if remote(store) else str(Path(store).absolute())
    data |= {"name": f"{data['name'][:80]}_at{at}", "title": f"{data.get('title') or data['name']}, branched at step {at}"}
    past = Branch.model_validate(data["branch"]).passed_on(place) if data.get("branch") else {}
    return load_study(data | {"branch": {"store": place, "at": at, "past": past}}, settings)


@dataclass(frozen=True)
class BranchStates:
    """Where the runs of a shard begin that branches from another study: values (points, seeds, numbers), status and last step."""

    t: int
    values: np.ndarray
    status: np.ndarray
    last_step: np.ndarray


def branch_states(shard: Shard) -> BranchStates:
    """The states that this shard's runs go on from. Raises StoreError or SpecError that says what the other store lacks."""
    branch, first = shard.group.study.branch, shard.group.study.first
    assert branch is not None
    other = opened(branch.store)
    mine, lie, k = matched(shard, other)
    data = other.root[mine.name]
    unique = [np.unique(place, return_inverse=True) for place in lie]
    box = (*(found for found, _ in unique), shard.seeds)
    inverse = tuple(back for _, back in unique)
    status, last = (np.asarray(data[name].oindex[box])[inverse] for name in ("status", "last_step"))
    if not status.all():
        raise StoreError(f"{branch.store}: is not finished; finish it with: thalweg run {branch.store} --resume")
    values = np.asarray(data["state"].oindex[(*box, k, slice(None))])[inverse]
    ended = (status > Status.FINISHED) & (last < first)  # diverged or stopped before
    points = (shard.points, len(shard.seeds))
    status, last = (
        np.broadcast_to(a, points) for a in (np.where(ended, status, Status.RUNNING), np.where(ended, last, shard.group.study.steps))
    )
    return BranchStates(first, np.broadcast_to(values, (*points, values.shape[-1])), status.astype(np.int8), last.astype(np.int64))


def check_branch(planned: Plan) -> None:
    """Raises StoreError or SpecError unless every run of this branch has a stored state to begin with."""
    for group in planned.groups:
        found = [matched(s.resolved, opened(planned.study.branch.store))[0] for s in group.shards()] if planned.study.branch else []
        for there in found[:1]:
            check_states(group, there)


def check_states(group: Group, there: Group) -> None:
    """Raises SpecError unless states of the one group are such as the other's runs have."""
    if (mine := group.whole_state_size) != (theirs := there.whole_state_size):
        raise SpecError(
            f"{group.name}: a state has {mine} numbers here and {theirs} in the other store; the landscape's size, the average and the"
            " optimizer's states must stay as they are"
        )


def matched(shard: Shard, other: Any) -> tuple[Group, list[np.ndarray], int]:
    """The other study's group, where on each of its sweeps the shard's points lie, and the number of the stored step."""
    study = shard.group.study
    branch = study.branch
    assert branch is not None
    name = branch.group or shard.group.name
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
    return mine, [places(shard, dim, branch.store) for dim in mine.dims], stored.index(branch.at)
