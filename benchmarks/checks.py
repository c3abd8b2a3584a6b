"""What it costs to check a study: python -m benchmarks.checks [NAME ...].

For each bundled study, a process of its own: the processor seconds of reading and checking it, once thalweg and the data's and distributions' libraries are
imported; and the seconds of `thalweg check` as a process, which imports them, tries every claim out and forecasts the time of the run.
The last line is a product of 60 sums, in a study without claims.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STUDIES = Path(__file__).parent.parent / "specs" / "studies"
ROUNDS = 3
ALONE = """
import sys, time
import scipy.special
from thalweg.engine.api import check
from thalweg.specs.load import load
began = time.process_time()
check(load(sys.argv[1]))
print(time.process_time() - began)
"""
SUMS = {
    "name": "sums",
    "landscape": {
        "kind": "expression",
        "vector": {"name": "x", "dim": 120},
        "value": "*".join(f"(x[{2 * k}] + x[{2 * k + 1}])" for k in range(60)),
    },
    "optimizers": ["sgd"],
    "steps": 100,
}


def seconds(file: Path) -> tuple[float, float]:
    """Of the check alone, and of the command; medians."""
    alone, whole = [], []
    for _ in range(ROUNDS):
        alone.append(float(subprocess.run([sys.executable, "-c", ALONE, str(file)], capture_output=True, text=True, check=True).stdout))
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "thalweg", "check", str(file)], stdout=subprocess.DEVNULL, check=True)
        whole.append(time.perf_counter() - began)
    return sorted(alone)[ROUNDS // 2], sorted(whole)[ROUNDS // 2]


def main() -> None:
    files = [file for file in sorted(STUDIES.rglob("*.yaml")) if len(sys.argv) < 2 or file.stem in sys.argv[1:]]
    with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as folder:
        sums = Path(folder) / "sums.yaml"
        sums.write_text(json.dumps(SUMS))
        print("| study | check alone, s | thalweg check, s |\n|---|---:|---:|")
        for file in [*files, sums]:
            alone, whole = seconds(file)
            print(f"| {file.stem} | {alone:.3f} | {whole:.2f} |", flush=True)


if __name__ == "__main__":
    main()
