"""What a store comes from: the study, the data it read, the versions; and whether this is what would be run now."""

import hashlib
import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..specs.errors import SpecError, StoreError
from ..specs.init import File
from ..specs.study import Study

FORMAT_VERSION = 1
OWN_VERSION: str = sys.modules[__name__.partition(".")[0]].__version__


def provenance(study: Study) -> dict[str, Any]:
    """Root attributes: the whole study and where, when and with what it ran."""
    return {
        "thalweg_format": FORMAT_VERSION,
        "thalweg_version": OWN_VERSION,
        "study": json.dumps(study.model_dump(mode="json")),
        "title": study.title or study.name,
        "source": study.source,
        "packages": {name: version(name) for name in ("numpy", "zarr", "pydantic")} | {"python": platform.python_version()},
        "device": f"cpu ({platform.machine()}, {sys.platform})",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": False,
    } | ({"data_sha256": found} if (found := digests(study)) else {})


def digests(study: Study) -> dict[str, str]:
    """SHA-256 of what the study reads from files: the landscape's samples, the starts."""
    made = {}
    if (data := getattr(study.landscape, "dataset", None)) is not None:
        made["landscape.data"] = data.fingerprint
    if isinstance(start := study.start(), File):
        path = start.file()
        try:
            made["init"] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SpecError(f"init.path: cannot read {path}: {error.strerror or error}") from None
    return made


def same_study(root: Any, study: Study, target: "str | Path") -> None:
    """Raises StoreError that names what differs between the study a store holds and this one; files may have moved, but not changed."""
    stored, wanted = json.loads(str(root.attrs.get("study", "{}"))), study.model_dump(mode="json")
    for data in (stored, wanted):
        for unit in ((data.get("landscape") or {}).get("data"), data.get("init")):
            if isinstance(unit, dict):
                unit.pop("root", None)
    differing = sorted(key for key in {*stored, *wanted} if stored.get(key) != wanted.get(key))
    if differing:
        raise StoreError(f"{target}: holds another study, it differs in: {', '.join(differing)}; choose another --out, or --overwrite")
    if (begun := root.attrs.get("data_sha256")) and begun != digests(study):
        raise StoreError(f"{target}: was begun with other data: the content of {', '.join(begun)} has changed; choose another --out")


def same_version(root: Any, target: Any, what: str = "finish it") -> None:
    """Raises StoreError unless this version began the store, whose bits another may not continue."""
    if (begun := root.attrs.get("thalweg_version")) != OWN_VERSION:
        raise StoreError(f"{target}: was begun with thalweg {begun}, this is {OWN_VERSION}; {what} with that version")
