"""How Dask workers scale: one worker, two, and two processes that know nothing of each other. `python -m benchmarks.workers`

A compute-bound study (Adam on the noisy river, float32, only the last step stored), every worker one process with one thread, pinned to a core of
its own (Linux), Dask set as `--workers` sets it. All are up and have compiled before anything is measured; they take turns, so that other
load meets all of them alike. What two independent processes reach, each with half of the study, is what the machine gives.
"""

import argparse
import functools
import os
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from .cases import RIVER
from .ours import timed

STEPS = 25_000
POINTS = 64
"""Of 4,096 seeds: 32 shards, enough that no worker waits long for the other at the end."""


def study(points: int, steps: int) -> dict[str, Any]:
    optimizers = [{"kind": "adam", "lr": {"logspace": [1e-3, 1e-1, points]}}]
    return {**RIVER, "seeds": 4096, "optimizers": optimizers, "steps": steps, "precision": "float32", "record": {"last": True}}


def pin(core: int) -> None:
    """Keep this process, all of its threads, on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), {core % (os.cpu_count() or 1)})


def pin_next(cores: Any) -> None:
    """Keep this process on the next core of the queue."""
    pin(cores.get())


def one_of(points: int, steps: int, folder: str) -> None:
    """A study in this process, with one thread, into a store of its own."""
    from thalweg.engine.api import load_study, run_to_store
    from thalweg.engine.runner.options import RunOptions

    options = RunOptions(device="cpu", executor="fused", overwrite=True, threads=1)
    run_to_store(load_study(study(points, steps)), f"{folder}/{os.getpid()}.zarr", options)


def seconds(steps: int, rounds: int) -> dict[str, list[float]]:
    """Wall seconds of every contestant, a number a round."""
    from dask import config
    from distributed import Client, LocalCluster
    from thalweg.engine.api import run
    from thalweg.engine.runner.dask_cluster import QUIET

    folder, spawn = tempfile.mkdtemp(prefix="thalweg-bench-"), get_context("spawn")
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "silence_logs": 50}
    cores = spawn.Queue()
    for core in range(2):
        cores.put(core)
    with (
        config.set(QUIET),
        LocalCluster(n_workers=1, **options) as one,
        LocalCluster(n_workers=2, **options) as two,
        ProcessPoolExecutor(2, mp_context=spawn, initializer=pin_next, initargs=(cores,)) as alone,
    ):
        for cluster in (one, two):
            with Client(cluster) as client:
                for core, worker in enumerate(client.scheduler_info()["workers"]):
                    client.run(pin, core, workers=[worker])

        def apart(points: int, processes: int) -> None:
            list(alone.map(one_of, [points] * processes, [steps] * processes, [folder] * processes, chunksize=1))

        def dask(cluster: Any) -> None:
            run(study(POINTS, steps), Path(folder) / "w.zarr", executor="fused", overwrite=True, scheduler=cluster.scheduler_address)

        contestants = {
            "one worker": functools.partial(dask, one),
            "two workers": functools.partial(dask, two),
            "one process": functools.partial(apart, POINTS, 1),
            "two processes, half of the study each": functools.partial(apart, POINTS // 2, 2),
        }
        made: dict[str, list[float]] = {name: [] for name in contestants}
        for r in range(rounds + 1):
            for name, go in contestants.items():
                took = timed(go)
                if r:  # the round before the first compiles
                    made[name].append(took)
    shutil.rmtree(folder)
    return made


def in_words(steps: int = STEPS, rounds: int = 3) -> str:
    """The result in words: medians, and medians of the ratios in every round."""
    made = seconds(steps, rounds)
    text = [f"{name} {np.median(times):.1f} s" for name, times in made.items()]
    one, two, alone, both = (np.array(times) for times in made.values())
    workers, processes = float(np.median(one / two)), float(np.median(alone / both))
    return (
        f"Two Dask workers reach {workers:.2f}x one, two independent processes {processes:.2f}x one: {workers / processes:.2f} of what "
        f"the machine gives. {', '.join(text)} (medians of {rounds} rounds)."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(in_words(given.steps, given.rounds))
