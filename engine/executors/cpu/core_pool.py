"""The threads that kernels run in."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue


def kernel_pool(threads: int) -> ThreadPoolExecutor:
    """So many threads, each on a core of its own where there are as many: after a pause Linux may let two share a core for tens of milliseconds
    while another idles. With fewer threads other processes may be meant to have the rest, and the system places them."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    free: SimpleQueue[int] = SimpleQueue()
    for core in cores if threads == len(cores) else ():
        free.put(core)
    return ThreadPoolExecutor(threads, "kernel", _settle, (free,))


def _settle(free: "SimpleQueue[int]") -> None:
    with suppress(Empty, OSError):  # none is left, or the system does not allow it
        os.sched_setaffinity(0, {free.get_nowait()})
