"""Where a store lies: a folder, or a place that fsspec knows (s3://bucket/name.zarr, gs://..., memory://...)."""

import os
import shutil
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...specs.errors import StoreError

PARTIAL = ".partial"
"""How names of files end that are not whole yet, Zarr's and durable.py's; what a killed process leaves of them counts for nothing."""


def remote(target: "str | Path") -> bool:
    """Whether this is a URL and not a path; file:///runs/a.zarr is the path /runs/a.zarr."""
    return "://" in str(target) and not str(target).startswith("file://")


def path_of(target: "str | Path") -> Path:
    """The path of a place that is not remote."""
    text = str(target)
    if text.startswith("file://"):
        from urllib.request import url2pathname  # slow to import

        text = url2pathname(urlsplit(text).path)
    return Path(text)


def real(target: "str | Path") -> Path:
    """The same, absolute, links followed. Raises StoreError for what cannot be the folder of a store."""
    if "\0" in str(target):
        raise StoreError(f"{target}: cannot be a store; a path cannot hold a null character")
    path = Path(os.path.realpath(path_of(target)))
    if not str(target).strip() or not path.name:
        raise StoreError(f"{str(target) or '(nothing)'}: cannot be a store; give a name, as in --out runs.zarr")
    return path


def same(a: "str | Path", b: "str | Path") -> bool:
    """Whether these are one place."""
    return str(a).rstrip("/") == str(b).rstrip("/") if remote(a) or remote(b) else real(a) == real(b)


def has_metadata(target: "str | Path") -> bool:
    """Whether a Zarr group is there."""
    with reached(target):
        if not remote(target):
            return (path_of(target) / "zarr.json").is_file()
        system, path = filesystem(target)
        return bool(system.exists(f"{path}/zarr.json"))


def aside(target: "str | Path") -> tuple[Path, Path, Path, Path]:
    """(the store's folder; beside it the new store while it is made, the old one once it is renamed, what is only to be deleted)."""
    place = real(target)
    return place, *(place.with_name(f".{place.name}.thalweg-{part}") for part in ("new", "old", "gone"))  # type: ignore[return-value]


def keys(array: Any) -> set[str]:
    """Which chunks of a Zarr array exist, as "0/3/1"."""
    prefix = f"{array.path}/c/"
    folder = getattr(array.store, "root", None)  # which both stores of folders have, Zarr's and durable.py's
    if folder is not None:  # ten times as fast as Zarr's own listing
        top = str(folder / prefix)
        return {
            os.path.relpath(os.path.join(at, name), top).replace(os.sep, "/")
            for at, _, names in os.walk(top)
            for name in names
            if name.isdigit()
        }

    async def listing() -> set[str]:
        return {key.removeprefix(prefix) async for key in array.store.list_prefix(prefix) if key[-1].isdigit()}

    return wait_for(listing())


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """What this work of a Zarr store comes to. It goes on in the loop that Zarr itself works in, as connections to a remote place cannot change
    loops; Zarr has no public name for that."""
    from zarr.core.sync import sync

    return sync(work)


def tidy(target: "str | Path") -> None:
    """Remove what killed processes left half written in a store that nobody writes."""
    for at, _, names in os.walk(path_of(target)):
        for name in names:
            if name.endswith(PARTIAL):
                with suppress(OSError):
                    os.unlink(os.path.join(at, name))


def free(target: "str | Path") -> int | None:
    """Free bytes on the disk of this path; None for a remote place, which does not say."""
    if remote(target):
        return None
    folder = real(target).parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextmanager
def reached(target: "str | Path", done: str = "read") -> Iterator[None]:
    """What a remote place raises, whichever library reaches it, becomes a StoreError; so does what the operating system says of a folder."""
    try:
        yield
    except StoreError:
        raise
    except ImportError as error:
        raise StoreError(f"{target}: {error}") from error
    except Exception as error:
        if isinstance(error, PermissionError) and remote(target):
            raise StoreError(f"{target}: access is denied; check the credentials and their permissions there") from error
        if isinstance(error, OSError) or remote(target):
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            raise StoreError(f"{target}: cannot be {'reached' if remote(target) else done}: {reason}") from error
        raise


def filesystem(target: "str | Path") -> tuple[Any, str]:
    """What reaches a remote place, and the path there."""
    import fsspec

    return fsspec.core.url_to_fs(str(target))
