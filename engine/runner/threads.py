"""Drives a plan: shards through their executors into the store, with progress.

Recording is double-buffered: a shard's thread computes on while its blocks are compressed and written (or, where only statistics are
stored, summarised) by other threads, at most two of them waiting. So memory does not depend on the number of steps.
"""

import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from threadpoolctl import threadpool_limits

from ...specs.errors import RunError, StoreError, ThalwegError
from ..cores import cores
from ..executors.choose import choose, load_lapack, simulation
from ..executors.cpu.core_pool import kernel_pool
from ..executors.executor import Executor
from ..executors.outcome import Block
from ..plan import Plan, Shard
from ..progress import Progress
from ..store.checkpoint import Checkpoint
from ..store.location import remote
from ..store.store import Store
from .branch import branch_states
from .seed_statistics import Gathered, summarise

IN_FLIGHT = 2
"""Blocks of a shard that may wait to be written while it computes on."""


def how_to_go_on(store: Store | None) -> str:
    """What remains after a failure, and how to go on."""
    return f"; what is complete is kept, continue with: thalweg run {shlex.quote(store.target)} --resume" if store and store.target else ""


def stopped(error: Exception, store: Store | None) -> StoreError:
    reason = getattr(error, "strerror", None) or error or type(error).__name__
    return StoreError(f"writing stopped: {reason}{how_to_go_on(store)}")


def raised_while_computing(error: Exception) -> bool:
    """Whether a landscape, a rule or the executor raised this, and not what writes."""
    frame, last = error.__traceback__, ""
    while frame is not None:
        name = frame.tb_frame.f_globals.get("__name__", "")
        last = name if name.startswith(__name__.rpartition(".")[0]) else last
        frame = frame.tb_next
    return ".executors." in last


class Cancelled(Exception):
    """Ends a shard's thread after an interrupt or another shard's failure."""


def simulate(
    store: Store,
    executors: Mapping[str, Executor],
    progress: Progress | None = None,
    threads: int | None = None,
    after: Callable[[Store, Progress | None, int | None], None] | None = None,
) -> float:
    """Run every shard that is not complete yet, each group on its executor, and do what comes `after`; returns the seconds it took.

    Shards run in `threads` threads (default: one a core), each shard's linear algebra in one, so the bits do not depend on either. Where
    there are fewer shards than threads, a shard may use several.
    """
    began = time.perf_counter()
    drive([shard for _, _, shard in store.todo()], executors, store, progress, threads)
    if after is not None:
        after(store, progress, threads)
    seconds = time.perf_counter() - began
    store.finish(seconds)
    return seconds


def compute(plan: Plan, executor: str = "auto", threads: int | None = None, device: str = "cpu") -> float:
    """Run every shard and drop what it records; returns the seconds it took. For measurements."""
    began = time.perf_counter()
    executors = {group.name: choose(group, executor, device).executor for group in plan.groups}
    drive([s for group in plan.groups for s in group.shards()], executors, None, None, threads)
    return time.perf_counter() - began


def drive(
    todo: list[Shard], executors: Mapping[str, Executor], store: Store | None, progress: Progress | None, threads: int | None
) -> None:
    """Run these shards in threads; what one raises ends all."""
    most = threads or cores()
    on_device = any(executors[shard.group.name].device == "cuda" for shard in todo)
    workers = 1 if on_device else max(1, min(most, len(todo)))  # one shard fills a device, and its memory
    over = threading.Event()
    fused = {shard.group.name: shard.group for shard in todo if executors[shard.group.name] == Executor("fused")}
    load_lapack(fused.values())
    with (
        threadpool_limits(limits=1),
        kernel_pool(most) as kernels,
        ThreadPoolExecutor(workers) as pool,
        ThreadPoolExecutor(workers) as writers,
    ):
        each = max(1, most // workers)
        runs = (ShardRun(shard, executors[shard.group.name], each, kernels, store, writers, over, progress) for shard in todo)
        do_all(runs, pool, workers, over)


def do_all(work: Iterable[Callable[[], None]], pool: ThreadPoolExecutor, workers: int, over: threading.Event) -> None:
    """Do this work in the pool's threads, handing out a little ahead; what one raises ends all, and sets `over`."""
    waiting: set[Future[None]] = set()
    try:
        for one in work:
            if len(waiting) >= 2 * workers:
                waiting = collect(waiting)
            waiting.add(pool.submit(one))
        while waiting:
            waiting = collect(waiting)
    except BaseException:
        over.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def collect(waiting: set[Future[None]]) -> set[Future[None]]:
    """Wait for the next to end; returns those still running, raises what one raised."""
    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        future.result()
    return waiting


class ShardRun:
    """One shard from start to completion mark."""

    def __init__(
        self,
        shard: Shard,
        executor: Executor,
        threads: int,
        kernels: ThreadPoolExecutor,
        store: Store | None,
        writers: ThreadPoolExecutor,
        over: threading.Event,
        progress: Progress | None,
    ):
        self.shard, self.executor, self.threads, self.kernels, self.store = shard, executor, threads, kernels, store
        self.writers, self.over, self.progress = writers, over, progress
        self.pending: deque[Future[Any]] = deque()
        self.settling = threading.Lock()

    def __call__(self) -> None:
        began = time.perf_counter()
        try:
            if self.shard.group.statistics:
                self.gather()
            else:
                self.record()
            if self.progress:
                self.progress.finished(self.shard.group.name, time.perf_counter() - began)
        except OSError as error:
            raise stopped(error, self.store) from error
        except (Cancelled, ThalwegError):
            raise
        except Exception as error:
            if (
                self.store and self.store.target and remote(self.store.target) and not raised_while_computing(error)
            ):  # every library that reaches a remote place has its own errors
                raise stopped(error, self.store) from error
            where = self.shard.group
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise RunError(f"{where.study.landscape.kind} with {where.name} raised {what}{how_to_go_on(self.store)}") from error

    def record(self) -> None:
        """Every run's records."""
        checkpoint = self.store.checkpoint(self.shard, self.settle) if self.store else Checkpoint()
        for result in simulation(self.shard, self.executor, self.threads, self.kernels, branch_states).run(
            self.tick(self.shard), checkpoint
        ):
            if isinstance(result, Block):
                if self.shard.unseen:  # blocks then share chunks, which one thread alone may write
                    self.settle()
                self.hand_over(self.write, result)
            else:
                self.settle()
                if self.store:
                    self.store.finish_shard(self.shard, result.status, result.last_step)
                    checkpoint.drop()

    def write(self, block: Block) -> None:
        if self.store:
            self.store.write(self.shard, block.start, block.stop, block.data)
        if self.progress and "state" not in block.data:
            group = self.shard.resolved.group
            self.progress.recorded(group.name, group.steps[block.start : block.stop], block.data)

    def gather(self) -> None:
        """Statistics over the seeds, worked off a part of the seeds at a time."""
        parts = list(self.shard.split())
        gathered = Gathered(self.shard.resolved, len(parts))
        for part in parts:
            for result in simulation(part, self.executor, self.threads, self.kernels, branch_states).run(self.tick(part)):
                if isinstance(result, Block):
                    for done in self.hand_over(summarise, result, self.shard.group.study.record, len(parts) == 1):
                        gathered.add(done)
                else:
                    gathered.end(result)
            for done in self.settle():
                gathered.add(done)
        if self.store:
            self.store.write_statistics(self.shard, gathered.result(), gathered.final_loss)
            self.store.finish_shard(self.shard, gathered.status, gathered.last_step)

    def hand_over(self, work: Callable[..., Any], *args: Any) -> list[Any]:
        """Have a writer thread do this; returns what older work gave, having waited for it if too much is pending."""
        self.pending.append(self.writers.submit(work, *args))
        return [self.pending.popleft().result() for _ in range(len(self.pending) - IN_FLIGHT)]

    def settle(self) -> list[Any]:
        """Wait for everything pending, in order."""
        with self.settling:
            return [self.pending.popleft().result() for _ in range(len(self.pending))]

    def tick(self, part: Shard) -> Callable[[int], None]:
        def tick(steps: int) -> None:
            if self.over.is_set():
                raise Cancelled
            if self.progress:
                self.progress.advanced(part.group.name, steps * part.points * len(part.seeds))

        return tick
