"""CUDA kernels in Numba's simulator (plain Python threads, no device): the same trajectories as the processor's executors."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

if importlib.util.find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed: pip install 'thalweg[test]'", allow_module_level=True)
from helpers.cuda_simulated import CASES, part_of

TESTS = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """From a part of the cases to what was wrong with each, from one process that ran them all; the workers of pytest-xdist share it."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    @functools.cache
    def of(part):
        shared = folder / f"cuda_simulated_{part}.json"
        with FileLock(f"{shared}.lock"):
            if not shared.exists():
                environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
                command = [sys.executable, "-m", "helpers.cuda_simulated", str(part)]
                done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=TESTS)
                assert done.returncode == 0, done.stderr
                shared.write_text(done.stdout)
        return json.loads(shared.read_text())

    return of


@pytest.mark.parametrize("case", CASES)
def test_the_simulated_device_agrees_with_the_processor(case, results):
    assert results(part_of(case))[case] == ""
