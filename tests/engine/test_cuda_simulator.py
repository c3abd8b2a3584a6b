"""CUDA kernels in Numba's simulator (plain Python threads, no device): the same trajectories as the processor's executors."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

sys.path.insert(0, str(Path(__file__).parent))
if importlib.util.find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed: pip install 'thalweg[test]'", allow_module_level=True)
from cuda_simulated import CASES

SCRIPT = Path(__file__).with_name("cuda_simulated.py")


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """What was wrong with each case, from one process that ran them all; the workers of pytest-xdist share it."""
    shared = tmp_path_factory.getbasetemp()
    shared = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "cuda_simulated.json"
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
            command = [sys.executable, str(SCRIPT)]
            done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=SCRIPT.parent)
            assert done.returncode == 0, done.stderr
            shared.write_text(done.stdout)
    return json.loads(shared.read_text())


@pytest.mark.parametrize("case", CASES)
def test_the_simulated_device_agrees_with_the_processor(case, results):
    assert results[case] == ""
