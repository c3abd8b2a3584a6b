"""What a store comes from: the study, the data it read, the versions; and whether this is what would be run now."""

import contextlib
import hashlib
import json
import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, StoreError, ThalwegError
from ...specs.fence import stores_in
from ...specs.init import File
from ...specs.session import sources
from ...specs.study import Study
from ...specs.sweep import values_of
from . import location

FORMAT_VERSION = 1
PACKAGES = ("numpy", "zarr", "pydantic")
OWN_VERSION: str = sys.modules[__name__.partition(".")[0]].__version__


def portable(study: Study, target: "str | Path | None") -> dict[str, Any]:
    """The study as plain data, in which stores beside this one in a store of stages are named from here: the whole may be moved."""
    data = study.model_dump(mode="json")
    if target is None or location.remote(target):
        return data
    folder = location.real(target).parent
    for _, unit in stores_in(data):
        if not location.remote(unit["store"]) and location.real(unit["store"]).parent == folder and (folder / "zarr.json").is_file():
            unit["store"] = f"../{location.real(unit['store']).name}"
    return data


def provenance(study: Study, target: "str | Path | None" = None) -> dict[str, Any]:
    """Root attributes, text and numbers: the whole study and where, when and with what it ran. `every_chunk` says that a chunk of a complete
    shard that is absent is lost; earlier versions left out those that held nothing."""
    return (
        {
            "thalweg_format": FORMAT_VERSION,
            "thalweg_version": OWN_VERSION,
            "study": json.dumps(portable(study, target)),
            "title": study.title or study.name,
            "source": study.source,
            "packages": packages(),
            "device": f"cpu ({platform.machine()}, {sys.platform})",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "complete": 0,
            "every_chunk": 1,
        }
        | ({"session_units": json.dumps(own)} if (own := sources(study)) else {})
        | ({"data_sha256": json.dumps(found)} if (found := digests(study)) else {})
    )


@cache
def packages() -> str:
    """The versions of what a run depends on, and of Python, as JSON; read once a process."""
    return json.dumps({name: version(name) for name in PACKAGES} | {"python": platform.python_version()})


def plain(value: Any) -> Any:
    """A root attribute as plain data: lists and mappings are stored as JSON text, since NetCDF has neither, and by earlier versions as such."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def as_text(value: Any) -> Any:
    """The same the other way round: what NetCDF has no attribute for as JSON text, a truth value as 0 or 1."""
    return json.dumps(value) if isinstance(value, (dict, list)) else int(value) if isinstance(value, bool) else value


def digests(study: Study) -> dict[str, str]:
    """SHA-256 of what the study reads from files: the landscape's samples, the starts."""
    made = {}
    if (data := study.landscape.dataset) is not None:
        made["landscape.data"] = data.fingerprint
    starts = values_of(study.init)
    for k, start in enumerate(starts):
        if not isinstance(start, File):
            continue
        name = "init" if len(starts) == 1 else f"init[{k}]"
        path = start.file()
        try:
            made[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SpecError(f"{name}.path: cannot read {path}: {error.strerror or error}") from None
    return made


def same_study(root: Any, study: Study, target: "str | Path") -> None:
    """Raises StoreError that names what differs between the study a store holds and this one; files may have moved, but not changed."""
    stored, wanted = plain(root.attrs.get("study", "{}")), portable(study, target)
    if not isinstance(stored, dict):
        raise StoreError(f"{target}: the study in its attributes is damaged; choose another --out, or --overwrite")
    differing = differing_fields(stored, wanted)
    if differing:  # a store that was begun before a field existed has its default
        with contextlib.suppress(ThalwegError, ValueError, OSError):
            differing = differing_fields(Study.model_validate(stored).model_dump(mode="json"), wanted)
    if differing:
        raise StoreError(f"{target}: holds another study, which differs in: {', '.join(differing)}; choose another --out, or --overwrite")
    if (begun := plain(root.attrs.get("session_units"))) and begun != sources(study):
        raise StoreError(f"{target}: was begun with different source code of {', '.join(begun)}; choose another --out, or --overwrite")
    if (begun := plain(root.attrs.get("data_sha256"))) and begun != digests(study):
        raise StoreError(f"{target}: was begun with other data: the content of {', '.join(begun)} has changed; choose another --out")


def differing_fields(stored: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The fields in which two studies differ, as plain data; where their files lie does not count."""
    for data in (stored, wanted):
        init = data.get("init")
        starts = init["values"] if isinstance(init, dict) and isinstance(init.get("values"), list) else [init]
        for unit in ((data.get("landscape") or {}).get("data"), *starts):
            if isinstance(unit, dict):
                unit.pop("root", None)
    return sorted(key for key in {*stored, *wanted} if stored.get(key) != wanted.get(key))


def same_version(root: Any, target: Any, what: str = "finish it") -> None:
    """Raises StoreError unless this version began the store, whose bits another may not continue."""
    if (begun := root.attrs.get("thalweg_version")) != OWN_VERSION:
        raise StoreError(f"{target}: was begun with thalweg {begun}, this is {OWN_VERSION}; {what} with that version")
