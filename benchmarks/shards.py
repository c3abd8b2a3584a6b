"""What a store of many shards costs: planning, beginning it, the look at what is left, and the time a shard takes. `python -m benchmarks.shards`

Shards of one run each and one step, so that next to nothing but the store is measured; every array is as in any other store.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

STUDY = {"name": "shards", "landscape": "himmelblau", "optimizers": [{"kind": "sgd", "lr": 0.01}], "steps": 1}
SIZES = (1_000, 3_000, 10_000)
COLUMNS = ("plan", "begin", "resume half", "resume whole", "a shard", "of it computing", "end")


def seconds(shards: int, folder: Path) -> dict[str, float]:
    """Wall seconds of every stage of a store of so many shards; of the resumes, planning, opening and the list of what is left."""
    from thalweg.engine.api import load_study
    from thalweg.engine.executors.executor import Executor
    from thalweg.engine.plan import plan, with_runs_at_once
    from thalweg.engine.runner.threads import drive
    from thalweg.engine.store.store import Store

    study, target, made = load_study({**STUDY, "seeds": shards}), folder / f"{shards}.zarr", {}

    def timed(name: str, work: Any) -> Any:
        began = time.perf_counter()
        result = work()
        made[name] = time.perf_counter() - began
        return result

    def planned() -> Any:
        fitted = with_runs_at_once(plan(study), {"sgd": 1})
        assert sum(1 for _ in fitted.groups[0].shards()) == shards
        return fitted

    def left() -> list[Any]:
        return [shard for _, _, shard in Store.resume(target, planned()).todo()]

    fitted = timed("plan", planned)
    executors = {"sgd": Executor("array")}
    store = timed("begin", lambda: Store.create(target, fitted, executors=executors))
    every = [shard for _, _, shard in store.todo()]
    timed("first", lambda: drive(every[: shards // 2], executors, store, None, 1))
    rest = timed("resume half", left)
    assert len(rest) == shards - shards // 2
    timed("second", lambda: drive(rest, executors, store, None, 1))
    assert not timed("resume whole", left)
    timed("compute", lambda: drive(every, executors, None, None, 1))
    timed("end", lambda: store.finish(0.0))
    shutil.rmtree(target)
    return {**made, "a shard": (made["first"] + made["second"]) / shards, "of it computing": made["compute"] / shards}


def markdown(sizes: "tuple[int, ...]" = SIZES) -> str:
    """The table, in milliseconds."""
    rows = [f"| shards | {' | '.join(COLUMNS)} |", f"|{' --: |' * (len(COLUMNS) + 1)}"]
    with tempfile.TemporaryDirectory(prefix="thalweg-bench-") as folder:
        seconds(10, Path(folder))  # imports, and the first use of everything
        for shards in sizes:
            made = seconds(shards, Path(folder))
            rows.append(f"| {shards:,} | {' | '.join(f'{1e3 * made[name]:.3g} ms' for name in COLUMNS)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of shards")
    print(markdown(tuple(parser.parse_args().sizes)))
