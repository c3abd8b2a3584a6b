"""How the runs of a shard end: which still move, which diverged or stopped, and at which step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..outcome import DIVERGED, FINISHED, RUNNING, STOPPED, Outcome


class Fate:
    """The status (points, seeds) of every run, the last step at which it was still well, and whether it still counts (`alive`)."""

    def __init__(self, shape: tuple[int, int], stop: Any, steps: int, xp: Any):
        self.xp, self.stop, self.steps = xp, stop, steps
        self.apart = xp is not np
        """Arrays may be on a device, and a look at one would wait for all that was launched."""
        self.status = xp.zeros(shape, dtype=xp.int8)
        self.last = xp.zeros(shape, dtype=xp.int64) + steps
        self.alive = xp.ones(shape, dtype=xp.bool)

    def begin(self, status: Any, last_step: Any) -> None:
        """Take over how runs stand that began elsewhere."""
        self.status, self.last = self.xp.asarray(status), self.xp.asarray(last_step)
        self.alive = self.status == RUNNING

    def judge(self, t: int, loss: Any, x: Any, point: Any) -> None:
        """Which runs end at step t: with this loss (points, seeds), at x, whose iterate `point()` gives."""
        xp, stop = self.xp, self.stop
        bad = ~xp.isfinite(loss)
        if stop.diverge_above is not None:
            bad = bad | (loss > stop.diverge_above)
        if self.apart or not xp.all(xp.isfinite(x)):
            bad = bad | ~xp.all(xp.isfinite(point()), axis=-1)
        ended = bad & self.alive
        if self.apart or xp.any(ended):
            self.end(ended, DIVERGED, t - 1)
        if stop.loss_below is not None:
            self.end((loss < stop.loss_below) & self.alive, STOPPED, t)

    def end(self, which: Any, status: int, last: int) -> None:
        """These runs are over."""
        xp = self.xp
        self.status = xp.where(which, xp.asarray(status, dtype=xp.int8), self.status)
        self.last = xp.where(which, xp.asarray(last, dtype=xp.int64), self.last)
        self.alive = self.alive & ~which

    def all_over(self, look: bool) -> bool:
        """Whether no run moves any more, and their records can be filled up. Only with `look` arrays on a device are looked at."""
        return (look or not self.apart) and self.stop.loss_below is None and not self.xp.any(self.alive)

    def held(self, x: Any, new: Any) -> Any:
        """The next iterates: a run that has stopped stays where it is."""
        if self.stop.loss_below is None:
            return new
        xp, stopped = self.xp, self.status == STOPPED
        return xp.where(xp.reshape(stopped, (*stopped.shape, *(1,) * (len(x.shape) - 2))), x, new)

    def kept(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return {"status": self.status, "last": self.last, "alive": self.alive}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.status, self.last, self.alive = kept["status"], kept["last"], kept["alive"]

    def outcome(self) -> Outcome:
        """How the runs ended; those that still move have finished."""
        xp = self.xp
        return Outcome(xp.where(self.status == RUNNING, xp.asarray(FINISHED, dtype=xp.int8), self.status), self.last)
