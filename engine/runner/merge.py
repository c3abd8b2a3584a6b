"""Stores of one study joined: more seeds or more values of a sweep compute only what no store has yet.

Runs do not depend on their neighbours, so what is copied is what would be computed, but for one thing: the fused executor's last digits
differ between studies of fewer and of at least 64 seeds. Zipped sweeps and stores of statistics can only be joined where they are equal.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import StoreError
from ...specs.status import Status
from ...specs.study import PARTS, Study
from ...specs.sweep import NumberFormula, Sweep, comparable
from ..executors.executor import Executor, Kind
from ..plan import Group, Shard, plan
from ..store import location
from ..store.lock import locked
from ..store.part import Part
from ..store.provenance import same_version
from ..store.store import Store
from .probes import probe_runs
from .threads import simulate

FREE = {"seeds", "title", "source", "description", "claims", "quick", *PARTS, "optimizers"}
"""Fields of a study that may differ, or are joined."""


def merge(targets: "Sequence[str | Path]", out: "str | Path", overwrite: bool = False, threads: int | None = None) -> Store:
    """Join stores into a new one, and compute what is missing. Raises StoreError for stores that are not of one study."""
    if len(targets) < 2:
        raise StoreError("merge: give at least two stores")
    if any(location.same(t, out) for t in targets):
        raise StoreError(f"{out}: is one of the stores to join; choose another --out")
    parts = [Part(t) for t in targets]
    for part in parts:
        same_version(part.root, part.target, "join it")
        if part.root.attrs.get("data_sha256") != parts[0].root.attrs.get("data_sha256"):
            raise StoreError(f"{part.target}: was made from different data from {targets[0]}")
    joined = plan(union([part.plan.study for part in parts], targets))
    executors = {group.name: _executor(group.name, parts) for group in joined.groups}
    with locked(out):
        store = Store.create(out, joined, overwrite, executors)
        for group in joined.groups:
            covers = [(part, cover) for part in parts if (cover := part.cover(group)) is not None]
            for shard in group.shards():
                _copy(store, group, shard, covers)
        simulate(store, executors, None, threads, probe_runs)
    return store


def union(studies: Sequence[Study], targets: "Sequence[str | Path]") -> Study:
    """One study with the seeds, the sweep values and the optimizers of all. Raises StoreError that names what cannot be joined."""
    first, joined_parts = studies[0], {}
    for other, target in zip(studies[1:], targets[1:], strict=True):
        differing = [name for name in Study.model_fields if name not in FREE and getattr(first, name) != getattr(other, name)]
        if differing:
            raise StoreError(f"{target}: holds a different study from {targets[0]}; it differs in: {', '.join(differing)}")
    if first.record.stats:
        raise StoreError(f"{targets[0]}: holds statistics over its seeds, which cannot be joined")
    for part in PARTS:
        joined_parts[part] = _joined([getattr(s, part) for s in studies], part, first.zip)
    names = list(dict.fromkeys(o.name for s in studies for o in s.optimizers))
    optimizers = [_joined([o for s in studies for o in s.optimizers if o.name == name], name, first.zip) for name in names]
    return first.model_copy(update={**joined_parts, "optimizers": tuple(optimizers), "seeds": max(s.seeds for s in studies)})


def _joined(units: list[Any], name: str, zipped: Any) -> Any:
    """One part of a study with the values of all these."""
    first = units[0]
    for other in units[1:]:
        if (first is None) != (other is None):
            raise StoreError(f"{name} is given in one study and not in the other")
        if first is None or first == other:
            continue
        if isinstance(first, Sweep) or isinstance(other, Sweep):
            first = _values(first, other)
            continue
        mine, theirs = ({path: value for path, value, _ in unit.fields()} for unit in (first, other))
        differing = {path: (value, theirs[path]) for path, value in mine.items() if path in theirs and theirs[path] != value}
        changes = {path: _values(*pair) for path, pair in differing.items() if not any(isinstance(v, NumberFormula) for v in pair)}
        together = {member for members in zipped for member in members}
        if any(".".join((name, *path)) in together for path in changes):
            raise StoreError(f"{name}: its zipped sweeps differ, and can only be joined where they are equal")
        first = first.replace(changes)
        if other.replace(changes) != first:
            raise StoreError(f"{name} differs in more than the values of its sweeps")
    return first


def _values(a: Any, b: Any) -> Any:
    """The values of both, in increasing order where they are numbers."""
    lists = [v.values if isinstance(v, Sweep) else (v,) for v in (a, b)]
    every = list({comparable(value): value for value in itertools.chain(*lists)}.values())
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in every):
        every = sorted(every)
    return every[0] if len(every) == 1 else Sweep(tuple(every), {"values": every})


def _executor(group: str, parts: list[Part]) -> Executor:
    kinds: set[Kind] = {Executor.of(part.root[group].attrs.get("executor", "array")).kind for part in parts if group in part.groups}
    if len(kinds) > 1:
        raise StoreError(f"{group}: one store was made by the fused executor and one by the array executor; their last digits differ")
    return Executor(kinds.pop())


def _copy(store: Store, group: Group, shard: Shard, covers: list[tuple[Part, list[np.ndarray]]]) -> None:
    """Copy a shard if the parts together have all of its runs, complete; else leave it to be computed."""
    open_runs, pieces = np.ones(shard.shape, bool), []
    for part, cover in covers:
        where = [c[s] for c, s in zip(cover, shard.box, strict=True)]
        mine = part.groups[group.name]
        kept = [np.nonzero(w >= 0)[0] for w in where]
        if any(not len(k) for k in kept):
            continue
        names = {d.name for d in mine.dims}
        source = tuple(w[k] for w, k, d in zip(where, kept, [*group.dims, None], strict=True) if d is None or d.name in names)
        data = part.root[group.name]
        here = tuple(len(k) for k in kept)
        done = np.asarray(data["status"].oindex[source]).reshape(here) != Status.UNFINISHED
        box = np.ix_(*kept)
        if done.all() and open_runs[box].any():
            open_runs[box] = False
            pieces.append((data, source, kept, here))
    if open_runs.any():
        return
    target = store.root[group.name]
    names = [n for n in sorted(target.array_keys()) if "seed" in (target[n].metadata.dimension_names or ()) and n != "seed"]
    for name in sorted(names, key=lambda n: (n == "status", n == "last_step")):
        values = np.full((*shard.shape, *target[name].shape[len(shard.shape) :]), target[name].fill_value, target[name].dtype)
        for data, source, kept, here in pieces:
            piece = np.asarray(data[name].oindex[source])
            inner = piece.shape[piece.ndim - (values.ndim - len(here)) :]
            values[(*np.ix_(*kept), *(slice(0, n) for n in inner))] = piece.reshape(*here, *inner)
        store.writer(shard)(name)[shard.box] = values
