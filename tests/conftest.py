"""Kernels that tests compile go to a cache of their own, kept between runs; each worker compiles its own alone, since there are as many as
processors. No test fails because the machine is busy: hypothesis has no deadlines."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from thalweg.engine.executors.cpu import compile_ahead

os.environ["THALWEG_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "thalweg")

settings.register_profile("thalweg", deadline=None)
settings.load_profile("thalweg")


@pytest.fixture(autouse=True, scope="session")
def _alone():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile_ahead, "cores", lambda: 1)
        yield
