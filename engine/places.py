"""Where a store lies: a folder, or a place that fsspec knows (s3://bucket/name.zarr, gs://..., memory://...); and who may write there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..specs.errors import StoreError


def remote(target: "str | Path") -> bool:
    """Whether this is a URL and not a path."""
    return "://" in str(target)


def opened(target: "str | Path", read_only: bool = False) -> Any:
    """What Zarr takes for this place. Raises StoreError for a kind of URL that nothing installed can reach."""
    if not remote(target):
        return str(target)
    from zarr.storage import FsspecStore

    with reached(target):
        return FsspecStore.from_url(str(target), read_only=read_only)


def exists(target: "str | Path") -> bool:
    """Whether something is there. Raises StoreError if the place cannot be reached."""
    if not remote(target):
        return Path(target).exists()
    with reached(target):
        system, path = _filesystem(target)
        return bool(system.exists(path) or system.exists(f"{path}/zarr.json"))


def is_store(target: "str | Path") -> bool:
    """Whether a Zarr group is there."""
    if not remote(target):
        return (Path(target) / "zarr.json").is_file()
    with reached(target):
        system, path = _filesystem(target)
        return bool(system.exists(f"{path}/zarr.json"))


def remove(target: "str | Path") -> None:
    """Delete the store there."""
    if not remote(target):
        shutil.rmtree(target)
        return
    with reached(target):
        system, path = _filesystem(target)
        system.rm(path, recursive=True)


def keys(array: Any) -> set[str]:
    """Which chunks of a Zarr array exist, as "0/3/1". An empty one (all fill value) is never kept."""
    from zarr.core.sync import sync

    prefix = f"{array.path}/c/"

    async def listed() -> set[str]:
        return {key.removeprefix(prefix) async for key in array.store.list_prefix(prefix)}

    return sync(listed())


def free(target: "str | Path") -> int | None:
    """Free bytes on the disk of this path; None for a remote place, which does not say."""
    if remote(target):
        return None
    folder = Path(target).absolute().parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


@contextmanager
def reached(target: "str | Path") -> Iterator[None]:
    """What a remote place raises, whichever library reaches it, becomes a StoreError."""
    try:
        yield
    except StoreError:
        raise
    except ImportError as error:
        raise StoreError(f"{target}: {error}") from error
    except Exception as error:
        if isinstance(error, OSError) or remote(target):
            raise StoreError(f"{target}: cannot be reached: {getattr(error, 'strerror', None) or error or type(error).__name__}") from error
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
