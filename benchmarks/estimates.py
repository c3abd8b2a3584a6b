"""What `thalweg check` foretells against what a run takes: `python -m benchmarks.estimates [--most SECONDS] [STUDY ...]`, by default all
bundled studies. Forecast and run alternate, since the machine may be busy with something else; studies that would take longer than `--most`
run some of their steps. Prints a line a study, and how many are within a factor of two.
"""

import argparse
import json
import subprocess
import sys
import time

from thalweg.engine import check
from thalweg.engine.api import load_study
from thalweg.engine.executors.choose import choose
from thalweg.engine.runner.forecast import forecast
from thalweg.engine.runner.threads import compute
from thalweg.specs.load import gallery


def shortened(study, share):
    """The study with this share of its steps, and its records as far apart as they were."""
    steps = max(2, int(study.steps * share))
    every = study.record.every or max(1, study.steps // 1000)
    record = study.record.model_copy(update={} if study.record.last else {"every": min(every, steps), "at": None, "log": None})
    return study.model_copy(update={"steps": steps, "record": record, "claims": ()})


def measured(name, most):
    """(steps, forecasts before and after, processor seconds to forecast, seconds it took, its processor seconds)."""
    study = load_study(name)
    expected = told(study)[0].processors
    study = shortened(study, most / expected) if expected > most else study
    before, asked = told(study)
    began, spent = time.perf_counter(), time.process_time()
    compute(check(study))
    took, spent = time.perf_counter() - began, time.process_time() - spent
    after = told(study)[0]
    return study.steps, before.run, after.run, before.processors, before.compiling, asked, took, spent


def told(study):
    plan = check(study)
    executors = {group.name: choose(group).executor for group in plan.groups}
    began = time.process_time()
    return forecast(plan, executors), time.process_time() - began


def apart(name, most):
    """`measured` in a process of its own, as a command would be."""
    command = [sys.executable, "-m", "benchmarks.estimates", "--one", name, "--most", str(most)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*")
    parser.add_argument("--most", type=float, default=20.0)
    parser.add_argument("--one", help="measure this study and print the numbers as JSON")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one, given.most)))
        return
    print(
        f"{'study':26} {'steps':>7} {'asked':>7} | forecast {'before':>8} {'after':>8} {'run':>8} {'ratio':>6} | {'cpu':>8} {'run':>8} {'ratio':>6}"
    )
    ratios = []
    for name in given.studies or sorted(gallery()):
        steps, run, after, processors, compiling, asked, took, spent = apart(name, given.most)
        ratios.append(((run + compiling) / took, (processors + compiling) / spent))
        print(f"{name:26} {steps:7} {asked:6.2f}s |          {run:7.2f}s {after:7.2f}s {took:7.2f}s {ratios[-1][0]:6.2f} | ", end="")
        print(f"{processors + compiling:7.2f}s {spent:7.2f}s {ratios[-1][1]:6.2f}", flush=True)
    for k, what in enumerate(("seconds", "processor seconds")):
        print(f"{what}: {sum(0.5 <= ratio[k] <= 2 for ratio in ratios)} of {len(ratios)} within a factor of two")


if __name__ == "__main__":
    main()
