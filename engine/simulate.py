"""Drives a plan: shards through the executor into the store, with progress."""

import os
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from threadpoolctl import threadpool_limits

from ..specs.errors import StoreError
from .executors.array import Block, Simulation
from .plan import Shard
from .store import Store

Progress = Callable[[Shard], None]


def simulate(store: Store, progress: Progress | None = None, threads: int | None = None) -> float:
    """Run every shard that is not complete yet; returns the seconds it took. `progress` is called after each shard.

    Shards run in `threads` threads (default: one a core), each shard's linear algebra in one, so the bits do not depend on either.
    """
    began = time.perf_counter()
    todo = [s for group in store.plan.groups for s in group.shards() if not store.is_done(s)]
    workers = max(1, min(threads or os.cpu_count() or 1, len(todo)))
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[Shard]] = set()
        try:
            for shard in todo:
                if len(waiting) >= 2 * workers:
                    waiting = collect(waiting, progress)
                waiting.add(pool.submit(run_shard, store, shard))
            while waiting:
                waiting = collect(waiting, progress)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    seconds = time.perf_counter() - began
    store.finish(seconds)
    return seconds


def collect(waiting: set[Future[Shard]], progress: Progress | None) -> set[Future[Shard]]:
    """Wait for the next shards to end; returns those still running."""
    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        shard = future.result()
        if progress:
            progress(shard)
    return waiting


def run_shard(store: Store, shard: Shard) -> Shard:
    """One shard from start to completion mark."""
    try:
        for made in Simulation(shard).run():
            if isinstance(made, Block):
                store.write(shard, made.start, made.stop, made.data)
            else:
                store.finish_shard(shard, made.status, made.last_step)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"writing stopped: {reason}; what is complete is kept, `thalweg run --resume` continues") from error
    return shard
