"""Results of cases in Numba's simulator of CUDA, from processes of their own: NUMBA_ENABLE_CUDASIM is read when Numba is imported."""

import functools
import json
import os
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import numpy as np
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


def answer(cases):
    """Print what is wrong with each of these cases, or "", as JSON: what such a process does. A case is a function and its arguments."""
    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-5)  # threads of a block wait for each other all the time
    made = {}
    with np.errstate(all="ignore"):
        for name, (case, *given) in cases.items():
            try:
                made[name] = case(*given)
            except Exception:  # noqa: BLE001 told to the test of this case
                made[name] = traceback.format_exc(limit=-3)
    json.dump(made, sys.stdout)
