"""Ctrl-C ends a run with exit code 130 and the command that finishes it, to the same bits."""

import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few

CLI = [sys.executable, "-m", "thalweg"]


@pytest.mark.parametrize("seeds", few([60, 400], keep=[60]))
def test_an_interrupted_run_says_how_to_finish_it(tmp_path, seeds):
    settings = [f"seeds={seeds}", "steps=3000", "record.every=500"]
    spec = ["run", "river_valley", *(f"--set={setting}" for setting in settings)]
    command = [*CLI, *spec, "--executor", "array", "--threads", "2", "--out", "cut.zarr"]
    # a shell's background jobs ignore Ctrl-C, and so would a process they start
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    for _ in range(600):
        if (tmp_path / "cut.zarr" / "sgd_wsd" / "status").exists():
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    resume = shlex.split(said.partition("finish it with: ")[2])
    assert resume == ["thalweg", "run", "cut.zarr", "--executor", "array", "--threads", "2", "--resume"]
    finished = subprocess.run([*CLI, *resume[1:]], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr
    found = thalweg.open_run(tmp_path / "cut.zarr")
    whole = thalweg.run("river_valley", settings=settings, executor="array")
    for group in whole.children:
        for name in whole[group].data_vars:
            np.testing.assert_array_equal(found[group][name].values, whole[group][name].values)
