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
CBO = {
    "name": "cbo",
    "landscape": {"kind": "rastrigin", "dim": 20},
    "init": {"kind": "uniform", "low": -3.0, "high": 3.0},
    "optimizers": [{"kind": "cbo", "particles": 100, "alpha": 30.0, "sigma": 3.0, "noise": "anisotropic", "lr": 0.01}],
    "seeds": 1000,
    "steps": 100,
    "random": True,
}
MUON = {
    "name": "muon",
    "landscape": {"kind": "matrix_quadratic", "rows": 64, "cols": 64, "left": 10.0, "right": 10.0},
    "optimizers": [{"kind": "muon", "preset": "optax", "lr": 0.02}],
    "seeds": 256,
    "steps": 20,
    "precision": "float32",
}
TENSOR = {
    "name": "tensor",
    "landscape": {"kind": "tensor_pca", "dim": 100, "order": 3, "samples": 1000.0},
    "optimizers": [{"kind": "spherical_langevin", "lr": 1e-3, "inverse_temperature": 10.0}],
    "seeds": 16,
    "steps": 1000,
    "precision": "float32",
    "random": True,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "a32": ("noisy Adam, 2-D river valley, 16,384 runs x 2,000 steps, float32", {**RIVER, "precision": "float32"}),
    "a64": ("the same in float64", {**RIVER, "precision": "float64"}),
    "b32": ("SGD + momentum, Rastrigin d = 100, 1,024 runs x 1,000 steps, float32", {**RASTRIGIN, "precision": "float32"}),
    "c32": ("Adam, Rosenbrock d = 10, 100,000 runs (lr x beta1 x beta2) x 500 steps, float32", {**ROSENBROCK, "precision": "float32"}),
    "h64": (
        "consensus-based optimization, Rastrigin d = 20, 1,000 runs x 100 particles x 100 steps, float64",
        {**CBO, "precision": "float64"},
    ),
    "i64": ("Muon, 256 runs of 64 x 64, 20 steps, float32", MUON),
    "i512": (
        "Muon, 16 runs of 512 x 512, 4 steps, float32",
        {**MUON, "landscape": {**MUON["landscape"], "rows": 512, "cols": 512}, "seeds": 16, "steps": 4},
    ),
    "j32": (
        "Langevin dynamics on tensor PCA, d = 100, order 3, 16 runs x 1,000 steps, float32 (JAX is given the tensors, we draw them)",
        TENSOR,
    ),
}
OURS_ALONE = ("start", "grid", "random")
"""Keys of a case that are no study's."""
LAST = {"record": {"last": True, "variables": ["loss"]}}
"""Contestants keep the final loss of every run and nothing else."""
