"""The places that a study names: where they are, and the fence around the study's folder, which holds for all of them.

A study from somebody else must not read files it has no business with, nor contact other machines. What it names must lie in its own folder
or below, links followed, and so must everything that the named thing refers to: what a link inside a folder leads to, the other files that
an HDF5 file takes parts of, the files that a store's own study names. `--allow-outside` lifts the fence.
"""

import importlib
import json
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .errors import SpecError
from .plain import Key, Source

FILES: tuple[tuple[Key, str], ...] = ((("landscape", "data"), "file"), (("init",), "path"))
"""Where in a study a file is named: the mapping, and its key. Relative ones start at the mapping's `root`, if it has one."""
IRREGULAR = "is not a regular file (devices, pipes and sockets are not read)"
HOW = "if you trust the study, run it with --allow-outside"
_HDF5 = b"\x89HDF"


def located(root: "str | Path", place: str) -> Path:
    """Where `place` is, from `root` on; `~` is the home folder."""
    return Path(root) / os.path.expanduser(place)


def regular(path: Path) -> bool:
    """Whether this can be opened and read to its end: an ordinary file, a folder, or nothing at all. Raises OSError or ValueError for what
    cannot be a path."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return True
    return stat.S_ISREG(kind) or stat.S_ISDIR(kind)


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything in a folder and below, links followed, every folder once."""
    waiting, seen = [str(folder)], set()
    while waiting:
        at = os.path.realpath(waiting.pop())
        if at in seen:
            continue
        seen.add(at)
        with os.scandir(at) as found:
            for entry in found:
                yield entry
                if entry.is_dir():
                    waiting.append(entry.path)


def leads_out(path: Path, folder: Path) -> str | None:
    """How what is at `path` leads out of `folder`, in words; None if it does not."""
    folder = folder.resolve()
    try:
        if not path.resolve().is_relative_to(folder):
            return "lies outside the study's folder"
        if path.is_dir():
            for entry in entries(path):
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(folder):
                    return f"has a link, {os.path.relpath(entry.path, path)}, that leads outside the study's folder"
                if not regular(Path(entry.path)):
                    return f"holds {os.path.relpath(entry.path, path)}, which {IRREGULAR}"
        elif path.is_file() and _begins(path) == _HDF5:
            return _foreign_parts(path)
    except (OSError, ValueError, RuntimeError) as error:  # also links that lead in a circle
        return f"cannot be followed ({getattr(error, 'strerror', None) or error})"
    return None


def set_root(data: Any, folder: Path, stages: Collection[str] = ()) -> None:
    """Tell the parts that name files where relative paths start: at the study's own folder, or from there at the root they give. Absolute, so
    that a store says where its data are, wherever it is finished from. `stages` are names that stand for stores that this study makes itself."""
    for keys, _, unit in _units(data):
        if isinstance(unit, dict) and (keys[0] != "init" or unit.get("kind") == "file") and isinstance(unit.get("root", ""), str):
            unit["root"] = str(folder / unit.get("root", ""))
    for _, unit in stores_in(data):
        if not address(unit["store"]) and unit["store"] not in stages:
            unit["store"] = str(located(folder, unit["store"]))


def stores_in(data: Any) -> Iterator[tuple[Key, dict[str, Any]]]:
    """(key, mapping) wherever a study, as plain data, names a store: what it branches from, what starts are made of, what its formula uses."""
    starts, used = _inner(data, ("init", "of")), _inner(data, ("landscape", "uses"))
    found: list[tuple[Key, Any]] = [(("branch",), _inner(data, ("branch",)))]
    found += [(("init", "of", k), one) for k, one in enumerate(starts)] if isinstance(starts, list) else []
    found += [(("landscape", "uses", name), one) for name, one in used.items()] if isinstance(used, dict) else []
    for key, unit in found:
        if isinstance(unit, dict) and isinstance(unit.get("store"), str):
            yield key, unit


def address(place: str) -> bool:
    """Whether this is a URL, or a chain of them, and not a path."""
    return "://" in place or "::" in place


def confine(source: Source, folder: Path, stages: Collection[str] = ()) -> None:
    """Raises SpecError, with every problem, if the study names a place outside its folder, or one that leads there."""
    problems = []
    for path, place, at in _named(source.data, folder):
        if path[-1] == "store" and place in stages:
            continue
        reason = "is an address, not a place in the study's folder" if at is None else leads_out(at, folder)
        if not reason and at is not None and path[-1] == "store":
            reason = _of_other_study(at, folder)
        if reason:
            problems.append(f"{source.at(path)}: {'.'.join(map(str, path))}: {place:.200} {reason}; {HOW}")
    if problems:
        raise SpecError(problems)


def _named(data: Any, folder: Path) -> Iterator[tuple[Key, str, Path | None]]:
    """(key, place as given, path or None for an address) of every place that a study names."""
    units = [*_units(data), *((keys, "store", unit) for keys, unit in stores_in(data))]
    for keys, name, unit in units:
        place = unit.get(name) if isinstance(unit, dict) else None
        if isinstance(unit, dict) and isinstance(place, str):
            yield (*keys, name), place, None if address(place) else located(str(unit.get("root") or folder), place)


def _units(data: Any) -> Iterator[tuple[Key, str, Any]]:
    """(key, the field that names a file, part) of every part that may name one; of several in a list, each."""
    for keys, name in FILES:
        found = _inner(data, keys)
        if isinstance(found, dict) and {*found} == {"values"}:
            keys, found = (*keys, "values"), found["values"]
        if isinstance(found, list):
            yield from (((*keys, k), name, one) for k, one in enumerate(found))
        else:
            yield keys, name, found


def _inner(data: Any, keys: Key) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _of_other_study(store: Path, folder: Path) -> str | None:
    """How the study that a store holds leads out; it is read, with its data, by what branches from it."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        study = json.loads(json.loads((store / "zarr.json").read_bytes())["attributes"]["study"])
        for path, place, at in _named({key: value for key, value in study.items() if key != "branch"}, folder):
            reason = "is an address" if at is None else leads_out(at, folder)
            if reason:
                return f"holds a study whose {'.'.join(map(str, path))}, {place:.200}, {reason}"
    return None


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_HDF5))


def _foreign_parts(path: Path) -> str | None:
    """The first part of an HDF5 file that lies in another one, in words."""
    try:
        h5py: Any = importlib.import_module("h5py")
    except ImportError:
        return None  # then nothing reads the file either
    try:
        file = h5py.File(path, "r")
    except OSError:
        return None  # nothing can read it
    with file:
        waiting: list[Any] = [file["/"]]
        seen: set[tuple[int, int]] = set()
        while waiting:
            group = waiting.pop()
            for name in group:
                try:
                    link = group.get(name, getlink=True)
                    if isinstance(link, h5py.ExternalLink):
                        return f"has a link, {name:.60}, to another file, {link.filename:.200}"
                    if not isinstance(link, h5py.HardLink):
                        continue  # a soft link leads to what has a hard link, or to an external one
                    found = group[name]
                    known = h5py.h5o.get_info(found.id)
                except (KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
                    return f"has a part, {name:.60}, that cannot be followed ({error})"
                if (known.fileno, known.addr) in seen:
                    continue
                seen.add((known.fileno, known.addr))
                if isinstance(found, h5py.Group):
                    waiting.append(found)
                elif isinstance(found, h5py.Dataset):
                    others = [part[0] for part in found.external or ()]
                    others += [part.file_name for part in found.virtual_sources() if part.file_name != "."] if found.is_virtual else []
                    if others:
                        return f"keeps {name:.60} in another file, {others[0]:.200}"
    return None
