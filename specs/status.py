"""How a run stands."""

from enum import IntEnum


class Status(IntEnum):
    """What `status` holds of every run, as int8. A run that is not UNFINISHED is complete in the store."""

    UNFINISHED = 0
    FINISHED = 1
    DIVERGED = 2
    """The loss or the iterate was not finite, or the loss above `stop.diverge_above`."""
    STOPPED = 3
    """The loss fell below `stop.loss_below`."""
    RUNNING = 0
    """UNFINISHED, as an executor sees it."""

    @property
    def text(self) -> str:
        return {Status.UNFINISHED: "not finished", Status.STOPPED: "stopped early"}.get(self, self.name.lower())
