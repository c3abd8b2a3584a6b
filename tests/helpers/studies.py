"""Small studies that many tests run, of every rule, formula and swarm, and one shard's run as arrays."""

import numpy as np
from thalweg.engine import check
from thalweg.engine.executors.outcome import Block
from thalweg.optimizers._particles import ParticleOptimizer
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.landscapes.base import SymbolicLandscape
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

FORMULAS = [k for k in LANDSCAPES.kinds() if issubclass(LANDSCAPES.load(k), SymbolicLandscape)]
RULES = [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), ElementwiseOptimizer)]
SWARMS = [k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), ParticleOptimizer)]
RIVER = {"name": "t", "landscape": "river_valley", "noise": {"kind": "gaussian", "scale": 0.3}, "seeds": 33, "steps": 100}
SQUARE = {**RIVER, "init": {"kind": "uniform", "low": -0.5, "high": 1.5}}
SWARM_OPTIONS = {
    "average": {"average": {"kind": "ema", "decay": [0.5, 0.9]}},
    "schedule": {"schedule": {"kind": "cosine"}},
    "alpha grows": {"alpha": [1.0, 2.0], "alpha_growth": [1.1, 1.0], "alpha_max": 4.0},
    "stop early": {"stop": {"loss_below": 0.02}},
    "anisotropic": {"noise": "anisotropic", "sigma": [0.5, 2.0]},
    "heaviside": {"heaviside": True},
    "truncated": {"truncate": [0.1, 0.0]},
    "more particles": {"particles": [3, 8]},
    "they diverge": {"drift": [1.0, 1e3]},
    "every record": {"record": {"every": 1, "variables": ["swarm", "params", "hill", "loss"]}},
}


def example(kind):
    """A small landscape of this kind as a spec."""
    unit = LANDSCAPES.load(kind)
    return {"kind": kind, **(unit.example() if hasattr(unit, "example") else {})}


def shards(spec):
    return [shard for group in check(spec).groups for shard in group.shards()]


def collected(simulation):
    """(variable -> (points, seeds, records, ...), outcome) of one shard."""
    *blocks, outcome = simulation.run()
    assert all(isinstance(b, Block) for b in blocks)
    return {name: np.concatenate([np.asarray(b.data[name]) for b in blocks], axis=2) for name in blocks[0].data}, outcome


def swarm_of(kind, **fields):
    return {"kind": kind, "particles": 7, "alpha": 5.0, "lr": 0.01, **fields}
