"""JAX as an expert writes small networks after a search: runs one after the other, some side by side, on every core a device of its own."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from . import peers_jax

NAME = "JAX pmap(lax.map), 8 side by side"
SIDE_BY_SIDE = 8


def network(study: dict[str, Any]) -> Any:
    """Cases n. The devices are the processor's cores, where __main__.py has asked XLA for that."""
    devices = jax.local_device_count()
    one = peers_jax.descent(study, peers_jax.network_loss(study), 1)
    starts, _, keys = peers_jax.of_seeds(study, "threefry2x32")
    rates = jnp.asarray(study["rates"])
    runs = len(rates) * len(starts)
    every = (jnp.tile(starts, (len(rates), 1)), jnp.tile(keys, len(rates)), jnp.repeat(rates, len(starts)))
    shared = tuple(a[: runs // devices * devices].reshape(devices, -1, *a.shape[1:]) for a in every)
    run = jax.pmap(lambda *given: jax.lax.map(lambda z: one(z[0], None, z[1], z[2]), given, batch_size=SIDE_BY_SIDE))
    return functools.partial(peers_jax._call, lambda *given: run(*given).reshape(-1), *shared)
