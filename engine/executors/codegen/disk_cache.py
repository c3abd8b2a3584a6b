"""Generated kernels on disk: compiled once a machine, not once a process; the first time by two processes, if there are processors for them.

A kernel's source is written to DIRECTORY/<digest>/k_<hash of the source>.py and imported from there, so that Numba's own cache keeps its
machine code beside it. Numba looks at the date of that one file; what the kernel imports, it does not see. So <digest> stands for
everything else the machine code depends on: the text of the executors' modules, and the versions of Python, Numba, llvmlite and NumPy. What is
derived from a formula is kept beside it as t_<hash>.json, by `disk_cached`. What is run is the source at hand, never the file's text; machine code and
derived texts count as `trust` says.

DIRECTORY is $THALWEG_CACHE_DIR, else `thalweg` in the user's cache folder, else (where that cannot be written) a temporary folder of this
process. Its size is kept below $THALWEG_CACHE_SIZE (500MB), but for the newest kernels: those used longest ago go first.
"""

import atexit
import contextlib
import functools
import hashlib
import itertools
import os
import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ....specs.errors import ThalwegError
from ...text.notice import say
from . import trust

DEFAULT_SIZE = "500MB"
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
PRUNED_AFTER = 8
"""New kernels between two looks at the size of all; with thousands of them a look takes a twentieth of a second."""
DIGEST = re.compile(r"[0-9a-f]{16}")
KINDS = {"k_": "py", "t_": "json", "r_": "json"}
"""How files that stand for an entry begin and end: kernels, derived texts, measured rates."""

LATE = "@cuda.jit"
"""Stands in sources whose machine code is made when it is first run, not when it is loaded."""

_modules: dict[str, ModuleType] = {}
_lock = threading.Lock()
_new = itertools.count()


def load(source: str) -> ModuleType:
    """The module made of this source, from this process, from disk, or new. Any number of threads and processes may call at once."""
    with _lock:
        if source not in _modules:
            new = not is_cached(source)
            _modules[source] = _import(source)
            if LATE in source:
                atexit.register(trust.sign, place(source))
            if new and next(_new) % PRUNED_AFTER == 0:
                prune(keep=[Path(m.__file__ or "") for m in _modules.values()])
        return _modules[source]


def place(source: str) -> Path:
    """The file of this source."""
    return folder() / f"k_{hashed(source)}.py"


def is_cached(source: str) -> bool:
    """Whether this process has the module of this source, or the disk its text."""
    return source in _modules or place(source).is_file()


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def disk_cached(function: Callable[..., Any]) -> Any:
    """The function, whose results stay on disk too, but for what it raises: text and numbers, or a tuple of them, which comes back from there
    as a list. Its arguments must be told apart by their repr."""

    @functools.lru_cache(maxsize=256)
    @functools.wraps(function)
    def found(*given: Any) -> Any:
        path = folder() / f"t_{hashed(f'{function.__qualname__}{given!r}')}.json"
        try:
            made = trust.unwrapped(path)
            used(path)
            return made
        except ValueError:
            mended()
        except OSError:
            pass
        made = function(*given)
        with contextlib.suppress(OSError):
            write(path, trust.wrapped(path, made))
            used(path)
        return made

    return found


def used(path: Path) -> None:
    """Note that this file was used now."""
    with contextlib.suppress(OSError):
        os.utime(path.parent)
        path.with_suffix(".used").touch()


@functools.cache
def mended() -> None:
    """Say, once, that something in the cache was not as it was left."""
    say(f"the kernel cache {folder()}: a file was damaged or changed; it is compiled again (thalweg cache clear empties the cache)")


def _import(source: str) -> ModuleType:
    path = place(source)
    if (wrong := _other_text(path, source) or trust.changed(path)) is not False:
        if wrong:
            mended()
        forget(path)
    if not path.is_file():
        write(path, source)
    used(path)
    before = trust.stamps(path)
    try:
        module = _execute(path, source)
    except Exception:  # noqa: BLE001 a vanished entry: forget it and compile again, and if that fails too it is no fault of the cache
        forget(path)
        write(path, source)
        module = _execute(path, source)
    with contextlib.suppress(OSError):
        if trust.stamps(path) != before:
            trust.sign(path)
    return module


def _other_text(path: Path, source: str) -> bool:
    """Whether the file is there and holds something else."""
    try:
        return path.read_bytes() != source.encode()
    except FileNotFoundError:
        return False


def _execute(path: Path, source: str) -> ModuleType:
    """The module of this source, under a name of its own; the file is what Numba takes it from."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102
    return module


def write(path: Path, source: str) -> None:
    """Write the whole file or nothing. Its date is fixed, so that processes that write it at once agree on Numba's index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        file.write(source.encode())
    os.utime(file.name, (1_000_000_000, 1_000_000_000))
    os.replace(file.name, path)


def forget(path: Path) -> int:
    """Delete one kernel with its machine code; returns the bytes freed."""
    freed = 0
    for found in [path, *path.parent.glob(f"{path.stem}.*"), *path.parent.glob(f"__pycache__/{path.stem}.*")]:
        with contextlib.suppress(OSError):
            freed += found.stat().st_size
            found.unlink()
    return freed


@functools.cache
def folder() -> Path:
    """Where this process keeps its kernels: DIRECTORY/<digest>, or a temporary folder if that cannot be written or is not the user's."""
    target = directory() / digest()
    try:
        trust.claim(directory(), target, is_ours)
        with tempfile.TemporaryFile(dir=target):
            pass
    except OSError as error:
        if isinstance(error, trust.Refused):
            say(
                f"the kernel cache {directory()} {error}, so kernels are compiled only for this run; THALWEG_CACHE_DIR names another folder"
            )
        target = Path(tempfile.mkdtemp(prefix="thalweg-"))
        atexit.register(shutil.rmtree, target, ignore_errors=True)
    return target


def directory() -> Path:
    """The cache's folder: $THALWEG_CACHE_DIR, or the user's cache folder of this platform."""
    given = os.environ.get("THALWEG_CACHE_DIR")
    if given:
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("thalweg", appauthor=False)


@functools.cache
def digest() -> str:
    """What machine code depends on besides the kernel's source: the modules of all executors, those that read formulas, and the versions of
    what compiles it."""
    from importlib.metadata import PackageNotFoundError, version

    from ....specs import derivative, expression, tree, written

    parts = [sys.version, *(f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy"))]
    with contextlib.suppress(PackageNotFoundError):
        parts.append(f"numba-cuda {version('numba-cuda')}")
    modules = [
        *sorted(Path(__file__).parents[1].rglob("*.py")),
        *map(Path, (derivative.__file__, expression.__file__, tree.__file__, written.__file__)),
    ]
    parts += [p.read_text(encoding="utf-8") for p in modules]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def limit() -> int:
    """The largest size in bytes, from $THALWEG_CACHE_SIZE. Raises ThalwegError for what is not a size."""
    text = os.environ.get("THALWEG_CACHE_SIZE", DEFAULT_SIZE)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)?\s*", text, re.IGNORECASE)
    if not found:
        raise ThalwegError(f"THALWEG_CACHE_SIZE is '{text}'; write a size such as 200MB or 1GB")
    return int(float(found[1]) * UNITS[(found[2] or "B").upper()])


def entries() -> list[tuple[Path, int, float]]:
    """(file, bytes with its machine code, when last used) of every kernel's source and every derived text in the cache."""
    made = []
    for home in filter(is_ours, directory().glob("*")):
        size: Counter[str] = Counter()
        sources, last, otherwise = {}, {}, 0.0
        with contextlib.suppress(OSError):
            otherwise = home.stat().st_mtime
        for part in (home, home / "__pycache__"):
            for name, stat in listed(part):
                stem, _, kind = name.partition(".")
                size[stem] += stat.st_size
                if kind == "used":
                    last[stem] = stat.st_mtime
                elif name == f"{stem}.{KINDS.get(stem[:2])}" and part == home:
                    sources[stem] = home / name
        made += [(path, size[stem], last.get(stem, otherwise)) for stem, path in sorted(sources.items())]
    return made


def is_ours(path: Path) -> bool:
    return DIGEST.fullmatch(path.name) is not None


def listed(folder_: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Names and sizes of the files in a folder, of those that do not vanish meanwhile; each folder is read once, since thousands may lie there."""
    with contextlib.suppress(OSError), os.scandir(folder_) as found:
        for entry in found:
            with contextlib.suppress(OSError):
                if entry.is_file():
                    yield entry.name, entry.stat()


def prune(keep: list[Path]) -> None:
    """Delete the kernels used longest ago until the cache is below its limit, sparing those in `keep`."""
    found = entries()
    size, most = sum(size for _, size, _ in found), limit()
    for path, _, _ in sorted(found, key=lambda e: e[2]):
        if size <= most:
            return
        if path not in keep:
            size -= forget(path)


def clear() -> tuple[int, int]:
    """Delete every kernel, and nothing else that may lie in that folder; returns (kernels, bytes)."""
    found = entries()
    freed = sum(forget(path) for path, _, _ in found)
    for folder_ in {path.parent for path, _, _ in found}:
        with contextlib.suppress(OSError):
            (folder_ / "key").unlink()
        for inner in (folder_ / "__pycache__", folder_):
            with contextlib.suppress(OSError):
                inner.rmdir()
    trust.key.cache_clear()
    return count(found), freed


def count(found: list[tuple[Path, int, float]]) -> int:
    """How many of these are kernels."""
    return sum(path.suffix == ".py" for path, _, _ in found)
