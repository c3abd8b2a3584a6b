"""thalweg and its peers on the same work: python -m benchmarks [--cases a32,b32,...] [--rounds 5] [--quick] [--out benchmarks/RESULTS.md]

Contestants of a case run in one process in turn (A B C A B C ...), after compiling and one warm-up each; the figures are medians, the
ratios medians over the rounds. Everyone keeps the final loss of every run and nothing else. Before a ratio is printed the final losses
must agree: medians within five standard errors where there is noise, or where there is none within 2 % of each other.
JAX runs with each of its generators and unrollings once, and the fastest competes: as its users write it, jit(vmap(scan)), and as an expert does
after a search, pmap over the cores of lax.map in batches. Then thalweg alone: scaling, recording, memory,
starts, roofline. A peer that is not installed is left out with a line that says so. Threads of all live as long as their contestants.
"""

import argparse
import importlib
import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from . import ours, workers
from .cases import CASES, OURS_ALONE

LARGE = 1024
"""Rows of matrices whose product reaches the peak of the processor."""
PEERS = {"jax": "peers_jax", "jax (best)": "peers_jax_best", "torch": "peers_torch", "numpy": "peers_numpy", "cbx": "peers_cbx"}


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help="which cases, by name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps, no measurements of thalweg alone; for trying it out")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    given = parser.parse_args()
    lines = ["# Results", "", (__doc__ or "").split("\n\n", 1)[1].strip(), "", *environment(), ""]
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={os.cpu_count()}")  # for pmap
    drawn = {}
    for name in given.cases.split(","):
        title, study = CASES[name]
        rates = case(name, dict(study), given.rounds, given.quick, lines, title)
        drawn[name] = rates
    if not given.quick:
        alone(lines, given.rounds)
    given.out.write_text("\n".join(lines) + "\n")
    draw(drawn, given.out.with_name("results.png"))
    print(f"wrote {given.out}")


def environment() -> list[str]:
    """What ran where."""
    cpu = next((line.split(":")[1].strip() for line in cpu_info() if line.startswith("model name")), platform.processor())
    packages = []
    for name in ("thalweg", "numpy", "numba", "jax", "optax", "torch", "cbx"):
        try:
            packages.append(f"{name} {version(name)}")
        except ModuleNotFoundError:
            packages.append(f"{name} not installed")
    return [f"{datetime.now(UTC):%Y-%m-%d}, {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}; {', '.join(packages)}."]


def cpu_info() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def case(name: str, study: dict[str, Any], rounds: int, quick: bool, lines: list[str], title: str) -> dict[str, float]:
    """One case: everybody's rate in M optimizer steps a second, by contestant."""
    study = study | {"steps": max(1, study["steps"] // 10)} if quick else study
    study = {"seeds": 1, **study, **shared(study)}
    mine = "thalweg, fused" if ours.fusable(study) else "thalweg, array"
    contestants = {who: ours.contestant(study, who.split()[1]) for who in dict.fromkeys((mine, "thalweg, array"))}
    for peer, module in PEERS.items():
        try:
            loaded = importlib.import_module(f".{module}", __package__)
            contestants |= peers(name, loaded, study)
        except ModuleNotFoundError as error:
            print(f"{peer} is left out: {error}", file=sys.stderr)
    finals, times = {}, {who: [] for who in contestants}
    for who, run in contestants.items():
        finals[who] = run()
    for _ in range(rounds):
        for who, run in contestants.items():
            began = time.perf_counter()
            run()
            times[who].append(time.perf_counter() - began)
    runs = len(finals[mine])
    agree(finals, noisy=study.get("noise", "none") != "none" or "random" in study)
    best = np.array(times[mine])
    lines += [f"## {name}: {title}", "", "| | M steps/s | thalweg is faster by |", "|---|---:|---:|"]
    rates = {}
    for who, seconds in times.items():
        rates[who] = runs * study["steps"] / float(np.median(seconds)) / 1e6
        ratio = "" if who == mine else f"{np.median(np.array(seconds) / best):.1f}x"
        lines.append(f"| {who} | {rates[who]:,.4g} | {ratio} |")
        print(name, lines[-1], flush=True)
    lines.append("")
    if study["name"] == "muon":
        rows, peak = study["landscape"]["rows"], ours.gemm_peak(study["landscape"]["rows"])
        flops = rates[mine] * 1e6 * 5 * 3 * 2 * rows**3  # five Newton-Schulz steps of three products
        lines += [
            f"Newton-Schulz products alone: {flops / 1e9:,.0f} GFLOP/s, {flops / peak:.0%} of what products of this size reach here.",
            "",
        ]
    elif work := ours.product_work(study):
        flops, peak = rates[mine] * 1e6 * work, ours.gemm_peak(LARGE)
        share = f"{flops / peak:.0%} of what products of {LARGE:,} x {LARGE:,} reach here"
        lines += [f"Products of matrices, with all else in the time: {flops / 1e9:,.0f} GFLOP/s, {share}.", ""]
    return rates


def shared(study: dict[str, Any]) -> dict[str, Any]:
    """Starts and grids that peers take from us, as arrays."""
    from thalweg.engine import check
    from thalweg.engine.executors.array.simulation import Simulation

    shards = [s for group in check({k: v for k, v in study.items() if k not in OURS_ALONE}).groups for s in group.shards()]
    if study["name"] in ("muon", "rastrigin"):
        return {"start": np.concatenate([Simulation(shard).start()[0] for shard in shards])}
    if study["name"] in ("network", "softmax", "factors", "attention"):
        return of_tensors(study, shards)
    if study["name"] == "rosenbrock":
        columns = [shard.columns()["optimizer"] for shard in shards]
        return {"grid": [np.concatenate([c[(field,)] for c in columns]) for field in ("lr", "beta1", "beta2")]}
    return {}


def of_tensors(study: dict[str, Any], shards: list[Any]) -> dict[str, Any]:
    """What peers take from us for formulas over tensors: starts, learning rates, the shapes of variables, data."""
    from thalweg.engine.executors.array.simulation import Simulation

    first = Simulation(shards[0])
    land, lr = first.parts.landscape, first.parts.optimizer.lr
    swept = [shard.columns().get("optimizer", {}).get(("lr",), lr) for shard in shards]
    made = {"start": first.start()[0], "rates": np.unique(np.hstack([np.ravel(one) for one in swept])), "blocks": dict(land.blocks)}
    if land.dataset is not None:
        made["samples"] = (land.dataset.x.astype(study["precision"]), land.dataset.codes())
    if "draws" in study["landscape"]:
        made["tokens"] = first.p["tokens"][0]
    return made


def peers(name: str, module: Any, study: dict[str, Any]) -> dict[str, Any]:
    """A peer's contestant, if it has the case; of several variants the one that is fastest in one try."""
    if not hasattr(module, "VARIANTS"):
        return {module.NAME: getattr(module, study["name"])(study)} if hasattr(module, study["name"]) else {}
    tried = []
    if not module.knows(study["name"]):
        return {}
    for variant in module.VARIANTS:
        if name.startswith("a") or variant[0] == module.VARIANTS[0][0]:
            run = module.contestant(study, *variant)
            run()
            tried.append((ours.timed(run), variant, run))
    _, variant, run = min(tried, key=lambda t: t[0])
    return {f"{module.NAME}, {module.words(*variant)}": run}


def agree(finals: dict[str, np.ndarray], noisy: bool) -> None:
    """Everybody must have solved the same problem. Raises SystemExit otherwise."""
    reference = finals["thalweg, array"].astype(np.float64)
    for who, losses in finals.items():
        losses = losses.astype(np.float64)
        gap = abs(np.median(losses) - np.median(reference))
        if noisy:
            allowed = 5 * 1.2533 * np.hypot(np.std(losses), np.std(reference)) / np.sqrt(len(losses))
        else:
            allowed = 0.02 * abs(np.median(reference))
        if not (len(losses) == len(reference) and gap <= allowed):
            raise SystemExit(f"{who} solves another problem: median final loss {np.median(losses)}, thalweg {np.median(reference)}")


def alone(lines: list[str], rounds: int) -> None:
    """What is measured of thalweg alone."""
    lines += ["## d: how the cost grows (fused, float32)", "", "| | | M steps/s |", "|---|---:|---:|"]
    lines += [f"| {what} | {value} | {rate / 1e6:,.2f} |" for what, value, rate in ours.scaling()]
    lines += ["", "## e: recording, case a with 20,000 steps, to a Zarr store on disk", "", "| recorded | s | ratio |", "|---|---:|---:|"]
    lines += [f"| {name} | {seconds:.2f} | {ratio:.2f} |" for name, seconds, ratio in ours.recording(rounds)]
    lines += ["", "Peak resident memory while recording everything every 10th step: "]
    lines[-1] += ", ".join(f"{what} {size:.0f} MB" for what, size in ours.memory()) + "."
    lines += ["", "## f: starts, `thalweg run` of a small study in a new process", "", "| | s |", "|---|---:|"]
    lines += [f"| {what} | {seconds:.2f} |" for what, seconds in ours.starts()]
    slots, most = sum(ours.SLOTS.values()), ours.peak()
    reached = ours.rate(CASES["a32"][1])
    lines += ["", "## k: Dask workers, one thread each, pinned (benchmarks/workers.py)", "", workers.in_words()]
    lines += ["", "## g: roofline of case a, float32", ""]
    lines.append(
        f"A run and step needs {slots} vector slots ({', '.join(f'{k} {v}' for k, v in ours.SLOTS.items())}; see benchmarks/ours.py). "
        f"A loop of multiply-adds reaches {most / 1e9:.0f} G slots/s on this machine, which bounds case a at {most / slots / 1e6:,.0f} M "
        f"steps/s; the kernel makes {reached / 1e6:,.0f} M steps/s, {100 * reached * slots / most:.0f} % of it."
    )


def draw(rates: dict[str, dict[str, float]], path: Path) -> None:
    """Bars by case and contestant."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 1.2 + 1.1 * len(rates)), layout="constrained")
    axes = figure.subplots(len(rates), 1, squeeze=False, sharex=True)[:, 0]
    for panel, (name, contestants) in zip(axes, rates.items(), strict=True):
        labels, values = list(contestants), list(contestants.values())
        bars = panel.barh(range(len(labels)), values, color=["C0" if "thalweg" in label else "0.6" for label in labels])
        panel.bar_label(bars, fmt="{:,.3g}", padding=3, fontsize=8)
        panel.set(yticks=range(len(labels)), yticklabels=labels, xscale="log", title=f"{name}: {CASES[name][0].partition(' (JAX')[0]}")
        panel.tick_params(axis="y", labelsize=8)
        panel.title.set_fontsize(9)
        panel.invert_yaxis()
        panel.margins(x=0.2)
    axes[-1].set_xlabel("million optimizer steps a second (logarithmic)")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
