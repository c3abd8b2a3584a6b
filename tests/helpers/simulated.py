"""Results of cases in Numba's simulator of CUDA, from processes of their own: NUMBA_ENABLE_CUDASIM is read when Numba is imported."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from filelock import FileLock


def results_of(module, tmp_path_factory):
    """From a part of the module's cases to what was wrong with each, from one process that ran them all; the workers of pytest-xdist share it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    @functools.cache
    def of(part):
        shared = folder / f"{module}_{part}.json"
        with FileLock(f"{shared}.lock"):
            if not shared.exists():
                environment, command = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, [sys.executable, "-m", module, str(part)]
                tests = Path(__file__).parents[1]
                done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=tests)
                assert done.returncode == 0, done.stderr
                shared.write_text(done.stdout)
        return json.loads(shared.read_text())

    return of
