"""JAX as its users write it: jit(vmap(scan)) with optax."""

import functools
from typing import Any

import jax
import numpy as np

from . import jax_runs

NAME = "JAX jit(vmap(scan))"
VARIANTS = [(impl, unroll) for impl in ("threefry2x32", "rbg", "unsafe_rbg") for unroll in (1, 4)]
"""Generators and unrolling tried; the fastest counts."""


def knows(case: str) -> bool:
    """Whether there is this case."""
    return hasattr(jax_runs, case)


def contestant(study: dict[str, Any], impl: str, unroll: int, **more: Any) -> Any:
    """A case, compiled: () -> final losses. `more` is what its function takes besides."""
    one, given = getattr(jax_runs, study["name"])(study, impl, unroll, **more)
    return functools.partial(called, jax.jit(jax.vmap(one)), *given)


def called(function: Any, *args: Any) -> np.ndarray:
    """What it gives, once it is there."""
    return np.asarray(function(*args).block_until_ready())


def words(impl: str, unroll: int) -> str:
    """A variant in words."""
    return f"{impl}, unroll {unroll}"
