"""CBXpy, the reference implementation of consensus-based optimization: all runs in one array, its own NumPy code."""

import types
from typing import Any

import cbx.dynamics
import numpy as np

NAME = "CBXpy"


def cbo(study: dict[str, Any]) -> Any:
    """Case h."""
    fields, (low, high) = study["optimizers"][0], (study["init"]["low"], study["init"]["high"])
    shape = (study["seeds"], fields["particles"], study["landscape"]["dim"])

    def loss(x: np.ndarray) -> np.ndarray:
        return np.sum(x * x + 10.0 * (1 - np.cos(2 * np.pi * x)), axis=-1)

    def run() -> np.ndarray:
        start = np.random.default_rng(1).uniform(low, high, shape)
        given = {"noise": fields["noise"], "sigma": fields["sigma"], "alpha": fields["alpha"], "lamda": 1.0, "dt": fields["lr"]}
        swarm = cbx.dynamics.CBO(loss, x=start, f_dim="3D", max_it=study["steps"], verbosity=0, **given)
        swarm.optimize(sched=types.SimpleNamespace(update=lambda dynamic: None))
        weights = -fields["alpha"] * loss(swarm.x)
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))[..., None]
        return loss(np.sum(weights * swarm.x, axis=-2) / np.sum(weights, axis=-2))

    return run
