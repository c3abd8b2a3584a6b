"""What every executor gives out: records in blocks, then how the runs ended."""

from dataclasses import dataclass
from typing import Any

from ...specs.status import Status

RUNNING, FINISHED, DIVERGED, STOPPED = map(int, (Status.RUNNING, Status.FINISHED, Status.DIVERGED, Status.STOPPED))
"""Plain numbers, which every array namespace takes."""


@dataclass(frozen=True)
class Block:
    """Records [start, stop) of a shard: variable -> (points, seeds, records, ...)."""

    start: int
    stop: int
    data: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How the runs of a shard ended, (points, seeds) each."""

    status: Any
    last_step: Any
