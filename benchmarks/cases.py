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
NETWORK = {
    "name": "network",
    "landscape": {"kind": "mlp", "data": {"builtin": "digits"}, "hidden": [32]},
    "noise": {"kind": "minibatch", "size": 32},
    "optimizers": [{"kind": "adam", "lr": {"logspace": [1e-4, 1e-1, 8]}}],
    "seeds": 32,
    "steps": 400,
    "precision": "float32",
}
SMALL = {**NETWORK, "landscape": {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [8]}, "noise": {"kind": "minibatch", "size": 16}}
SOFTMAX = {
    **NETWORK,
    "name": "softmax",
    "landscape": {"kind": "softmax_regression", "data": {"builtin": "digits"}},
    "init": {"kind": "normal", "std": 0.1},
    "noise": "none",
    "steps": 100,
}
FACTORS = {
    "name": "factors",
    "landscape": {"kind": "matrix_factorization", "rows": 30, "cols": 20, "width": 3, "rank": 3},
    "init": {"kind": "normal", "std": 0.3},
    "optimizers": [{"kind": "adam", "lr": 0.01}],
    "seeds": 4096,
    "steps": 500,
    "precision": "float32",
}
ATTENTION = {
    "name": "attention",
    "landscape": {
        "kind": "expression",
        "sizes": {"batch": 16, "places": 6, "w": 8},
        "variables": {"Q": ["w + places", "w"], "K": ["w + places", "w"], "V": ["w", "w"]},
        "draws": {"tokens": "normal(batch, places, w)"},
        "define": {
            "place": "broadcast(eye(places), [batch, places, places])",
            "input": "concat(tokens, place, axis=2)",
            "look": "softmax((input @ Q) @ T(input @ K) / sqrt(w), axis=2)",
            "wanted": "roll(tokens, 1, axis=1)",
        },
        "value": "mean((look @ (tokens @ V) - wanted)**2)",
    },
    "init": {"kind": "fan_in"},
    "optimizers": [{"kind": "adam", "lr": [0.003, 0.03]}],
    "seeds": 128,
    "steps": 200,
    "precision": "float32",
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
    "n32": ("tanh network 64-32-10 on digits, minibatches of 32, Adam, 8 learning rates x 32 seeds x 400 steps, float32", NETWORK),
    "n128": ("the same with 128 hidden units", {**NETWORK, "landscape": {**NETWORK["landscape"], "hidden": [128]}}),
    "n8": (
        "tanh network 4-8-3 on blobs, minibatches of 16, Adam, 8 learning rates x 128 seeds x 400 steps, float32",
        {**SMALL, "seeds": 128},
    ),
    "o64": ("softmax regression on all 1,797 digits, Adam, 8 learning rates x 32 seeds x 100 steps, float32", SOFTMAX),
    "p30": ("matrix factorization 30 x 20 of rank 3, Adam, 4,096 runs x 500 steps, float32", FACTORS),
    "q6": ("one head of attention on 16 sequences of 6 tokens, Adam, 2 learning rates x 128 seeds x 200 steps, float32", ATTENTION),
}
OURS_ALONE = ("start", "grid", "random", "samples", "rates", "tokens", "blocks")
"""Keys of a case that are no study's."""
LAST = {"record": {"last": True, "variables": ["loss"]}}
"""Contestants keep the final loss of every run and nothing else."""
