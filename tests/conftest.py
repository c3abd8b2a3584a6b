"""Kernels that tests compile go to a cache of their own, kept between runs."""

import os
from pathlib import Path

os.environ["THALWEG_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache" / "thalweg")
