"""Shards as Dask tasks: every worker opens the store itself and writes its own shards; the bits are those of one process.

A shard whose worker dies is given to another, since nothing of it counts before its completion mark. Any Dask cluster will do: SLURM, Kubernetes,
SSH by Dask's own tools; workers need this package, and the store and the study's data files under the same names.
"""

import atexit
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from ...specs.errors import SpecError, StoreError, ThalwegError
from ...specs.study import Study
from ..executors.executor import Executor
from ..plan import Plan, Shard, plan, with_runs_at_once
from ..progress import Progress
from ..store.location import real, remote
from ..store.open import open_root
from ..store.probes import is_done, stored_looks, todo
from ..store.provenance import same_version
from ..store.store import Store
from .probes import drive_pieces
from .threads import drive, how_to_go_on

RETRIES = 3
"""Times a shard is tried again whose task raised something else than an error of thalweg's own."""
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}
"""Settings of Dask for local processes: no profiler that samples them 100 times a second, fewer looks at themselves. As they come, two idle workers
and their scheduler take a tenth of a core, so set, a third of that (docs/stores.md)."""
ANY_PORT = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
"""A local scheduler without a dashboard still serves its own pages: at port 8787, with a warning where another cluster has that, unless told
another port; 0 is any free one."""
AHEAD = 4
"""Tasks handed to the scheduler for every thread of its workers, so that ten thousand shards do not wait in its memory."""
LEAST = 100
"""Tasks that wait there at least, however few workers there are: by what waits an adaptive cluster knows how far to grow."""


def distribute(
    store: Store,
    target: "str | Path",
    executors: Mapping[str, Executor],
    progress: Progress | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> None:
    """Run every shard that is not complete yet on `workers` local processes, or on the cluster of this scheduler's address."""
    text, name = store.plan.study.model_dump_json(), str(target) if remote(target) else str(real(target))
    store.cut = True  # workers may die
    fitted = tuple(group.fitted for group in store.plan.groups)
    with cluster(workers, scheduler) as client:
        shards = (
            (
                (run_shard, text, fitted, name, g, k, executors[shard.group.name]),
                (shard.group.name, shard.points * len(shard.seeds) * (shard.group.study.steps - shard.resolved.group.study.first)),
            )
            for g, k, shard in store.todo()
        )
        hand_out(client, shards, store, progress.advanced if progress else None)
        pieces = (
            (
                (run_piece, text, fitted, name, look.path, piece.key),
                (look.group.name, look.probe.name, piece.points, math.prod(look.sizes.values())),
            )
            for look in stored_looks(store.root, store.plan)
            for piece in todo(store.root, look)
        )
        hand_out(client, pieces, store, progress.looked if progress else None)


def hand_out(client: Any, tasks: Iterator[tuple[tuple[Any, ...], tuple[Any, ...]]], store: Store, told: Callable[..., None] | None) -> None:
    """Have the cluster do these: (function, its arguments...), and what `told` is given when that is done. Raises StoreError where one fails."""
    from distributed import as_completed

    futures, sizes = as_completed(), {}

    def submit() -> None:
        wanted = max(LEAST, AHEAD * sum(client.nthreads().values()))
        for task, size in islice(tasks, max(0, wanted - len(sizes))):
            future = client.submit(*task, pure=False, retries=RETRIES)
            sizes[future.key] = size
            futures.add(future)

    submit()
    for future in futures:
        problem, size = outcome(future, store), sizes.pop(future.key)
        if problem is not None:
            raise StoreError(problem)
        if told:
            told(*size)
        submit()


def outcome(future: Any, store: Store) -> str | None:
    """What a task returned. Raises StoreError where Dask gave it up: its workers died, the scheduler is gone."""
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        times = error.allowed_failures + 1
        raise StoreError(
            f"one shard's worker died {times} times, perhaps for lack of memory (the workers' logs say why){how_to_go_on(store)}"
        ) from error
    except Exception as error:
        raise StoreError(f"the cluster gave up on a shard: {type(error).__name__}: {error}{how_to_go_on(store)}") from error


def run_shard(text: str, fitted: tuple[int | None, ...], target: str, group: int, index: int, executor: Executor) -> str | None:
    """A task: compute and write one shard. Returns what is wrong if it is an error of thalweg's own, which another try would not mend."""
    try:
        root = open_root(target, mode="r+")
        same_version(root, target)
        planned, shards = _planned(text, fitted)
        shard, store = shards[group][index], Store(root, planned, target)
        if not store.is_done(shard):
            drive([shard], {shard.group.name: executor}, store, None, 1)
    except ThalwegError as error:
        return str(error)
    return None


def run_piece(text: str, fitted: tuple[int | None, ...], target: str, path: str, key: str) -> str | None:
    """A task: compute and write one piece of the probe at this path. Returns what is wrong, as `run_shard` does."""
    try:
        root = open_root(target, mode="r+")
        same_version(root, target)
        planned, _ = _planned(text, fitted)
        look = next(look for look in stored_looks(root, planned) if look.path == path)
        piece = next(piece for piece in look.pieces() if piece.key == key)
        if not is_done(root, piece):
            drive_pieces([piece], Store(root, planned, target), None, 1)
    except ThalwegError as error:
        return str(error)
    return None


@functools.lru_cache(maxsize=2)
def _planned(text: str, fitted: tuple[int | None, ...]) -> tuple[Plan, list[list[Shard]]]:
    """The plan of a study and its shards, once a worker."""
    planned = plan(Study.model_validate_json(text))
    planned = with_runs_at_once(planned, {group.name: runs for group, runs in zip(planned.groups, fitted, strict=True)})
    return planned, [list(group.shards()) for group in planned.groups]


@contextmanager
def cluster(workers: int | None, scheduler: str | None) -> Iterator[Any]:
    """A client of that cluster, or of local processes. Raises SpecError if Dask is missing, StoreError if nobody answers there."""
    try:
        from dask import config
        from distributed import Client, LocalCluster
        from distributed.deploy.spec import close_clusters
    except ImportError:
        raise SpecError("--workers and --scheduler need Dask: pip install 'thalweg[dask]'") from None
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout="30s")
        except (OSError, ValueError) as error:
            raise StoreError(f"--scheduler {scheduler}: cannot be reached: {error}") from None
        try:
            yield client
        finally:
            client.close()
        return
    with config.set(QUIET):
        try:
            local = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, silence_logs=50, **ANY_PORT)  # type: ignore[arg-type]
        except KeyboardInterrupt:
            atexit.unregister(close_clusters)  # of workers that are still starting it fails, at length; they end with this process
            raise
        try:
            with Client(local) as client:
                yield client
        finally:
            with suppress(Exception):
                local.close(timeout=10)
            local.shutdown_on_close = False  # what was busy then ends with this process; Dask would try again at exit, with tracebacks
