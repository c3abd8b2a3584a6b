"""What kernels need that Numba's simulator of CUDA lacks."""

import sys
import threading
from typing import Any

import numpy as np

from .device import simulated


def complete_simulator() -> None:
    """Where kernels are simulated, give Numba's simulator what it lacks: a number from the lane at some distance, asked for by all threads of
    a block at once; warps that wait, where a block is one; and one shared array a line, even if two threads come to it together (numba-cuda
    0.30 looks first and makes one then)."""
    if not simulated():
        return
    from numba.cuda.simulator.kernelapi import FakeCUDAModule, FakeCUDAShared

    def shfl_xor_sync(_: Any, mask: int, value: Any, distance: int) -> Any:
        thread: Any = threading.current_thread()
        told = vars(thread._manager).setdefault("told", {})
        told[thread.thread_id] = value
        thread.syncthreads()
        found = told[thread.thread_id ^ distance]
        thread.syncthreads()
        return found

    def array(shared: Any, shape: Any, dtype: Any) -> np.ndarray:
        caller = sys._getframe(1)
        made: np.ndarray = shared._allocations.setdefault((caller.f_code, caller.f_lineno), np.empty(shape, dtype))
        return made

    def syncwarp(_: Any) -> None:
        thread: Any = threading.current_thread()
        thread.syncthreads()

    FakeCUDAModule.shfl_xor_sync, FakeCUDAModule.syncwarp = shfl_xor_sync, syncwarp  # type: ignore[attr-defined]
    FakeCUDAShared.array = array  # type: ignore[attr-defined]
