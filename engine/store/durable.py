"""A store in a folder that keeps its order of writing through a power failure.

Zarr's own LocalStore renames every file into place, so no process sees half of one. But what the system has not flushed yet is lost with the
power, in any order: a completion mark could outlive the data it speaks of. Here everything written is flushed before a mark is, and a mark
before it gets its name. Flushes go out side by side: sixteen then take hardly longer than one. Those of large files go out as soon as
they are written, so that the disk works while the processor does.
"""

import asyncio
import contextlib
import os
import threading
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore, WrapperStore

from .location import PARTIAL

LARGE = 2**20
"""Bytes of a file from which on its flush does not wait for the next mark."""


def is_mark(key: str) -> bool:
    """Whether others count on this file: a shard's completion mark, the root's metadata."""
    return key == "zarr.json" or "/status/c/" in key or ("/probe/" in key and "/done/c/" in key)


class DurableStore(WrapperStore[LocalStore]):
    """Zarr's store of a folder, whose marks follow what they speak of onto the disk.

    All of Zarr's ways to write a file are here. One that WrapperStore handed on to the folder's own store, as newer versions do with
    `set_sync`, would not be flushed before the next mark.
    """

    def __init__(self, store: LocalStore):
        super().__init__(store)
        self.local, self.root = store, store.root
        self.pending: deque[Path] = deque()
        self.begun: deque[Future[None]] = deque()
        """Flushes of large files that are under way."""
        self.flushers = ThreadPoolExecutor(4)
        self.flushing = threading.Lock()
        self.known: set[Path] = set()
        """Folders whose own name is on the disk."""

    async def set(self, key: str, value: Any) -> None:
        if is_mark(key):
            await asyncio.to_thread(self.mark, self.root / key, value.as_buffer_like())
        else:
            await self.local.set(key, value)
            self.wrote(key, len(value))

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        await self.local.set_if_not_exists(key, value)
        self.wrote(key, len(value))

    def set_sync(self, key: str, value: Any) -> None:
        if is_mark(key):
            self.mark(self.root / key, value.as_buffer_like())
        else:
            self.local.set_sync(key, value)
            self.wrote(key, len(value))

    def wrote(self, key: str, size: int) -> None:
        """Remember that a file is to be flushed, and begin with it if it is large."""
        self.pending.append(self.root / key)
        if size >= LARGE:
            self.begun.append(self.flushers.submit(flush, self.root / key))

    def mark(self, path: Path, content: Any) -> None:
        """Write a file that says that what was written before is there."""
        if self.read_only:
            raise ValueError(f"{self.root}: was opened only for reading")
        self.flush()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self.pending.append(path)

    def flush(self) -> None:
        """Return when everything written so far, by any thread, is on the disk: files, and the folders that have their names."""
        with self.flushing:
            files: set[Path] = set()
            while self.pending:
                files.add(self.pending.popleft())
            folders, new = set(), set()
            for file in files:
                folder = file.parent
                folders.add(folder)
                while folder not in self.known and folder not in new and folder.is_relative_to(self.root):
                    new.add(folder)
                    folder = folder.parent
                    folders.add(folder)
            try:
                while self.begun:
                    self.begun.popleft().result()
                with ThreadPoolExecutor(16) as pool:
                    list(pool.map(flush, [*files, *(() if os.name == "nt" else folders)]))
            except OSError:
                self.pending.extend(files)
                raise
            self.known |= new


def flush(path: Path) -> None:
    """Flush a file or a folder, if it is there still."""
    with contextlib.suppress(FileNotFoundError):
        opened = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
