"""thalweg and its peers on a CUDA device: python -m benchmarks.gpu [--runs 1048576] [--steps 2000] [--rounds 5] [--out benchmarks/RESULTS.md]

Cases a, b and c (benchmarks/cases.py) with a run a thread, or a warp where it has 64 components or more, beside JAX, torch
and, in a, CuPy's elementwise kernels on the same card, in turn, medians; everyone keeps the final loss of every run and nothing else, and before a ratio is printed the median losses must agree.
With case a the kernel's own time by CUDA events against a roofline. Then formulas over tensors (n and o), a block of threads a run, beside our
own arrays on CuPy, Muon on 64 x 64 matrices against the rate of batched products of
that size, and consensus-based optimization, a block of threads a run, beside torch and CuPy arrays.
The section "On a CUDA device" of the results is replaced. Peers that are not installed are left out with a line that says so.
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from .cases import CASES, CBO, LAST, MUON, OURS_ALONE, RIVER

HEADING = "# On a CUDA device"
OURS = "thalweg, kernel"
MORE_POINTS = {"lr": {"logspace": [1e-4, 1e-1, 100]}, "beta1": {"linspace": [0.5, 0.95, 100]}, "beta2": {"linspace": [0.9, 0.999, 100]}}
Contestant = Callable[[], np.ndarray]
FILLING: dict[str, tuple[str, dict[str, Any]]] = {
    "b32": ("65,536 runs", {"seeds": 65_536}),
    "c32": ("1,000,000 runs", {"optimizers": [{**CASES["c32"][1]["optimizers"][0], **MORE_POINTS}]}),
}
"""The cases whose runs take milliseconds, with more of them: what they are called, and what of the study differs."""
SLOTS = {"landscape, checks, loop": 70, "Philox": 32, "normals": 52, "corrections, noise and Adam": 64}
"""Instructions of a run and step of case a, counted in the kernel's machine code (numba-cuda 0.30, CUDA 13.0, sm_90, by nvdisasm) along the
way that takes no rare branch; 147 of them serve two steps and count half, a wide product (20 of the 147) counts twice. Eight a step are
special functions, of which a multiprocessor does a sixteenth as many as other instructions: less than the other slots take. The loop
touches no memory but a factor of the schedule, the same for all runs."""


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=2**20)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--matrices", type=int, default=4096)
    parser.add_argument("--swarms", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    given = parser.parse_args()
    from thalweg.engine.executors.cuda.device import missing, missing_arrays

    if missing() is not None:
        raise SystemExit(f"benchmarks.gpu: {missing()}")
    lines = [HEADING, "", (__doc__ or "").split("\n\n", 1)[1].split("The section")[0].strip(), "", *environment(), ""]
    river(lines, given.runs, given.steps, given.rounds)
    for name in ("b32", "c32"):
        title, study = CASES[name]
        beside(lines, f"{name[0]}: {title}", study, given.rounds)
        beside(lines, f"{name[0]}, filling the card: {FILLING[name][0]}", {**study, **FILLING[name][1]}, given.rounds)
    for name in ("n32", "o64"):
        title, study = CASES[name]
        beside(lines, f"{name[0]}: {title}", study, given.rounds, {"CuPy": on_arrays})
        beside(lines, f"{name[0]}, filling the card", {**study, "seeds": 1024}, given.rounds, {"CuPy": on_arrays})
    if missing_arrays() is None:
        muon(lines, given.matrices, given.rounds)
    else:
        print(f"Muon is left out: {missing_arrays()}", file=sys.stderr)
    swarm(lines, given.swarms, given.rounds)
    old = given.out.read_text().split(f"\n{HEADING}\n")[0] if given.out.exists() else ""
    given.out.write_text(old.rstrip() + "\n\n" + "\n".join(lines) + "\n")
    print(f"wrote {given.out}")


def environment() -> list[str]:
    """Which card, driver and versions."""
    from thalweg.engine.executors.cuda.device import name

    packages = []
    for package in ("thalweg", "numba-cuda", "cupy-cuda13x", "cupy-cuda12x", "jax", "torch"):
        try:
            packages.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    try:
        driver = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
        told = f", driver {driver.stdout.split()[0]}"
    except (OSError, subprocess.CalledProcessError, IndexError):
        told = ""
    return [f"{datetime.now(UTC):%Y-%m-%d}, {name()}{told}, Python {sys.version.split()[0]}; {', '.join(packages)}."]


# kernels beside their peers


def beside(lines: list[str], title: str, study: dict[str, Any], rounds: int, peers: dict[str, Any] | None = None) -> Any:
    """One case: everybody's rate in turn, as a table; `peers` make the contestants. Returns our shard."""
    from .__main__ import agree, shared

    study = {"seeds": 1, **study, **shared(study)}
    ours, runs = shard_of({k: v for k, v in study.items() if k not in OURS_ALONE}), 0
    contestants: dict[str, Contestant] = {OURS: lambda: final_loss(ours)}
    for peer, make in (peers or {"JAX": on_jax, "torch": on_torch, "CuPy": on_cupy}).items():
        try:
            contestants |= make(study)
        except ImportError as error:
            print(f"{peer} is left out: {error}", file=sys.stderr)
    finals, times = {who: run() for who, run in contestants.items()}, {who: [] for who in contestants}
    runs = len(finals[OURS])
    agree({"thalweg, array": finals[OURS], **finals}, noisy=bool({"noise", "random"} & study.keys()))
    for _ in range(rounds):
        for who, run in contestants.items():
            times[who].append(timed(run))
    lines += [f"## {title}", "", "| | M steps/s | thalweg is faster by |", "|---|---:|---:|"]
    best = np.array(times[OURS])
    for who, seconds in times.items():
        ratio = "" if who == OURS else f"{np.median(np.array(seconds) / best):.1f}x"
        lines.append(f"| {who} | {runs * study['steps'] / float(np.median(seconds)) / 1e6:,.4g} | {ratio} |")
        print(lines[-1], flush=True)
    lines.append("")
    return ours


def river(lines: list[str], runs: int, steps: int, rounds: int) -> None:
    """Case a: the table, then the kernel alone."""
    study = {**RIVER, "seeds": runs, "steps": steps, "precision": "float32"}
    ours = beside(lines, f"a: Adam on the noisy river, {runs:,} runs x {steps:,} steps, float32", study, rounds)
    alone = [kernel_seconds(ours) for _ in range(rounds)]
    reached, slots, peak = runs * steps / float(np.median(alone)), sum(SLOTS.values()), peak_slots()
    lines.append(
        f"The kernel alone, by CUDA events: {reached / 1e6:,.4g} M steps/s. A run and step needs {slots} slots "
        f"({', '.join(f'{k} {v}' for k, v in SLOTS.items())}; see benchmarks/gpu.py). A loop of multiply-adds reaches {peak / 1e9:,.0f} G "
        f"slots/s on this card, which bounds the case at {peak / slots / 1e6:,.0f} M steps/s: {100 * reached * slots / peak:.0f} % of it. "
        "State stays in registers: memory is no bound."
    )
    lines.append("")
    print(lines[-2], flush=True)


def shard_of(study: dict[str, Any]) -> Any:
    """The study's one shard that holds all of its runs."""
    from thalweg.engine import check
    from thalweg.engine.plan import with_runs_at_once

    plan = check({**study, **LAST})
    plan = with_runs_at_once(plan, {group.name: group.runs for group in plan.groups})
    (shard,) = plan.groups[0].shards()
    return shard


def final_loss(shard: Any) -> np.ndarray:
    """Run a shard by its kernel."""
    return loss_by(shard, "fused-cuda")


def loss_by(shard: Any, executor: str) -> np.ndarray:
    """Run a shard by this executor."""
    from thalweg.engine.executors.choose import simulation

    block, _ = simulation(shard, executor).run()
    return np.asarray(block.data["loss"])[..., 0].ravel()


def kernel_seconds(shard: Any) -> float:
    """Seconds of all launches of the kernel, by CUDA events around each."""
    from numba import cuda
    from thalweg.engine.executors.cuda import points as of_runs
    from thalweg.engine.executors.cuda import swarms as of_swarms

    executor = of_swarms if shard.group.particles else of_runs
    events: list[tuple[Any, Any]] = []
    made = executor.kernel

    class Timed:
        def __init__(self, drive: Any):
            self.drive = drive

        def __getitem__(self, grid: Any) -> Any:
            def launch(*args: Any) -> None:
                events.append((cuda.event(), cuda.event()))
                events[-1][0].record()
                self.drive[grid](*args)
                events[-1][1].record()

            return launch

    executor.kernel = lambda *args: Timed(made(*args))
    try:
        final_loss(shard)
    finally:
        executor.kernel = made
    cuda.synchronize()
    return sum(cuda.event_elapsed_time(*pair) for pair in events) / 1e3


def peak_slots() -> float:
    """Float32 multiply-adds a second that this card reaches, by CUDA events: the best of several tries."""
    from numba import cuda

    @cuda.jit
    def loop(x, times):
        k = cuda.grid(1)
        a, b, c, d = x[k], x[k] + np.float32(1), x[k] + np.float32(2), x[k] + np.float32(3)
        p, q = np.float32(0.999), np.float32(1e-3)
        for _ in range(times):
            for _ in range(16):
                a, b, c, d = a * p + q, b * p + q, c * p + q, d * p + q
        x[k] = a + b + c + d

    threads, times = 2**20, 2000
    x = cuda.to_device(np.ones(threads, np.float32))
    loop[threads // 256, 256](x, 1)
    seconds = []
    for _ in range(5):
        first, last = cuda.event(), cuda.event()
        first.record()
        loop[threads // 256, 256](x, times)
        last.record()
        last.synchronize()
        seconds.append(cuda.event_elapsed_time(first, last) / 1e3)
    return threads * times * 16 * 4 / min(seconds)


def on_jax(study: dict[str, Any]) -> dict[str, Contestant]:
    """JAX with each of its generators (where there is noise) and unrollings once, keys folded in step by step or, where they fit, split off
    before; the fastest competes."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else it takes three quarters of the memory for itself
    import jax

    if jax.default_backend() != "gpu":
        raise ImportError(f"JAX runs on the {jax.default_backend()} here: pip install 'jax[cuda13]'")
    peer, tried = importlib.import_module(".peers_jax", __package__), []
    noisy = "noise" in study
    variants = [v for v in peer.VARIANTS if noisy or v[0] == peer.VARIANTS[0][0]]
    if noisy:
        keys = study["seeds"] * study["steps"] * 8  # bytes of threefry's, which JAX holds four times over
        variants = [(*v, False) for v in variants] + [(*v, True) for v in variants if v[0] == "threefry2x32" and 4 * keys < 60e9]
    for variant in variants:
        run = peer.contestant(study, *variant[:2], **({"ahead": variant[2]} if variant[2:] else {}))
        run()
        tried.append((timed(run), variant, run))
    _, variant, run = min(tried, key=lambda t: t[0])
    return {f"{peer.NAME}, {f'{variant[0]}, ' * noisy}unroll {variant[1]}{', keys ahead' * (variant[2:] == (True,))}": run}


def on_torch(study: dict[str, Any]) -> dict[str, Contestant]:
    """torch with its tensors on the device."""
    import torch

    if not torch.cuda.is_available():
        raise ImportError("torch finds no CUDA device")
    peer = importlib.import_module(".peers_torch", __package__)
    with torch.device("cuda"):
        run = getattr(peer, study["name"])(study)

    def on_device() -> np.ndarray:
        with torch.device("cuda"):
            return run()

    return {peer.NAME: on_device}


def on_cupy(study: dict[str, Any]) -> dict[str, Contestant]:
    """CuPy, for case a: one elementwise kernel a step, its normal numbers by cuRAND before each."""
    if study["name"] != "river":
        return {}
    import cupy

    step = cupy.ElementwiseKernel(
        "float32 n0, float32 n1, float32 c1, float32 c2",
        "float32 x, float32 y, float32 m0, float32 m1, float32 v0, float32 v1",
        """
        float r = y - sinf(x);
        float g0 = -20.0f * r * cosf(x) - 0.05f + 0.5f * n0;
        float g1 = 20.0f * r + 0.5f * n1;
        m0 = 0.9f * m0 + 0.1f * g0; m1 = 0.9f * m1 + 0.1f * g1;
        v0 = 0.999f * v0 + 0.001f * g0 * g0; v1 = 0.999f * v1 + 0.001f * g1 * g1;
        x -= 0.01f * (m0 * c1) / (sqrtf(v0 * c2) + 1e-8f);
        y -= 0.01f * (m1 * c1) / (sqrtf(v1 * c2) + 1e-8f);
        """,
        "river_adam",
    )

    def run() -> np.ndarray:
        random = cupy.random.default_rng(0)
        state = [cupy.zeros(study["seeds"], cupy.float32) for _ in range(6)]
        for t in range(1, study["steps"] + 1):
            n = random.standard_normal((2, study["seeds"]), dtype=cupy.float32)
            step(n[0], n[1], np.float32(1 / (1 - 0.9**t)), np.float32(1 / (1 - 0.999**t)), *state)
        x, y = state[:2]
        return cupy.asnumpy(10 * (y - cupy.sin(x)) ** 2 - 0.05 * x)

    return {"CuPy, elementwise kernel": run}


# Muon


def muon(lines: list[str], matrices: int, rounds: int) -> None:
    """Muon through the array executor on CuPy: its products against batched products alone."""
    from thalweg.engine.executors.choose import simulation

    study = {**MUON, "seeds": matrices, "steps": 200}
    rows, shard = study["landscape"]["rows"], shard_of(study)

    def run() -> Any:
        return [*simulation(shard, "array-cuda").run()]

    run()
    seconds = float(np.median([timed(run) for _ in range(rounds)]))
    steps = matrices * study["steps"] / seconds
    flops, peak = steps * 5 * 3 * 2 * rows**3, batched_gemm(matrices, rows)
    lines += [f"## i: Muon, {matrices:,} runs of {rows} x {rows}, {study['steps']} steps, float32 (array executor on CuPy)", ""]
    lines.append(
        f"{steps / 1e6:,.3g} M steps/s. Newton-Schulz products alone: {flops / 1e9:,.0f} GFLOP/s, {flops / peak:.0%} of the "
        f"{peak / 1e9:,.0f} GFLOP/s that batched products of this size reach here."
    )
    lines.append("")
    print(lines[-2], flush=True)


def batched_gemm(matrices: int, rows: int) -> float:
    """Floating-point operations a second of CuPy's batched float32 products, by CUDA events; the median of several tries."""
    import cupy

    a = cupy.random.default_rng(0).standard_normal((matrices, rows, rows), dtype=cupy.float32)
    out, count, seconds = cupy.empty_like(a), 20, []
    cupy.matmul(a, a, out=out)
    for _ in range(5):
        first, last = cupy.cuda.Event(), cupy.cuda.Event()
        first.record()
        for _ in range(count):
            cupy.matmul(a, a, out=out)
        last.record()
        last.synchronize()
        seconds.append(cupy.cuda.get_elapsed_time(first, last) / 1e3)
    return count * matrices * 2 * rows**3 / float(np.median(seconds))


# swarms


def swarm(lines: list[str], runs: int, rounds: int) -> None:
    """Consensus-based optimization: the table, then the kernel alone."""
    study = {**CBO, "optimizers": [{**CBO["optimizers"][0], "particles": 1000}], "seeds": runs, "precision": "float32"}
    particles, dim, steps = study["optimizers"][0]["particles"], study["landscape"]["dim"], study["steps"]
    size = f"{runs:,} runs x {particles:,} particles x {steps} steps"
    title = f"h: consensus-based optimization, Rastrigin d = {dim}, {size}, float32"
    ours = beside(lines, title, study, rounds, {"CuPy": on_arrays, "torch": on_torch})
    alone = float(np.median([kernel_seconds(ours) for _ in range(rounds)]))
    rate = runs * steps / alone
    lines += [f"The kernel alone, by CUDA events: {rate / 1e6:,.4g} M steps/s, {rate * particles * dim / 1e9:,.4g} G components/s.", ""]
    print(lines[-2], flush=True)


def on_arrays(study: dict[str, Any]) -> dict[str, Contestant]:
    """Our own array executor."""
    from thalweg.engine.executors.cuda.device import missing_arrays

    if missing_arrays() is not None:
        raise ImportError(missing_arrays())
    shard = shard_of({k: v for k, v in study.items() if k not in OURS_ALONE})
    return {"thalweg, arrays on CuPy": lambda: loss_by(shard, "array-cuda")}


# shared


def timed(run: Callable[[], Any]) -> float:
    """Seconds of a call; every contestant ends by copying to the host, which waits for the device."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
