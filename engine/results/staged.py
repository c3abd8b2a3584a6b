"""The runs of a study of stages as one tree: which points of every stage belong together, and where on a common axis its runs begin.

Hyperparameters are those of the stage that others leave, at its best point; what a stage sweeps besides is at its own best point. Every step at
which runs leave others, and every seed of their noise, is a fork of its own.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...specs.init import Mix
from ...specs.stages import Stage, Stages
from ...specs.sweep import Sweep
from ..dims import FORKS
from .best import best_point, in_words
from .groups import sweep_dims, swept_coordinates
from .swept import is_hyperparameter, swept_field

MOST = 24
"""Forks of one stage that are shown; of more, these many at even distances."""


@dataclass(frozen=True)
class Fork:
    """One line of the tree: one optimizer of a stage, at one point of its sweep."""

    stage: str
    group: str
    index: Mapping[str, int]
    """Sweep dimension -> position: `dataset.isel(fork.index)` keeps seed and step."""
    forks: Mapping[str, Any]
    """The dimensions along which runs fork, and the values here: at, noise_seed, ..."""
    begins: int
    """The step on the common axis at which the runs begin."""
    shift: int
    """What its own steps are to be moved by on the common axis."""
    reports: np.ndarray
    """Which seeds report, (seed,)."""

    @property
    def text(self) -> str:
        """'at=20, noise_seed=1'; empty where nothing forks."""
        return in_words(self.forks)


@dataclass
class _Held:
    """What the forks of a group share: a value for each of its other dimensions, and the seeds that report."""

    values: dict[str, Any] = field(default_factory=dict)
    reports: np.ndarray | None = None


def forks(stages: Stages, datasets: Mapping[str, Mapping[str, Any]]) -> tuple[list[Fork], list[str]]:
    """The lines of the tree, a stage after those that it needs, and what is left out, in words.

    Parameters
    ----------
    stages
        The stages.
    datasets
        Of every stage that was begun its groups: stage -> optimizer -> xarray.Dataset.

    Raises
    ------
    SpecError
        A group has no loss by which its best point could be chosen.
    """
    held: dict[tuple[str, str], _Held] = {}
    found: list[Fork] = []
    notes: list[str] = []
    known = {stage.name: stage for stage in stages.stages}
    for stage in stages.stages:
        for group, dataset in datasets.get(stage.name, {}).items():
            own = held[stage.name, group] = _held(stage, group, dataset, held)
            made = list(_lines(known, stage, group, dataset, own))
            if len(made) > MOST:
                notes.append(f"{MOST} of the {len(made)} forks of {stage.name} are shown")
                made = [made[k] for k in np.unique(np.linspace(0, len(made) - 1, MOST).round().astype(int))]
            found += made
    return found, notes


def along_forks(stage: Stage, dataset: Any) -> list[str]:
    """The dimensions along which the runs of a stage fork."""
    owners = {str(dim): swept_field(dataset[dim]) for dim in sweep_dims(dataset) if dim in dataset.coords}
    anew = leaves_anew(stage)
    return [dim for dim, (owner, path) in owners.items() if owner in FORKS or (anew and (owner, path) == ("init", "at"))]


def leaves_anew(stage: Stage) -> bool:
    """Whether its runs begin with the parameters of another stage alone, at a step 0 of their own."""
    return bool(stage.origin) and stage.study.branch is None and isinstance(stage.study.init, Mix)


def _held(stage: Stage, group: str, dataset: Any, held: Mapping[tuple[str, str], _Held]) -> _Held:
    """The point that is shown of a group: that of the group it leaves where it sweeps the same, else its best."""
    whence = held.get((stage.origin, _left(stage) or group)) or next((h for (name, _), h in held.items() if name == stage.origin), _Held())
    split = along_forks(stage, dataset)
    index: dict[str, int] = {dim: dataset.sizes[dim] - 1 for dim in split}
    for dim in (dim for dim in sweep_dims(dataset) if dim not in split):
        same = np.flatnonzero(dataset[dim].values == whence.values[dim]) if dim in whence.values else np.empty(0)
        if len(same):
            index[dim] = int(same[0])
        elif not is_hyperparameter(dataset[dim]):
            index[dim] = 0
    best = best_point(dataset.isel(index), group)
    index |= best.index
    chose = whence.reports is not None and len(whence.reports) == dataset.sizes["seed"] and not best.index
    values = {dim: dataset[dim].values[k] for dim, k in index.items() if dim not in split}
    return _Held(values, whence.reports if chose else best.reports)


def _left(stage: Stage) -> str:
    """The optimizer whose runs a stage goes on from, where it says so."""
    if stage.study.branch is not None:
        return stage.study.branch.group
    init = stage.study.init
    stores = [one for one in init.of if not isinstance(one, str)] if isinstance(init, Mix) else []
    return stores[0].group if stores else ""


def _lines(known: Mapping[str, Stage], stage: Stage, group: str, dataset: Any, own: _Held) -> Iterator[Fork]:
    """The forks of one group, in the order of its dimensions."""
    split = along_forks(stage, dataset)
    index = {dim: int(np.flatnonzero(dataset[dim].values == value)[0]) for dim, value in own.values.items()}
    single = {str(key): dataset[key].values.item() for key in dataset.coords if dataset[key].ndim == 0}
    reports = own.reports if own.reports is not None else np.ones(dataset.sizes["seed"], dtype=bool)
    for at in itertools.product(*(range(dataset.sizes[dim]) for dim in split)):
        values = {dim: dataset[dim].values[k].item() for dim, k in zip(split, at, strict=True)}
        begins, shift = _begins(known, stage, single | values)
        yield Fork(stage.name, group, index | dict(zip(split, at, strict=True)), values, begins, shift, reports)


def _begins(known: Mapping[str, Stage], stage: Stage, values: Mapping[str, Any]) -> tuple[int, int]:
    """(step on the common axis at which runs begin, what their own steps are moved by) at these values of the forks' dimensions."""
    if not stage.origin or stage.origin not in known or not (leaves_anew(stage) or stage.study.branch is not None):
        return 0, 0
    other = known[stage.origin]
    before = {key.removeprefix(f"{stage.origin}_"): value for key, value in values.items() if key != "at"}
    _, shift = _begins(known, other, before)
    left = values.get("at", _stated(stage))
    at = other.study.steps if left is None else int(left)
    return shift + at, shift + at if leaves_anew(stage) else shift


def _stated(stage: Stage) -> int | None:
    """The step at which a stage leaves another where it is one, or the last of several; None for the other's last."""
    branch, init = stage.study.branch, stage.study.init
    at = branch.at if branch is not None else init.at if isinstance(init, Mix) else None
    return at.values[-1] if isinstance(at, Sweep) else at


def swept_besides(stages: Stages, datasets: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether any stage sweeps more than where its runs fork."""
    return any(
        set(swept_coordinates(dataset)) - set(along_forks(stage, dataset))
        for stage in stages.stages
        for dataset in datasets.get(stage.name, {}).values()
    )


def heads(stages: Stages) -> dict[str, str]:
    """Stage -> the name that it shares with its repetitions, or its own.

    >>> from types import SimpleNamespace as Given
    >>> names = [("a", ""), ("b_0", "a"), ("b_1", "b_0")]
    >>> heads(Given(stages=[Given(name=name, origin=origin) for name, origin in names]))
    {'a': 'a', 'b_0': 'b', 'b_1': 'b'}
    """
    origins = {stage.name: stage.origin for stage in stages.stages}
    made = {}
    for name in origins:
        head, _, k = name.rpartition("_")
        again = k.isdigit() and head and (origins.get(f"{head}_1") == f"{head}_0")
        made[name] = head if again else name
    return made
