"""Memory that array operations let go stays with the process: every step makes and drops the same arrays."""

import contextlib
import ctypes
import functools

TRIM, MMAP = -1, -3
"""Names of settings in glibc's malloc.h."""
KEPT, LARGEST = 2**28, 2**25
"""Bytes at the top of the heap that are kept, and the largest array that comes from the heap, as large as glibc allows."""


@functools.cache
def keep_memory() -> None:
    """Tell glibc not to give back what is free at the top of its heap: by default it does from a few megabytes on, so that a step of a few large
    arrays has all their pages cleared by the kernel anew, a third of its time. Other C libraries are left as they are."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP, LARGEST)
        mallopt(TRIM, KEPT)
