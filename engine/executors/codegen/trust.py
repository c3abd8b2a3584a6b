"""Which files of the cache may be used: those that this user's thalweg left there, as it left them.

Numba keeps machine code as pickles, which can run anything when they are read. So the folder must be the user's and closed to others, and
every file of machine code and every derived text has a digest, keyed by a secret that lies in the folder and only its owner can read
(BLAKE2b, RFC 7693). A file whose digest is another was damaged or changed, and is made anew. Who can write as the user needs no cache to do
harm; that is beyond what this can keep out.
"""

import contextlib
import functools
import hashlib
import json
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Any

KEY_BYTES = 32


class Refused(OSError):
    """A folder that the cache must not use; the text says why."""


def claim(directory: Path, folder: Path, ours: Any) -> None:
    """Make `folder` in `directory` if need be, and close both to others: the directory only if all in it is `ours` (path -> bool), as it may be
    used for more. Raises Refused for what belongs to another user or stays open, OSError for what cannot be made."""
    new = not directory.exists()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not hasattr(os, "geteuid"):
        return
    for place, owners in ((directory, {os.geteuid(), 0}), (folder, {os.geteuid()})):
        if {place.stat().st_uid, place.lstat().st_uid} - owners:
            raise Refused("belongs to another user")
    if new or (directory.stat().st_uid == os.geteuid() and all(map(ours, directory.iterdir()))):
        close(directory)
    close(folder)
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise Refused("is open to other users, and stays so")


def close(folder: Path) -> None:
    """Leave the rights to a folder to its owner alone."""
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(0o700)


@functools.cache
def key(folder: Path) -> bytes:
    """The folder's secret; one that others could read or have put there is replaced."""
    path = folder / "key"
    for _ in range(2):
        try:
            with path.open("rb") as file:
                found, content = os.fstat(file.fileno()), file.read(KEY_BYTES + 1)
            mine = not hasattr(os, "geteuid") or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
            if mine and len(content) == KEY_BYTES and not path.is_symlink():
                return content
        except FileNotFoundError:
            pass
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:  # 0600
            file.write(secrets.token_bytes(KEY_BYTES))
        os.replace(file.name, path)
    return secrets.token_bytes(KEY_BYTES)  # others are at it: nothing kept is used, and nothing is kept


def digest(folder: Path, name: str, content: bytes) -> str:
    """Of a file with this name and content."""
    return hashlib.blake2b(name.encode() + b"\0" + content, key=key(folder), digest_size=16).hexdigest()


def machine_code(path: Path) -> list[Path]:
    """What Numba keeps of the module in this file."""
    inner, start = path.parent / "__pycache__", f"{path.stem}."
    try:
        return [inner / name for name in sorted(os.listdir(inner)) if name.startswith(start)]
    except FileNotFoundError:
        return []


def stamps(path: Path) -> list[tuple[str, int]]:
    """Names and dates of a module's machine code; where they stay as they are, nothing was compiled."""
    made = []
    for code in machine_code(path):
        with contextlib.suppress(FileNotFoundError):  # another process is at it
            made.append((code.name, code.stat().st_mtime_ns))
    return made


def digests(path: Path) -> dict[str, str]:
    """Of a module's machine code as it is now, by name."""
    made = {}
    for code in machine_code(path):
        with contextlib.suppress(FileNotFoundError):
            made[code.name] = digest(path.parent, code.name, code.read_bytes())
    return made


def signed(path: Path) -> dict[str, list[str]]:
    """The digests that a module's files may have, by name: several, if processes compiled it at once."""
    made: dict[str, list[str]] = {}
    try:
        for line in path.with_suffix(".sig").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            made.setdefault(name, []).append(value)
    except (OSError, ValueError):
        pass
    return made


def sign(path: Path) -> None:
    """Note the digests of a module's machine code as it is now."""
    known = signed(path)
    lines = [f"{name} {value}\n" for name, value in digests(path).items() if value not in known.get(name, ())]
    if lines:
        with path.with_suffix(".sig").open("a", encoding="ascii") as file:
            file.write("".join(lines))


def changed(path: Path) -> bool | None:
    """Whether machine code of a module is not as it was left; None if some was left without a digest, by a process that was killed."""
    known, found = signed(path), digests(path)
    if any(name in known and value not in known[name] for name, value in found.items()):
        return True
    return None if found.keys() - known.keys() else False


def wrapped(path: Path, made: Any) -> str:
    """A derived value as the text of its file."""
    return json.dumps({"digest": digest(path.parent, path.name, json.dumps(made).encode()), "made": made})


def unwrapped(path: Path) -> Any:
    """The value from this file. Raises FileNotFoundError if there is none, ValueError for one that is not as it was left."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        made = held["made"]
        if secrets.compare_digest(held["digest"], digest(path.parent, path.name, json.dumps(made).encode())):
            return made
    except (KeyError, TypeError, RecursionError):
        pass
    raise ValueError(f"{path} is not as it was left")
