"""What `thalweg check` foretells against what a run takes: `python -m benchmarks.estimates [--most SECONDS] [STUDY ...]`, by default all
bundled studies. Forecast and run alternate, since the machine may be busy with something else; studies that would take longer than `--most`
run some of their steps. Prints a line a study, and how many are within a factor of two.
"""

import argparse
import time

from thalweg.engine import check
from thalweg.engine.api import load_study
from thalweg.engine.executors.choose import choose
from thalweg.engine.forecast import forecast
from thalweg.engine.simulate import compute
from thalweg.specs.load import gallery


def shortened(study, share):
    """The study with this share of its steps, and its records as far apart as they were."""
    steps = max(2, int(study.steps * share))
    every = study.record.every or max(1, study.steps // 1000)
    record = study.record.model_copy(update={} if study.record.last else {"every": min(every, steps), "at": None, "log": None})
    return study.model_copy(update={"steps": steps, "record": record, "claims": ()})


def measured(name, most):
    """(study, its steps that were run, forecast, seconds to forecast, seconds it took, processor seconds)."""
    study = load_study(name)
    expected = told(study)[0]
    if expected > most:
        study = shortened(study, most / expected)
    expected, asked = told(study)
    compiles = forecast(check(study), {g.name: choose(g).name for g in check(study).groups}).compiling
    began, spent = time.perf_counter(), time.process_time()
    compute(check(study))
    took, spent = time.perf_counter() - began, time.process_time() - spent
    after = told(study)[0]
    return study, expected + compiles, after, asked, took, spent


def told(study):
    plan = check(study)
    executors = {group.name: choose(group).name for group in plan.groups}
    began = time.perf_counter()
    return forecast(plan, executors).run, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*")
    parser.add_argument("--most", type=float, default=20.0)
    given = parser.parse_args()
    print(f"{'study':28} {'steps':>8} {'forecast':>9} {'after':>8} {'run':>8} {'cpu':>8} {'ratio':>6} {'asked':>6}")
    ratios = []
    for name in given.studies or sorted(gallery()):
        study, before, after, asked, took, spent = measured(name, given.most)
        ratios.append(((before + after) / 2) / took)
        print(
            f"{name:28} {study.steps:8} {before:8.2f}s {after:7.2f}s {took:7.2f}s {spent:7.2f}s {ratios[-1]:6.2f} {asked:5.2f}s", flush=True
        )
    within = sum(0.5 <= ratio <= 2 for ratio in ratios)
    print(f"{within} of {len(ratios)} within a factor of two")


if __name__ == "__main__":
    main()
