"""The cases, each a thalweg study; the peers run the same work."""

from typing import Any

RIVER = {
    "name": "river",
    "landscape": {"kind": "river_valley"},
    "init": {"kind": "point", "at": [0.0, 0.0]},
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [{"kind": "adam", "lr": 0.01}],
    "seeds": 16384,
    "steps": 2000,
}
RASTRIGIN = {
    "name": "rastrigin",
    "landscape": {"kind": "rastrigin", "dim": 100},
    "init": {"kind": "uniform", "low": -3.0, "high": 3.0},
    "optimizers": [{"kind": "sgd", "lr": 1e-3, "momentum": 0.9}],
    "seeds": 1024,
    "steps": 1000,
}
ROSENBROCK = {
    "name": "rosenbrock",
    "landscape": {"kind": "rosenbrock", "dim": 10},
    "init": {"kind": "point", "at": -1.0},
    "optimizers": [
        {
            "kind": "adam",
            "lr": {"logspace": [1e-4, 1e-1, 50]},
            "beta1": {"linspace": [0.5, 0.95, 50]},
            "beta2": {"linspace": [0.9, 0.999, 40]},
        }
    ],
    "steps": 500,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "a32": ("noisy Adam, 2-D river valley, 16,384 runs x 2,000 steps, float32", {**RIVER, "precision": "float32"}),
    "a64": ("the same in float64", {**RIVER, "precision": "float64"}),
    "b32": ("SGD + momentum, Rastrigin d = 100, 1,024 runs x 1,000 steps, float32", {**RASTRIGIN, "precision": "float32"}),
    "c32": ("Adam, Rosenbrock d = 10, 100,000 runs (lr x beta1 x beta2) x 500 steps, float32", {**ROSENBROCK, "precision": "float32"}),
}
LAST = {"record": {"last": True, "variables": ["loss"]}}
"""Contestants keep the final loss of every run and nothing else."""
