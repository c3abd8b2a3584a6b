"""Kernels that tests compile go to a cache of their own, kept between runs. No test fails because the machine is busy: hypothesis has no deadlines."""

import os
from pathlib import Path

from hypothesis import settings

os.environ["THALWEG_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "thalweg")

settings.register_profile("thalweg", deadline=None)
settings.load_profile("thalweg")
