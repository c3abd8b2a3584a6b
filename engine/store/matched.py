"""The runs of another store that a shard's runs go on from: those with the same seeds and the same values of what is swept there."""

import functools
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ...specs.errors import SpecError, StoreError
from ...specs.stored import Stored, Used
from ...specs.study import WHOLE_PARTS
from ...specs.sweep import Sweep
from ..dims import FORKS, Dim
from ..plan import Group, Shard
from .parameters import parameters
from .part import Part


def places(shard: Shard, dim: Dim, store: str) -> np.ndarray:
    """Where the shard's points (points,) lie on this sweep of the other study. Raises SpecError for a point that has none there."""
    parts, columns = shard.parts(), shard.columns()
    structure: dict[tuple[str, tuple[str, ...]], Any] = {(owner, path): value for owner, path, value in shard.structure()}
    study = shard.group.study
    past = {} if study.branch is None else {name: value for name, value in study.branch.past.items() if not isinstance(value, Sweep)}
    past |= {path[-1]: value for (_, path), value in structure.items() if path[0] == "past"}
    wanted = []
    for owner, path, _ in dim.sweeps:
        own = path[-1] if path[0] == "past" else f"{PurePath(store).stem}_{path[-1]}"
        if own in past and owner in (*FORKS, "init"):
            wanted.append([past[own]] * shard.points)
            continue
        if owner == "study" and path[0] in WHOLE_PARTS:
            wanted.append([getattr(shard.resolved.group.study, path[0])] * shard.points)
            continue
        if owner in FORKS:
            if path != ("noise_seed",):
                raise SpecError(
                    f"{store} has runs that were forked along '{dim.name}', and these runs do not say which of them they continue"
                )
            wanted.append([structure.get((owner, path), study.noise_seed)] * shard.points)
            continue
        fixed: dict[tuple[str, ...], Any] = {
            (name,): getattr(getattr(parts, owner), name) for name in type(getattr(parts, owner)).model_fields
        }
        fixed |= {p: v for p, v, _ in getattr(parts, owner).fields()}
        column = columns.get(owner, {}).get(path)
        wanted.append([fixed.get(path)] * shard.points if column is None else column.tolist())
    values = list(zip(*(sweep.values for _, _, sweep in dim.sweeps), strict=True))
    found = []
    for value in zip(*wanted, strict=True):
        if value not in values:
            shown = ", ".join(f"{name}={v}" for name, v in zip(dim.names, value, strict=True))
            raise SpecError(
                f"{shown}: {store} has no such runs to continue; its {dim.name} is one of {', '.join(str(v[0]) for v in values)}"
            )
        found.append(values.index(value))
    return np.array(found)


def stored_points(stored: Stored, shard: Shard, at: int | None = None) -> np.ndarray:
    """The parameters that another study has stored for the runs of this shard.

    Parameters
    ----------
    stored
        The store, the group, the step, the seed.
    shard
        The runs that take them: by their seeds, and by their values of what is swept there.
    at
        The step where `stored` names none; None is the last.

    Returns
    -------
    (points, seeds, dim) in float64; the axis of points has length 1 where nothing is swept there, that of seeds where one seed is named.

    Raises
    ------
    StoreError, SpecError
        That say what the other store lacks.
    """
    other, group = opened(stored.store), group_of(stored, shard.group.name)
    step = stored.at if stored.at is not None else at if at is not None else group.study.steps
    seeds = shard.seeds if stored.seed is None else np.array([stored.seed])
    if seeds[-1] >= group.study.seeds:
        raise SpecError(f"seeds: {seeds[-1] + 1}, and {stored.store} has runs of {group.study.seeds}")
    lie = [*(places(shard, dim, stored.store) for dim in group.dims), seeds]
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in lie)
    if not np.asarray(other.root[group.name]["status"][box]).all():
        raise StoreError(f"{stored.store}: is not finished; finish it with: thalweg run {stored.store} --resume")
    values = parameters(other.root, group, box, step)
    values = values.reshape(*(s.stop - s.start for s in box), -1)
    if not group.dims:
        return values[None, ...]
    return values[tuple(at - s.start for at, s in zip(lie[:-1], box[:-1], strict=True))]


def varies(stored: Stored, name: str) -> bool:
    """Whether the runs that these parameters are of are swept in numbers, as far as they are stored; `name` is the group that takes them."""
    try:
        group = group_of(stored, name)
    except StoreError:
        return False
    return any(not dim.structural for dim in group.dims)


def group_of(stored: Stored, name: str) -> Group:
    """The group that these parameters are of, for those of the group called `name`. Raises StoreError if there is none."""
    groups = opened(stored.store).groups
    own = stored.group or (name if name in groups or len(groups) != 1 else next(iter(groups)))
    if own not in groups:
        raise StoreError(f"{stored.store}: has no group {own} (it has {', '.join(groups)})")
    return groups[own]


def stored_variable(used: Used, shard: Shard) -> np.ndarray:
    """One variable of such parameters, (points or 1, seeds or 1, *shape) in float64. Raises StoreError or SpecError that says what the other
    store lacks."""
    land = opened(used.store).plan.study.landscape
    if (place := land.places.get(used.variable)) is None:
        raise SpecError(f"uses: {used.store} has no variable {used.variable} (it has {', '.join(land.places)})")
    if place[1] != used.shape:
        raise SpecError(f"uses: {used.variable} in {used.store} has the shape {place[1]}, and not {used.shape}")
    points = stored_points(used, shard)
    return points[..., place[0]].reshape(*points.shape[:-1], *used.shape)


def opened(store: str) -> Part:
    """The store, opened once as long as it is the same one."""
    mark = Path(store) / "zarr.json"
    return _opened(store, mark.stat().st_mtime_ns if mark.is_file() else 0)


@functools.lru_cache(maxsize=8)
def _opened(store: str, _: int) -> Part:
    return Part(store)
