"""The array executor on several threads: a shard's runs in as many parts, whose records are put together again.

A run's bits depend neither on its neighbours nor on threads, so nothing changes but the time. Parts meet once a block of records.
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...plan import Shard
from ...store.checkpoint import Checkpoint
from ..outcome import Block, Outcome
from .simulation import NOTHING

LARGE = 2**15
"""Numbers a part moves in a step, from which on its array operations, and not Python, take the time."""


class Stopped(Exception):
    """Ends a part after another's failure."""


def parts(shard: Shard, threads: int) -> tuple[list[Shard], int]:
    """The shard in up to `threads` parts of some size, and the axis (0 points, 1 seeds) along which they are cut."""
    seeds = len(shard.seeds)
    outer = next((k for k, n in enumerate(shard.shape[:-1]) if n > 1), None)
    cut = len(shard.shape) - 1 if outer is None or seeds >= shard.shape[outer] else outer
    size = shard.points * seeds * shard.parts().landscape.size * max(1, shard.group.particles)
    count = min(threads, shard.shape[cut], size // LARGE)
    if count < 2:
        return [shard], 1
    where = shard.box[cut]
    ends = np.linspace(where.start, where.stop, count + 1).astype(int).tolist()
    boxes = [(*shard.box[:cut], slice(a, b), *shard.box[cut + 1 :]) for a, b in itertools.pairwise(ends)]
    return [dataclasses.replace(shard, box=box) for box in boxes], int(cut == len(shard.shape) - 1)


class SplitSimulation:
    """One shard as several simulations side by side; `run` is that of each."""

    def __init__(self, simulations: list[Any], axis: int):
        self.simulations, self.axis = simulations, axis

    def run(self, tick: Callable[[int], None] | None = None, checkpoint: Checkpoint = NOTHING) -> Iterator[Block | Outcome]:
        """The shard's records in blocks, then its outcome. The first part's steps are told to `tick`. Checkpoints of the parts count only
        if all lie within one block of records."""
        stopped = False
        own_points = [checkpoint.part(k) for k in range(len(self.simulations))]
        if len({None if found is None else int(found["start"]) for found in (point.load() for point in own_points)}) > 1:
            checkpoint.drop()

        def alive(steps: int) -> None:
            if stopped:
                raise Stopped

        running = [s.run(tick if k == 0 else alive, own_points[k]) for k, s in enumerate(self.simulations)]
        with contextlib.ExitStack() as stack:
            own = [stack.enter_context(ThreadPoolExecutor(1)) for _ in running]  # NumPy's error state is a thread's
            try:
                while True:
                    waiting = [pool.submit(next, part, None) for pool, part in zip(own, running, strict=True)]
                    made = [future.result() for future in waiting]
                    if made[0] is None:
                        return
                    yield self.joined(made)
            finally:
                stopped = True
                for pool, part in zip(own, running, strict=True):
                    with contextlib.suppress(BaseException):
                        pool.submit(part.close).result()

    def joined(self, made: list[Any]) -> Block | Outcome:
        """The parts' blocks, or outcomes, as one."""
        if isinstance(made[0], Outcome):
            return Outcome(*(np.concatenate([getattr(m, name) for m in made], axis=self.axis) for name in ("status", "last_step")))
        data = {name: np.concatenate([np.asarray(m.data[name]) for m in made], axis=self.axis) for name in made[0].data}
        return Block(made[0].start, made[0].stop, data)
