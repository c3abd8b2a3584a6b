"""A new store in the place of an old one, so that at no moment half of either looks whole.

In a folder the new store is made beside the old one. When all its arrays are there, the old one is renamed aside and the new one gets its
name; then the old one goes. A process may be killed at any point of this: `settle`, which whoever takes the store's lock calls, goes
on where it stopped. Objects of a remote place have no folder to rename: there the root's metadata are replaced first, and say that the rest is being
cleared, so that nothing looks whole until it is.

Only stores that thalweg made are replaced, and only what thalweg wrote into them is deleted: files of others stay where they are.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...specs.errors import StoreError
from ...specs.probe import FOLDER
from ..text.notice import say
from . import location
from .layout import put
from .zarr_stores import zarr_store

CHUNK = re.compile(r"zarr\.json|c(/\d+)*")
"""What an array consists of."""
ARRAY = ("long_name", "units")
"""Attributes that every array of thalweg has."""
BESIDE = re.compile(r"\.(?P<stage>.+)\.(lock|checkpoints)")
"""What lies beside a stage while it runs, and stays where it was killed."""
SHOWN = 5
"""Files that a message names."""


def settle(target: "str | Path") -> None:
    """Finish or undo a replacement that was cut off. The caller holds the store's lock, or is the one who replaces."""
    if location.remote(target):
        return
    place, new, old, gone = location.aside(target)
    if os.path.lexists(old):
        if not os.path.lexists(place):
            (new if new.exists() else old).rename(place)
        if old.exists():
            _carry_over(old, place, target)
            old.rename(gone)
    for folder in (new, gone):
        shutil.rmtree(folder, ignore_errors=True)


def begin(target: "str | Path", files: Mapping[str, Any]) -> None:
    """Make a store of these files at a place, where one of thalweg's may be that is to be replaced. Raises StoreError.

    A folder's old store is as it was if this fails.
    """
    if location.remote(target):
        if location.has_metadata(target):
            _clear_remote(target, files)
        put(zarr_store(target), files)
        return
    settle(target)
    place, new, old, _ = location.aside(target)
    if not location.has_metadata(target):
        _lay_down(place, files)
        return
    _refuse_clash(target, _foreign_in(place), files)
    try:
        _lay_down(new, files)
        place.rename(old)
        new.rename(place)
        if os.name != "nt":
            from .durable import flush

            flush(place.parent)
    except BaseException:
        if os.path.lexists(old) and not os.path.lexists(place):
            old.rename(place)
        if not os.path.lexists(old):
            shutil.rmtree(new, ignore_errors=True)
        raise
    settle(target)


def _lay_down(folder: Path, files: Mapping[str, Any]) -> None:
    """Write these files into a folder, and onto the disk."""
    from zarr.storage import LocalStore

    from .durable import DurableStore

    store = DurableStore(LocalStore(folder))
    put(store, files)
    store.flush()


def resume_clearing(target: "str | Path", root: Any, files: Mapping[str, Any]) -> None:
    """Go on with the replacement of a remote store that was cut off."""
    _clear(target, [str(name) for name in root.attrs["clearing"]])
    put(zarr_store(target), files)


def foreign_keys(keys: Iterable[str], groups: Iterable[str], read: Callable[[str], bytes | None]) -> list[str]:
    """Which of the files in a store are not thalweg's: all but the metadata and the arrays of the groups it was made with."""
    known, others = set(groups), []
    ours: dict[str, bool | None] = {}

    def marked(path: str, *names: str) -> bool | None:
        """Whether these metadata have the attributes that thalweg gives; None if they cannot be read."""
        if path not in ours:
            try:
                ours[path] = all(name in json.loads(read(path) or b"")["attributes"] for name in names)
            except (ValueError, KeyError, TypeError):
                ours[path] = None
        return ours[path]

    stages: dict[str, list[str]] = {}
    for key in keys:
        group, _, rest = key.partition("/")
        if rest and group not in known and marked(f"{group}/zarr.json", "thalweg_format"):
            stages.setdefault(group, []).append(rest)
            continue
        if key == "zarr.json" or key.endswith(location.PARTIAL):
            continue
        in_a_group = group in known or marked(f"{group}/zarr.json", "optimizer")
        if in_a_group and rest in ("zarr.json", f"{FOLDER}/zarr.json"):
            continue
        if (
            in_a_group
            and rest.startswith(f"{FOLDER}/")
            and not marked(f"{group}/{FOLDER}/zarr.json", *ARRAY)
            and marked(f"{group}/{'/'.join(rest.split('/')[:2])}/zarr.json", "probe") is not False
        ):
            group, rest = f"{group}/{'/'.join(rest.split('/')[:2])}", "/".join(rest.split("/")[2:])
            if rest == "zarr.json":
                continue
        array, _, inner = rest.partition("/")
        if in_a_group and inner and CHUNK.fullmatch(inner) and marked(f"{group}/{array}/zarr.json", *ARRAY) is not False:
            continue
        beside = BESIDE.fullmatch(group)
        if beside and beside["stage"] not in known and marked(f"{beside['stage']}/zarr.json", "thalweg_format"):
            continue
        others.append(key)
    for stage, inner_keys in stages.items():
        own = groups_of(read(f"{stage}/zarr.json") or b"")
        others += [f"{stage}/{key}" for key in foreign_keys(inner_keys, own, lambda key, stage=stage: read(f"{stage}/{key}"))]
    return sorted(others)


def groups_of(metadata: bytes) -> list[str]:
    """The groups of a store with these root metadata, by the study it holds."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        attributes = json.loads(metadata)["attributes"]
        cleared = [str(name) for name in attributes.get("clearing", [])]
        return cleared + [str(o.get("label") or o["kind"]) for o in json.loads(attributes["study"])["optimizers"]]
    return []


def _files_in(folder: Path) -> Iterator[str]:
    """Every file below, and every link, by its path from here."""
    for at, inner, names in os.walk(folder):
        for name in [*names, *(n for n in inner if os.path.islink(os.path.join(at, n)))]:
            yield os.path.relpath(os.path.join(at, name), folder).replace(os.sep, "/")


def _foreign_in(folder: Path) -> list[str]:
    def read(key: str) -> bytes | None:
        path = folder / key
        return path.read_bytes() if path.is_file() else None

    return foreign_keys(_files_in(folder), groups_of(read("zarr.json") or b""), read)


def _refuse_clash(target: "str | Path", kept: list[str], files: Mapping[str, Any]) -> None:
    """Raises StoreError if a file that is not thalweg's lies where the new store has one of its own."""
    clash = [key for key in kept if key in files or any(name.startswith(f"{key}/") for name in files)]
    if clash:
        raise StoreError(f"{target}: holds {clash[0]}, which is not thalweg's and is in the way of the new store; move it away first")


def _say_kept(target: "str | Path", kept: list[str]) -> None:
    if kept:
        more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
        say(f"{target}: kept what is not thalweg's: {', '.join(kept[:SHOWN])}{more}")


def _carry_over(old: Path, place: Path, target: "str | Path") -> None:
    """Move what is not thalweg's from the old store's folder into the new one's."""
    kept = _foreign_in(old)
    for key in kept:
        goal = place / key
        if not os.path.lexists(goal):
            goal.parent.mkdir(parents=True, exist_ok=True)
            (old / key).rename(goal)
    _say_kept(target, kept)


def _clear_remote(target: "str | Path", files: Mapping[str, Any]) -> None:
    """Replace the root's metadata, then delete what the old store consists of."""
    system, path = location.filesystem(target)
    system.invalidate_cache()
    before = system.cat_file(f"{path}/zarr.json")
    groups = groups_of(before)
    kept = _remote_foreign(system, path, groups)[1]
    _refuse_clash(target, kept, files)
    root = json.loads(files["zarr.json"].to_bytes())
    root["attributes"]["clearing"] = groups
    system.pipe_file(f"{path}/zarr.json", json.dumps(root).encode())
    _clear(target, groups)
    _say_kept(target, kept)


def _clear(target: "str | Path", groups: list[str]) -> None:
    """Delete the chunks, then the arrays' metadata, then the groups', so that what is left is known for what it is."""
    system, path = location.filesystem(target)
    system.invalidate_cache()
    keys, kept = _remote_foreign(system, path, groups)
    ours = sorted({*keys} - {*kept, "zarr.json"})
    chunks = [key for key in ours if not key.endswith("zarr.json")]
    metadata = [key for key in ours if key.endswith("zarr.json")]
    for some in (chunks, [key for key in metadata if key.count("/") > 1], [key for key in metadata if key.count("/") == 1]):
        if some:
            system.rm([f"{path}/{key}" for key in some])


def _remote_foreign(system: Any, path: str, groups: list[str]) -> tuple[list[str], list[str]]:
    """(every object of the place by its key, those that are not thalweg's)."""
    start = path.rstrip("/") + "/"
    keys = [name[name.index(start) + len(start) :] for name in system.find(path) if start in name]

    def read(key: str) -> bytes | None:
        return system.cat_file(f"{path}/{key}") if key in keys else None

    return keys, foreign_keys(keys, groups, read)
