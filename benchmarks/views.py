"""`thalweg compare` on a million runs: seconds, of them CPU time, and peak memory of every view, a process each. `python -m benchmarks.views`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from thalweg.engine.comparison.views import VIEWS

THALWEG = (sys.executable, "-m", "thalweg")
BASE = {
    "landscape": "river_valley",
    "noise": {"kind": "gaussian", "scale": 0.3},
    "steps": 200,
    "record": {"every": 10},
    "precision": "float32",
}
WIDE = {"logspace": [1e-3, 1e-1, 1000]}
STORES: dict[str, dict[str, Any]] = {
    "2 x 1,000 points of 500 seeds": {"optimizers": [{"kind": kind, "lr": WIDE} for kind in ("sgd", "adam")], "seeds": 500},
    "2 points of 500,000 seeds": {"optimizers": [{"kind": kind, "lr": 0.01} for kind in ("sgd", "adam")], "seeds": 500_000},
    "4 points of 250,000 seeds": {
        "optimizers": [{"kind": kind, "lr": 0.01} for kind in ("sgd", "adam", "rmsprop", "lion")],
        "seeds": 250_000,
    },
}
"""A million runs each, 21 stored steps. Ranks need three optimizers."""


def made(folder: Path, name: str, study: dict[str, Any]) -> Path:
    """The store of a study, made by the command line: a process that held much memory itself would lend its peak to those it starts."""
    (folder / f"{name}.yaml").write_text(json.dumps({"name": name, **BASE, **study}))
    subprocess.run([*THALWEG, "run", f"{name}.yaml", "--quiet"], cwd=folder, check=True)
    return folder / f"{name}.zarr"


def measured(store: Path, view: str) -> str:
    """What the command took; a dash where the store does not have what the view needs."""
    began = time.perf_counter()
    process = subprocess.Popen([*THALWEG, "compare", str(store), "--view", view], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
    return "-" if process.returncode else f"{seconds:.1f} s ({usage.ru_utime + usage.ru_stime:.1f}), {usage.ru_maxrss * 1024 / 1e9:.2f} GB"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as folder:
        stores = [made(Path(folder), f"runs{k}", study) for k, study in enumerate(STORES.values())]
        print("| view | " + " | ".join(STORES) + " |\n" + "|---" * (1 + len(STORES)) + "|")
        for view in VIEWS.kinds():
            print(f"| `{view}` | " + " | ".join(measured(store, view) for store in stores) + " |", flush=True)


if __name__ == "__main__":
    main()
