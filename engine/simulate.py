"""Drives a plan: shards through the executor into the store, with progress."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from threadpoolctl import threadpool_limits

from ..specs.errors import StoreError
from .executors.array import Block, Simulation
from .plan import Shard
from .store import Store

Progress = Callable[[int], None]
"""Called with the number of optimizer steps (over all runs of a shard) made since its last call; may be called from any thread."""


class Cancelled(Exception):
    """Ends a shard's thread after an interrupt or another shard's failure."""


def simulate(store: Store, progress: Progress | None = None, threads: int | None = None) -> float:
    """Run every shard that is not complete yet; returns the seconds it took.
    Shards run in `threads` threads (default: one a core), each shard's linear algebra in one, so the bits do not depend on either.
    """
    began = time.perf_counter()
    todo = [s for group in store.plan.groups for s in group.shards() if not store.is_done(s)]
    workers = max(1, min(threads or os.cpu_count() or 1, len(todo)))
    over = threading.Event()
    with threadpool_limits(limits=1), ThreadPoolExecutor(workers) as pool:
        waiting: set[Future[None]] = set()
        try:
            for shard in todo:
                if len(waiting) >= 2 * workers:
                    waiting = collect(waiting)
                waiting.add(pool.submit(run_shard, store, shard, over, progress))
            while waiting:
                waiting = collect(waiting)
        except BaseException:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    seconds = time.perf_counter() - began
    store.finish(seconds)
    return seconds


def collect(waiting: set[Future[None]]) -> set[Future[None]]:
    """Wait for the next shards to end; returns those still running, raises what a shard raised."""
    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return waiting


def run_shard(store: Store, shard: Shard, over: threading.Event, progress: Progress | None) -> None:
    """One shard from start to completion mark."""

    def tick(steps: int) -> None:
        if over.is_set():
            raise Cancelled
        if progress:
            progress(steps * shard.points * len(shard.seeds))

    try:
        for made in Simulation(shard).run(tick):
            if isinstance(made, Block):
                store.write(shard, made.start, made.stop, made.data)
            else:
                store.finish_shard(shard, made.status, made.last_step)
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"writing stopped: {reason}; what is complete is kept, `thalweg run --resume` continues") from error
