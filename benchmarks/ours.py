"""thalweg's side: the study's shards through an executor, nothing stored; and what is measured of thalweg alone."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits

from .cases import LAST, OURS_ALONE, RIVER, ROSENBROCK


def contestant(study: dict[str, Any], executor: str) -> Any:
    """() -> final losses of every run, compiled. Its threads live as long as it does, as those of the peers."""
    from thalweg.engine import check
    from thalweg.engine.executors.choose import simulation
    from thalweg.engine.executors.cpu.core_pool import kernel_pool

    plan = check({**{k: v for k, v in study.items() if k not in OURS_ALONE}, **LAST})
    shards = [s for group in plan.groups for s in group.shards()]
    cores = os.cpu_count() or 1
    workers = min(cores, len(shards))
    kernels, pool, libraries = kernel_pool(cores), ThreadPoolExecutor(workers), ThreadpoolController()

    def one(shard: Any) -> np.ndarray:
        block, _ = simulation(shard, executor, max(1, cores // workers), kernels).run()
        return np.asarray(block.data["loss"])[..., 0].ravel()

    def run() -> np.ndarray:
        with libraries.limit(limits=1):
            return np.concatenate(list(pool.map(one, shards)))

    return run


def fusable(study: dict[str, Any]) -> bool:
    """Whether kernels can run the case."""
    from thalweg.engine import check
    from thalweg.engine.executors.choose import why_not_compiled

    plan = check({**{k: v for k, v in study.items() if k not in OURS_ALONE}, **LAST})
    return all(why_not_compiled(group) is None for group in plan.groups)


def gemm_peak(rows: int) -> float:
    """Floating-point operations a second of float32 products of square matrices, one after the other in each of a thread a core."""
    cores, count = os.cpu_count() or 1, max(2, 2 * 10**10 // (2 * rows**3))
    a = np.random.default_rng(0).standard_normal((rows, rows), dtype=np.float32)

    def many(_: int) -> None:
        out = np.empty_like(a)
        for _ in range(count):
            np.matmul(a, a, out=out)

    with threadpool_limits(1), ThreadPoolExecutor(cores) as pool:
        list(pool.map(many, range(cores)))
        seconds = np.median([timed(lambda: list(pool.map(many, range(cores)))) for _ in range(5)])
    return cores * count * 2 * rows**3 / float(seconds)


def product_work(study: dict[str, Any]) -> float:
    """Floating-point operations of the products of matrices that a run takes for each of its steps: those of the gradient, and its share of those
    of the last loss, which is that of all data. 0 where the landscape is no formula over tensors."""
    from thalweg.engine import check
    from thalweg.specs.program.node import ordered

    shard = next(iter(check({**{k: v for k, v in study.items() if k not in OURS_ALONE}, **LAST}).groups[0].shards()))
    parts = shard.parts()
    if not hasattr(parts.landscape, "program"):
        return 0.0
    program, whole = parts.landscape.program(getattr(parts.noise, "size", None)), parts.landscape.program()

    def flops(outputs: Any) -> int:
        return sum(2 * n.size * n.args[0].shape[-1] for n in ordered(outputs) if n.function.name == "matmul")

    return flops([program.loss, *program.gradient]) + flops([whole.loss]) / study["steps"]


def rate(study: dict[str, Any], rounds: int = 3) -> float:
    """Optimizer steps a second of the fused executor, the median."""
    from thalweg.engine import check

    run, plan = contestant(study, "fused"), check({**study, **LAST})
    run()
    return plan.work / float(np.median([timed(run) for _ in range(rounds)]))


def timed(run: Any) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def scaling() -> list[tuple[str, str, float]]:
    """Case d: (what, value, M steps a second)."""
    river, made = {**RIVER, "precision": "float32"}, []
    made += [
        ("runs", f"{n:,}", rate({**river, "seeds": n, "steps": max(100, 20_000_000 // n)})) for n in (100, 1000, 10_000, 100_000, 1_000_000)
    ]
    made += [("steps", f"{n:,}", rate({**river, "steps": n})) for n in (100, 1000, 10_000)]
    for dim in (2, 10, 100, 1000, 10_000):
        land = {"kind": "rosenbrock", "dim": dim}
        study = {**ROSENBROCK, "landscape": land, "optimizers": [{"kind": "adam", "lr": 1e-3}], "seeds": 256, "precision": "float32"}
        made.append(("dim", f"{dim:,}", rate({**study, "steps": max(10, 200_000 // dim)})))
    return made


def recording(rounds: int) -> list[tuple[str, float, float]]:
    """Case e: (what is recorded, seconds, ratio to nothing); to a Zarr store on disk, 20,000 steps, every 10th."""
    from thalweg.engine import check
    from thalweg.engine.executors.executor import Executor
    from thalweg.engine.runner.threads import simulate
    from thalweg.engine.store.store import Store

    forms = {
        "final loss only": {"last": True, "variables": ["loss"]},
        "loss, every 10th step": {"every": 10, "variables": ["loss"]},
        "loss, every 10th step, uncompressed": {"every": 10, "variables": ["loss"], "compression": "none"},
        "loss and params, every 10th step": {"every": 10, "variables": ["loss", "params"]},
        "statistics of the loss, every 10th step": {"every": 10, "variables": ["loss"], "stats": ["mean", "var", "quantiles"]},
    }
    folder = Path(tempfile.mkdtemp(prefix="thalweg-bench-"))

    def one(record: dict[str, Any], steps: int) -> float:
        plan = check({**RIVER, "precision": "float32", "steps": steps, "record": record})
        shutil.rmtree(folder / "r.zarr", ignore_errors=True)
        store = Store.create(folder / "r.zarr", plan, True, {"adam": Executor("fused")})
        return timed(functools.partial(simulate, store, {"adam": Executor("fused")}))

    for record in forms.values():
        one(record, 100)
    times = {name: [] for name in forms}
    for _ in range(rounds):
        for name, record in forms.items():
            times[name].append(one(record, 20_000))
    shutil.rmtree(folder)
    base = np.median(times["final loss only"])
    return [(name, float(np.median(t)), float(np.median(t) / base)) for name, t in times.items()]


def memory() -> list[tuple[str, float]]:
    """Peak resident memory (MB) of a process that records every 10th step, at 2,000 and at 20,000 steps."""
    program = """
    import resource, sys, tempfile, thalweg
    from benchmarks.cases import RIVER
    with tempfile.TemporaryDirectory() as folder:
        study = {**RIVER, "precision": "float32", "steps": int(sys.argv[1]), "record": {"every": 10}}
        from thalweg.engine.api import load_study, run_to_store
        from thalweg.engine.runner.options import RunOptions
        run_to_store(load_study(study), folder + "/m.zarr", RunOptions(executor="fused"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    """
    made = []
    for steps in (20_000, 200_000):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(steps)], capture_output=True, text=True, check=True)
        made.append((f"{steps:,} steps", float(done.stdout)))
    return made


def starts() -> list[tuple[str, float]]:
    """Case f: seconds of `thalweg run` of a small study in a new process."""
    text = "name: small\nlandscape: river_valley\nnoise: {kind: gaussian, scale: 0.5}\noptimizers: [{kind: adam, lr: [0.01, 0.02]}]\n"
    text += "seeds: 256\nsteps: 2000\nprecision: float32\nrecord: {every: 100}\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "small.yaml").write_text(text)
        environment = {**os.environ, "THALWEG_CACHE_DIR": f"{folder}/cache"}
        command = [sys.executable, "-m", "thalweg", "run", "small.yaml", "--overwrite", "--quiet", "--executor", "fused"]

        def once() -> float:
            return timed(functools.partial(subprocess.run, command, cwd=folder, env=environment, check=True))

        cold, warm = once(), [once() for _ in range(5)]
        formula = (Path(folder) / "small.yaml").read_text().replace("river_valley", "rosenbrock").replace("adam", "lion")
        (Path(folder) / "small.yaml").write_text(formula)
        other = once()
        return [
            ("cold: empty cache, all kernels compiled", cold),
            ("another landscape and optimizer: two kernels compiled", other),
            ("warm: kernels from the cache, median", float(np.median(warm))),
            ("warm: kernels from the cache, least", min(warm)),
        ]


SLOTS = {"landscape": 36, "normals": 40, "Adam": 52, "Philox": 84}
"""Case g: vector instructions that a run and step of case a (float32) needs, counted in the generated source, each as one slot of one of
16 lanes: a fused multiply-add is one. Landscape: sine and cosine of one argument 25, value, gradient and checks 11. Normals, one
Box-Muller pair a step: uniforms 6, logarithm 15, root and products 5, sine and cosine 14. Adam and adding noise, two components: 26 each, of them 8 for the root and 8 for the division, from
estimates.
Philox4x32-10, half a block a step: 10 rounds of 2 multiplications, 2 shifts and 4 exclusive ors (three-operand: 2), 64-bit, hence two
slots each, and the conversion. The root and the division of Box-Muller run on a unit of their own and are left out."""


def peak() -> float:
    """Vector slots (float32 fused multiply-adds a lane) a second on all cores, the best of several tries."""
    from numba import njit
    from thalweg.engine.executors.cpu.elementary.primitives import fma
    from thalweg.engine.executors.cpu.llvm import vectorised
    from thalweg.engine.executors.tensors.aligned import align

    @njit(nogil=True, error_model="numpy")
    def loop(x, times):
        vectorised()
        a, b = np.float32(0.999), np.float32(1e-3)
        for _ in range(times):
            for k in range(1024):
                y = x[k]
                for _ in range(16):
                    y = fma(y, a, b)
                x[k] = y

    cores, times = os.cpu_count() or 1, 20_000
    arrays = [align(np.ones(1024, np.float32)) for _ in range(cores)]
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(lambda x: loop(x, 1), arrays))
        best = min(timed(lambda: list(pool.map(lambda x: loop(x, times), arrays))) for _ in range(5))
    return cores * times * 1024 * 16 / best
