"""Probes in a store: which there are, which of their pieces are complete, and how a piece is written.

Order of writing is as for runs: the arrays with their metadata, then piece by piece the data, and last the piece's chunk of `done`.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...specs.errors import StoreError
from ...specs.probe import FOLDER, Probe
from ...specs.registry import PROBES
from ..plan import Group, Plan
from . import location
from .chunks import chunk_counts
from .layout import lay_out_probe, put
from .look import DONE, Look, Piece, looks
from .open import without_zarr_warnings


def stored_looks(root: Any, plan: Plan) -> list[Look]:
    """All probes of a store: the study's, and those added afterwards. Raises StoreError for one that cannot be read here."""
    made = []
    for group in plan.groups:
        own = looks(group)
        made += own + [Look(group, probe) for name, probe in _kept(root, group).items() if name not in {look.probe.name for look in own}]
    return made


def _kept(root: Any, group: Group) -> dict[str, Probe]:
    """The probes below a group by name, as they are kept beside what they stored."""
    path = f"{group.name}/{FOLDER}"
    below = root.get(path)
    if below is None or not hasattr(below, "groups"):  # nothing, or an observable of that name
        return {}
    made = {}
    for name, node in sorted(below.groups()):
        if DONE not in node:  # it was cut off while it was laid out, or removed
            continue
        try:
            made[name] = PROBES.parse(json.loads(str(node.attrs["probe"])))
        except (KeyError, ValueError, LookupError, ImportError) as error:
            raise StoreError(f"{path}/{name}: this probe cannot be read here: {str(error).splitlines()[0]:.200}") from None
    return made


def lay_down(root: Any, wanted: list[Look]) -> None:
    """Create the arrays of probes that are added to a store; metadata and coordinates."""
    import zarr
    from zarr.storage import MemoryStore

    files: dict[str, Any] = {}
    with without_zarr_warnings(), zarr.config.set({"array.write_empty_chunks": True}):
        made = zarr.create_group(MemoryStore(files), zarr_format=3)
        for look in wanted:
            lay_out_probe(made.require_group(look.group.name), look)
    theirs = {f"{look.group.name}/{FOLDER}" for look in wanted}
    put(root.store, {key: held for key, held in files.items() if "/".join(key.split("/")[:2]) in theirs})


def remove(root: Any, looks: Iterable[Look]) -> None:
    """Delete probes: first what says that they are there."""
    for look in looks:
        for path in (f"{look.path}/{DONE}", look.path):
            location.wait_for(root.store.delete_dir(path))


def node(root: Any, look: Look) -> Any:
    """The Zarr group of a probe."""
    return root[look.path]


def todo(root: Any, look: Look) -> list[Piece]:
    """The pieces without a completion mark. One that has its mark and lacks a chunk loses the mark and is among them."""
    marks, gone = location.keys(node(root, look)[DONE]), lost(root, look)
    made = []
    for piece in look.pieces():
        if piece.key in gone:
            reopen(root, piece)
        if piece.key in gone or piece.key not in marks:
            made.append(piece)
    return made


def lost(root: Any, look: Look) -> dict[str, str]:
    """The pieces that are said to be complete and lack a chunk, by key -> the array that lacks it. Names are listed, nothing is read."""
    data, made = node(root, look), {}
    marks = sorted(location.keys(data[DONE]))
    for name in look.arrays:
        have, lead = location.keys(data[name]), len(look.kept)
        for mark in marks:
            for rest in itertools.product(*(range(n) for n in chunk_counts(data[name])[lead:])):
                if "/".join((mark, *map(str, rest))) not in have:
                    made.setdefault(mark, name)
    return made


def write(root: Any, piece: Piece, found: Mapping[str, Any]) -> None:
    """A piece's arrays, (its points along the kept dimensions, own dimensions...) each, and then its completion mark. Own dimensions may be
    shorter than the array's where a size is swept."""
    data = node(root, piece.look)
    for name in piece.look.arrays:
        values, array = np.asarray(found[name], dtype=np.float64), data[name].with_config({"write_empty_chunks": True})
        whole = np.full((*values.shape[: len(piece.kept)], *array.shape[len(piece.kept) :]), np.nan)
        whole[tuple(slice(0, n) for n in values.shape)] = values
        array[piece.kept] = whole
    data[DONE][piece.kept] = np.ones([s.stop - s.start for s in piece.kept], np.int8)


def reopen(root: Any, piece: Piece) -> None:
    """Take the completion mark away: the piece will be computed again."""
    if root.attrs.get("complete"):
        root.attrs["complete"] = 0
    node(root, piece.look)[DONE][piece.kept] = np.zeros([s.stop - s.start for s in piece.kept], np.int8)


def is_done(root: Any, piece: Piece) -> bool:
    return bool(np.all(np.asarray(node(root, piece.look)[DONE][piece.kept]) == 1))
