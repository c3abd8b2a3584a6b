"""Who reads and writes what between two barriers, in Numba's simulator of CUDA. Imported there alone: the simulator's classes are nowhere else."""

import contextlib
import threading
import traceback
from typing import Any, ClassVar
from unittest import mock

from numba.cuda.simulator.kernelapi import FakeCUDAModule
from thalweg.engine.executors.cuda import pointers


class Watched(pointers.Pointer):
    """A pointer that notes who reads and writes where between two barriers."""

    seen: ClassVar[dict] = {}
    races: ClassVar[list] = []

    def note(self, distance, writes):
        me: Any = threading.current_thread()
        array = self.array
        place = array.__array_interface__["data"][0] + (self.offset + int(distance)) * array.itemsize
        now, found = vars(me).get("barriers", 0), self.seen.setdefault(place, {})
        for other, (when, wrote) in [*found.items()]:
            if other is not me and other._manager is me._manager and when == now and (wrote or writes):
                self.races.append("".join(traceback.format_stack(limit=4)[:-1]))
        found[me] = now, writes or (found.get(me, (-1, False)) == (now, True))

    def __getitem__(self, distance):
        self.note(distance, False)
        return super().__getitem__(distance)

    def __setitem__(self, distance, value):
        self.note(distance, True)
        super().__setitem__(distance, value)


def barrier(name):
    """A function of the simulator by which all threads of a block wait, and count how often they did."""
    usual = getattr(FakeCUDAModule, name)

    def waits(*given):
        found = usual(*given)
        me = threading.current_thread()
        vars(me)["barriers"] = vars(me).get("barriers", 0) + 1
        return found

    return mock.patch.object(FakeCUDAModule, name, waits)


@contextlib.contextmanager
def watched():
    """(what was looked at, races) of the kernels that run meanwhile."""
    Watched.seen.clear(), Watched.races.clear()
    with mock.patch.object(pointers, "Pointer", Watched), barrier("syncthreads"), barrier("syncthreads_or"):
        yield Watched.seen, Watched.races
