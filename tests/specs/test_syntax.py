"""Syntax trees made by many threads at once."""

import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from thalweg.specs.syntax import syntax_tree


@pytest.fixture
def switching():
    """Threads take turns in the middle of whatever makes objects: the collector of garbage calls Python code, and there they may."""

    def pause(*_: object) -> None:
        time.sleep(0)

    before, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.callbacks.append(pause)
    gc.set_threshold(50)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(pause)
    sys.setswitchinterval(before)


def test_many_threads_make_trees_at_once(switching):
    """What Python alone raises a SystemError for in some versions (gh-106905)."""
    text = "+".join("x*(y - 2)**3" for _ in range(100))
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(lambda _: syntax_tree(text, "eval"), range(40)))) == 40
