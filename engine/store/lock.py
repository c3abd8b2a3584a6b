"""Who may write a store: one process at a time, which first settles a replacement that was cut off."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...specs.errors import StoreError
from .location import PARTIAL, aside, filesystem, has_metadata, path_of, reached, real, remote


@contextmanager
def locked(target: "str | Path | None") -> Iterator[None]:
    """Keep other processes of this machine (and of others, where the file system's locks reach) from writing this store.

    The lock is the operating system's on a file beside the store, so it ends with the process that holds it, however that ends. Remote
    places have no locks. Raises StoreError if another process holds it.
    """
    if target is None or remote(target):
        yield
        return
    from filelock import FileLock, Timeout

    path = real(target)
    file = path.with_name(f".{path.name}.lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file, timeout=0, is_singleton=False)
        lock.acquire()
    except (Timeout, OSError) as error:
        raise StoreError(f"{target}: {_why_not_locked(file, error)}") from None
    try:
        if any(map(os.path.lexists, aside(target)[1:])):
            from .replace import settle

            with reached(target, "written"):
                settle(target)
        yield
    finally:
        file.unlink(missing_ok=True)
        lock.release()


def _why_not_locked(file: Path, error: Exception) -> str:
    """What kept a lock from being taken: another process that has it, or a place that cannot be written, which looks the same to the lock."""
    if not isinstance(error, OSError) or isinstance(error, TimeoutError):
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o666))
            return "another process is writing it; wait for that one, or choose another --out"
        except OSError as other:
            error = other
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "cannot be written: a part of its path is not a folder"
    return f"cannot be written: {error.strerror or error}"


def regain(target: "str | Path") -> None:
    """Where a process was killed just when a new store took the place of an old one, and none has the name, the new one gets it."""
    if not path_of(target).exists() and path_of(target).name and aside(target)[2].exists():
        with suppress(StoreError), locked(target):
            pass


def exists(target: "str | Path") -> bool:
    """Whether something is there; a folder with nothing in it is what a run leaves that was cut off at once. Raises StoreError if the place
    cannot be reached."""
    with reached(target):
        if not remote(target):
            regain(target)
            path = path_of(target)
            return any(not p.name.endswith(PARTIAL) for p in path.iterdir()) if path.is_dir() else path.exists()
        system, path = filesystem(target)
        return bool(system.exists(path) or system.exists(f"{path}/zarr.json"))


def is_store(target: "str | Path") -> bool:
    """Whether a Zarr group is there."""
    if not remote(target):
        with reached(target):
            regain(target)
    return has_metadata(target)
