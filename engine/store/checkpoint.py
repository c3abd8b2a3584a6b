"""State of unfinished shards beside the store, so that a shard of hours loses a minute: iterates, optimizer state, records not yet written.

Files lie in .NAME.zarr.checkpoints/ and go with the shard's completion mark. A file counts only for the store, study, version and executor
that it was written for. Remote stores, statistics over seeds and diagnostics have none: their shards start again.
"""

import contextlib
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

EVERY = 60.0
"""Seconds between two checkpoints of a shard."""


class Checkpoint:
    """The file of one shard, or of one part of it; without a file nothing is kept."""

    def __init__(self, file: Path | None = None, key: str = "", settle: Callable[[], Any] = lambda: None):
        self.file, self.key, self.settle = file, key, settle
        self.next = time.monotonic() + EVERY

    def part(self, k: int | str) -> "Checkpoint":
        """That of the k-th part of the shard's runs, or of a device."""
        return Checkpoint(self.file.with_name(f"{self.file.stem}-{k}.npz") if self.file else None, f"{self.key}-{k}", self.settle)

    def due(self) -> bool:
        """Whether it is time."""
        return self.file is not None and time.monotonic() >= self.next

    def save(self, arrays: dict[str, Any]) -> None:
        """Keep these arrays, once the records handed over before are on disk. A disk that refuses is no reason to stop."""
        assert self.file is not None
        self.settle()
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.file.parent, suffix=".part", delete=False) as made:
                np.savez(made, allow_pickle=False, key=np.asarray(self.key), **{name: np.asarray(value) for name, value in arrays.items()})
                made.flush()
                os.fsync(made.fileno())
            os.replace(made.name, self.file)
        self.next = time.monotonic() + EVERY

    def load(self, like: Sequence[np.ndarray] = ()) -> dict[str, np.ndarray] | None:
        """What was kept last. None if that is nothing, damaged, or another run's; or if its arrays `state0`, `state1`, ... have other shapes than
        those of `like`: another processor has longer or shorter vectors, and lays out runs for them."""
        if self.file is None:
            return None
        try:
            with np.load(self.file, allow_pickle=False) as found:
                if str(found["key"]) != self.key or any(found[f"state{k}"].shape != a.shape for k, a in enumerate(like)):
                    return None
                return {name: found[name] for name in found.files if name != "key"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def drop(self) -> None:
        """Forget it and its parts."""
        if self.file is not None:
            for file in [self.file, *self.file.parent.glob(f"{self.file.stem}-*.npz")]:
                file.unlink(missing_ok=True)


def flat(state: Any) -> list[Any]:
    """The arrays of nested tuples and lists, in order."""
    return [a for part in state for a in flat(part)] if isinstance(state, (tuple, list)) else [state]


def nested(like: Any, arrays: list[Any]) -> Any:
    """The arrays in the structure of `like`; takes them from the front of the list."""
    return type(like)(nested(part, arrays) for part in like) if isinstance(like, (tuple, list)) else arrays.pop(0)
