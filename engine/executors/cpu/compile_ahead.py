"""A second process that compiles what this one needs next, where there are processors for both: the first start of a study is shorter for it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...cores import cores
from ..codegen.disk_cache import directory, folder, load

PATIENCE = 60.0
"""Seconds to wait for the other process at most."""
START = """
import importlib, json, sys
sys.path, module, sources = json.load(sys.stdin)
importlib.import_module(module).compile_all(sources)
"""
"""What the other process runs: its search path is this one's."""


def compile_all(sources: Iterable[str]) -> None:
    """Compile callers only; what they call by address is compiled elsewhere (llvm.py)."""
    from . import llvm

    llvm.DECLARED = True
    for source in sources:
        load(source)


@contextlib.contextmanager
def ahead(sources: Iterable[str]) -> Iterator[None]:
    """While the block runs, compile these in a process of its own; `load` then finds them on disk, and compiles as ever what is not there."""
    helper, program = None, Path(sys.executable or "").name.lower()  # where Python is embedded, the program is another
    if cores() > 1 and program.startswith("python") and folder().parent == directory():
        with contextlib.suppress(OSError):
            command, nowhere = [sys.executable, "-c", START], subprocess.DEVNULL
            helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, text=True, encoding="utf-8")
    try:
        if helper and helper.stdin:
            with contextlib.suppress(OSError), helper.stdin as pipe:
                json.dump([sys.path, __name__, [*sources]], pipe)
        yield
        if helper:
            with contextlib.suppress(subprocess.TimeoutExpired):
                helper.wait(PATIENCE)
    finally:
        if helper:
            helper.kill()
            helper.wait()
