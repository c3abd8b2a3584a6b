"""Where the kernels' threads run."""

import os
import threading

import pytest
from thalweg.engine.executors.cpu.core_pool import kernel_pool

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not say where a thread may run")


def affinities(threads):
    """Those of all threads of a pool, which wait for each other."""
    together = threading.Barrier(threads)

    def mine(_):
        together.wait(10)
        return os.sched_getaffinity(0)

    with kernel_pool(threads) as pool:
        return list(pool.map(mine, range(threads)))


def test_as_many_threads_as_cores_have_one_each_and_the_caller_keeps_all():
    cores = os.sched_getaffinity(0)
    assert set().union(*affinities(len(cores))) == cores
    assert all(len(found) == 1 for found in affinities(len(cores)))
    assert os.sched_getaffinity(0) == cores


def test_another_number_of_threads_is_left_to_the_system():
    cores = os.sched_getaffinity(0)
    assert affinities(len(cores) + 1) == [cores] * (len(cores) + 1)


def test_a_system_that_does_not_allow_it_is_no_error(monkeypatch):
    def refused(*args):
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    cores = os.sched_getaffinity(0)
    assert affinities(len(cores)) == [cores] * len(cores)
