"""Processors that a process may use, not those that the machine has."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system does not say where a process may run")
@pytest.mark.parametrize("word", ["engine.cores.cores()", "engine.runner.threads.cores()", "engine.executors.cpu.compile_ahead.cores()"])
def test_a_process_bound_to_one_processor_counts_one(word):
    program = f"""
import os
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
from thalweg import engine
import thalweg.engine.cores, thalweg.engine.runner.threads, thalweg.engine.executors.cpu.compile_ahead
print({word})
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "1"
