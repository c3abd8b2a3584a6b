"""Is a store whole? Every chunk is read, which its checksum has to survive, and held against what a store promises."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.status import Status
from ..plan import Group, Shard, plan
from . import location
from .chunks import is_ours, lost, run_dims
from .layout import amiss, as_stored, group_notes
from .lock import locked
from .look import DONE, Look
from .open import open_root, read_study, without_zarr_warnings
from .probes import lost as lost_pieces
from .probes import reopen, stored_looks
from .store import Store, layout_of, mend


@dataclass
class Finding:
    """What is known about one group."""

    group: str
    shards: int
    done: int = 0
    bytes: int = 0
    damaged: list[tuple[Shard | None, str]] = field(default_factory=list)
    """Shards said to be complete that are not, and why; None for metadata and coordinates."""


def examine(target: "str | Path", repair: bool = False) -> list[Finding]:
    """Read a whole store. With `repair`, lost metadata and coordinates are put back, and damaged shards lose their completion mark, so that
    `thalweg run --resume` computes them again.

    Raises StoreError if this is no store, or its study is not one that this version can plan.
    """
    with locked(target if repair else None), without_zarr_warnings():
        return _examined(target, repair)


def _examined(target: "str | Path", repair: bool) -> list[Finding]:
    root = open_root(target, mode="r+" if repair else "r")
    planned = as_stored(plan(read_study(root.attrs, target)), root)
    if "clearing" in root.attrs:  # nothing of the new store is there yet
        return [Finding(group.name, sum(1 for _ in group.shards())) for group in planned.groups]
    files = layout_of(root, planned, {})
    wrong = amiss(root.store, {key: held for key, held in files.items() if key != "zarr.json"}, bool(root.attrs.get("every_chunk")))
    begun = {
        g.name for g in planned.groups if wrong.get(f"{g.name}/status/zarr.json") != "is missing"
    }  # else it was cut off before its runs
    mended = {name for name in begun if repair and group_notes(root, name)}
    if mended:
        with location.reached(target, "written"):
            mend(root, {key: held for key, held in files.items() if key.partition("/")[0] in mended})
        root = open_root(target, mode="r+")
    store, findings, probes = Store(root, planned), [], stored_looks(root, planned)
    for group in planned.groups:
        finding, wrong_here = Finding(group.name, 0), {key: why for key, why in wrong.items() if key.partition("/")[0] == group.name}
        if group.name in begun:
            finding.damaged = [(None, f"{key.removesuffix('/zarr.json')} {why}") for key, why in wrong_here.items()]
        broken = set() if group.name in mended else {key.split("/")[1] for key in wrong_here}
        gone = {} if broken else lost(root, group.name)
        for shard in group.shards():
            finding.shards += 1
            reason = None if broken & {"status", "zarr.json"} else _fault(store, group, shard, finding, gone, broken)
            if reason:
                finding.damaged.append((shard, reason))
                if repair:
                    with location.reached(target, "written"):
                        store.reopen_shard(shard)
        findings.append(finding)
        findings += [_looked(root, look, repair) for look in probes if look.group.name == group.name and group.name in begun]
    return findings


def _looked(root: Any, look: Look, repair: bool) -> Finding:
    """What is known about a probe; its pieces count as shards do."""
    made = Finding(look.path, 0)
    try:
        gone, data = lost_pieces(root, look), root[look.path]
        marks = location.keys(data[DONE])
    except Exception as error:  # noqa: BLE001 damaged metadata raise what reads them
        return Finding(look.path, sum(1 for _ in look.pieces()), 0, 0, [(None, f"{look.path} cannot be read: {type(error).__name__}")])
    for piece in look.pieces():
        made.shards += 1
        if piece.key not in marks:
            continue
        made.done += 1
        reason, name = f"a chunk of {gone[piece.key]} is missing" if piece.key in gone else None, DONE
        try:
            for name in () if reason else (DONE, *look.arrays):
                made.bytes += np.asarray(data[name][piece.kept]).nbytes
        except Exception:  # noqa: BLE001 a chunk that cannot be decoded raises what its codec raises
            reason = f"a chunk of {name} cannot be read"
        if reason:
            made.damaged.append((None, f"{look.path}: {reason}"))
            if repair:
                with location.reached(look.path, "written"):
                    reopen(root, piece)
    return made


def _fault(store: Store, group: Group, shard: Shard, finding: Finding, gone: dict[str, str], broken: set[str]) -> str | None:
    """Why a shard is not what it claims to be; None for one that is, or is not complete yet."""
    data, name = store.root[group.name], "status"
    try:
        status = np.asarray(data["status"][shard.box])
        if not (status != Status.RUNNING).all():
            return None
        finding.done += 1
        if shard.key in gone:
            return f"a chunk of {gone[shard.key]} is missing"
        name = "last_step"
        last = np.asarray(data["last_step"][shard.box])
        if ((status < Status.RUNNING) | (status > Status.STOPPED)).any() or ((last < -1) | (last > group.study.steps)).any():
            return "status or last_step out of range"
        for name in sorted(data.array_keys()):
            if name in broken or not is_ours(data[name]) or (lead := run_dims(data, name)) is None:
                continue
            values = np.asarray(data[name][shard.box[:lead]])
            finding.bytes += values.nbytes
            if name == "loss" and np.isnan(values[status == Status.FINISHED][:, -1]).any():
                return "a finished run has no loss at its last step"
    except Exception:  # noqa: BLE001 a chunk that cannot be decoded raises what its codec raises
        return f"a chunk of {name} cannot be read"
    return None
