"""JAX as an expert finds it after a search: runs one after the other, some side by side, every core a device of its own."""

import functools
from typing import Any

import jax

from . import jax_runs
from .peers_jax import called, knows

__all__ = ["NAME", "VARIANTS", "contestant", "knows", "words"]
NAME = "JAX pmap(lax.map)"
VARIANTS = [(impl, size) for impl in ("threefry2x32", "rbg", "unsafe_rbg") for size in (8, 64, 512)]
"""Generators, and how many runs are side by side; the fastest counts."""


def contestant(study: dict[str, Any], impl: str, size: int) -> Any:
    """A case, compiled: () -> final losses. The devices are the processor's cores, where __main__.py has asked XLA for that."""
    devices = jax.local_device_count()
    one, given = getattr(jax_runs, study["name"])(study, impl, 1)
    runs = len(given[0])
    if runs % devices:
        raise SystemExit(f"{study['name']}: {runs} runs cannot be dealt out to {devices} devices")
    shared = tuple(a.reshape(devices, runs // devices, *a.shape[1:]) for a in given)
    run = jax.pmap(lambda *mine: jax.lax.map(lambda own: one(*own), mine, batch_size=size))
    return functools.partial(called, lambda *all_runs: run(*all_runs).reshape(-1), *shared)


def words(impl: str, size: int) -> str:
    """A variant in words."""
    return f"{impl}, {size} side by side"
