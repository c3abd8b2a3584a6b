"""Where a store lies: a folder, or a place that fsspec knows (s3://bucket/name.zarr, gs://..., memory://...); and who may write there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..specs.errors import StoreError

PARTIAL = ".partial"
"""How names of files end that are not whole yet, Zarr's and durable.py's; what a killed process leaves of them counts for nothing."""


def remote(target: "str | Path") -> bool:
    """Whether this is a URL and not a path."""
    return "://" in str(target)


def opened(target: "str | Path", read_only: bool = False) -> Any:
    """What Zarr takes for this place. Raises StoreError for a kind of URL that nothing installed can reach."""
    if not remote(target):
        from .durable import DurableStore

        return str(target) if read_only else DurableStore(Path(target))
    from zarr.storage import FsspecStore

    with reached(target):
        return FsspecStore.from_url(str(target), read_only=read_only)


def exists(target: "str | Path") -> bool:
    """Whether something is there; a folder with nothing in it is what a run leaves that was cut off at once. Raises StoreError if the place
    cannot be reached."""
    with reached(target):
        if not remote(target):
            path = Path(target)
            return any(not p.name.endswith(PARTIAL) for p in path.iterdir()) if path.is_dir() else path.exists()
        system, path = _filesystem(target)
        return bool(system.exists(path) or system.exists(f"{path}/zarr.json"))


def is_store(target: "str | Path") -> bool:
    """Whether a Zarr group is there."""
    with reached(target):
        if not remote(target):
            return (Path(target) / "zarr.json").is_file()
        system, path = _filesystem(target)
        return bool(system.exists(f"{path}/zarr.json"))


def remove(target: "str | Path") -> None:
    """Delete the store there."""
    with reached(target, "written"):
        if not remote(target):
            shutil.rmtree(target)
            return
        system, path = _filesystem(target)
        system.rm(path, recursive=True)


def keys(array: Any) -> set[str]:
    """Which chunks of a Zarr array exist, as "0/3/1". An empty one (all fill value) is never kept."""
    from zarr.core.sync import sync
    from zarr.storage import LocalStore

    prefix = f"{array.path}/c/"
    if isinstance(array.store, LocalStore):  # ten times as fast as Zarr's own listing
        top = str(array.store.root / prefix)
        return {os.path.relpath(os.path.join(at, name), top).replace(os.sep, "/") for at, _, names in os.walk(top) for name in names}

    async def listed() -> set[str]:
        return {key.removeprefix(prefix) async for key in array.store.list_prefix(prefix)}

    return sync(listed())


def tidy(folder: "str | Path") -> None:
    """Remove what killed processes left half written in a store that nobody writes."""
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(PARTIAL):
                with suppress(OSError):
                    os.unlink(os.path.join(at, name))


def free(target: "str | Path") -> int | None:
    """Free bytes on the disk of this path; None for a remote place, which does not say."""
    if remote(target):
        return None
    folder = Path(target).absolute().parent
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
        if isinstance(error, OSError) or remote(target):
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            raise StoreError(f"{target}: cannot be {'reached' if remote(target) else done}: {reason}") from error
        raise


@contextmanager
def held(target: "str | Path | None") -> Iterator[None]:
    """Keep other processes of this machine (and of others, where the file system's locks reach) from writing this store.

    The lock is the operating system's on a file beside the store, so it ends with the process that holds it, however that ends. Remote
    places have no locks. Raises StoreError if another process holds it.
    """
    if target is None or remote(target):
        yield
        return
    from filelock import FileLock, Timeout

    path = Path(target).absolute()
    file = path.with_name(f".{path.name}.lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=0, is_singleton=False)
        lock.acquire()
    except Timeout:
        raise StoreError(f"{target}: another process is writing it; wait for that one, or choose another --out") from None
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def _filesystem(target: "str | Path") -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(str(target))
