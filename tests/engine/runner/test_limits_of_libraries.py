"""What limits the threads of libraries finds the LAPACK that kernels call."""

import subprocess
import sys

PROGRAM = """
import sys
from threadpoolctl import threadpool_info
from thalweg.engine import check
from thalweg.engine.executors.choose import simulation
from thalweg.engine.runner import threads

def seen(*args):
    print("scipy.linalg.cython_lapack" in sys.modules, {library["num_threads"] for library in threadpool_info()})
    return simulation(*args)

threads.simulation = seen
land = {"kind": "matrix_quadratic", "rows": 3, "cols": 3}
spec = {"name": "s", "landscape": land, "steps": 2, "record": {"last": True, "variables": ["loss"]}}
threads.compute(check({**spec, "optimizers": ["OPTIMIZER"]}), "fused")
"""


def told(optimizer: str) -> str:
    program = PROGRAM.replace("OPTIMIZER", optimizer)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_lapack_of_kernels_has_one_thread():
    assert told("shampoo") == "True {1}"


def test_it_is_not_loaded_where_no_kernel_calls_it():
    assert told("sgd") == "False {1}"
