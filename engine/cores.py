"""How many processors this process may use."""

import os


def cores() -> int:
    """The processors that the system lets this process run on (its affinity: a container, `taskset` or a batch system may allow fewer than
    the machine has); all of the machine's where the system does not say. At least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
