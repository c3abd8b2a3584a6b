"""Files written whole or not at all: beside their place first, then renamed, so that a kill or a full disk leaves what was there."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...specs.errors import StoreError


@contextmanager
def whole(path: "str | Path") -> Iterator[Path]:
    """A path to write to, which becomes `path` if the block ends well; it has the same suffix. What is no regular file (a terminal, a pipe)
    is written directly; a link stays a link. Raises StoreError where it cannot be written."""
    goal = Path(os.path.realpath(path))
    try:
        if goal.exists() and not goal.is_file():
            yield Path(path)
            return
        part = goal.with_name(f".{uuid.uuid4().hex[:12]}{goal.suffix}")
        try:
            yield part
            if goal.exists():
                shutil.copymode(goal, part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(goal)
        finally:
            with suppress(OSError):
                part.unlink()
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_whole(path: "str | Path", text: str) -> None:
    """The text as a UTF-8 file. Raises StoreError where it cannot be written."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
