"""Is a store whole? Every chunk is read, which its checksum has to survive, and held against what a store promises."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..specs.errors import StoreError
from ..specs.study import Study
from . import places
from .plan import Group, Shard, plan
from .store import Store, as_stored, laid_out, open_root

RUNNING, FINISHED, DIVERGED, STOPPED = range(4)


@dataclass
class Finding:
    """What is known about one group."""

    group: str
    shards: int
    done: int = 0
    bytes: int = 0
    damaged: list[tuple[Shard, str]] = field(default_factory=list)
    """Shards said to be complete that are not, and why."""


def examine(target: "str | Path", repair: bool = False) -> list[Finding]:
    """Read a whole store. With `repair`, damaged shards lose their completion mark, so that `thalweg run --resume` computes them again.

    Raises StoreError if this is no store, or its study is not one that this version can plan.
    """
    with places.held(target if repair else None):
        return _examined(target, repair)


def _examined(target: "str | Path", repair: bool) -> list[Finding]:
    root = open_root(target, mode="r+" if repair else "r")
    try:
        planned = as_stored(plan(Study.model_validate_json(str(root.attrs["study"]))), root)
    except (KeyError, ValueError) as error:
        raise StoreError(f"{target}: its study cannot be read: {error}") from None
    store, made = Store(root, planned), []
    for group in planned.groups:
        found, there = Finding(group.name, 0), laid_out(root, group.name)
        for shard in group.shards():
            found.shards += 1
            reason = _fault(store, group, shard, found) if there else None
            if reason:
                found.damaged.append((shard, reason))
                if repair:
                    with places.reached(target, "written"):
                        store.reopen_shard(shard)
        made.append(found)
    if repair and any(f.damaged for f in made):
        root.attrs["complete"] = False
    return made


def _fault(store: Store, group: Group, shard: Shard, found: Finding) -> str | None:
    """Why a shard is not what it claims to be; None for one that is, or is not complete yet."""
    data = store.root[group.name]
    try:
        status = np.asarray(data["status"][shard.box])
        if not (status != RUNNING).all():
            return None
        found.done += 1
        last = np.asarray(data["last_step"][shard.box])
        if ((status < RUNNING) | (status > STOPPED)).any() or ((last < -1) | (last > group.study.steps)).any():
            return "status or last_step out of range"
        for name in sorted(data.array_keys()):
            dims = data[name].metadata.dimension_names or ()
            if "step" not in dims or len(dims) == 1:
                continue
            values = np.asarray(data[name][shard.box if "seed" in dims else shard.box[:-1]])
            found.bytes += values.nbytes
            if name == "loss" and np.isnan(values[status == FINISHED][:, -1]).any():
                return "a finished run has no loss at its last step"
    except Exception as error:  # noqa: BLE001 a chunk that cannot be decoded raises what its codec raises
        return f"unreadable ({error or type(error).__name__})"
    return None


def table(findings: list[Finding]) -> Any:
    """The findings as a table for rich."""
    from .store import nice_bytes
    from .tables import Column, Table

    columns = (
        Column("group", [f.group for f in findings], name=True),
        Column("shards", [f"{f.shards:,}" for f in findings]),
        Column("complete", [f"{f.done:,}" for f in findings]),
        Column("read", [nice_bytes(f.bytes) for f in findings], minor=True),
        Column("damaged", [f"{len(f.damaged):,}" for f in findings]),
    )
    return Table(columns, note="\n".join(f"{f.group}: {f.damaged[0][1]}" for f in findings if f.damaged))
