"""Small studies that several tests of pictures draw."""

VALLEYS = {
    "name": "valleys",
    "landscape": {"kind": "rosenbrock", "b": [1.0, 100.0]},
    "noise": {"kind": "gaussian", "scale": 0.3},
    "optimizers": [
        {"kind": "sgd", "lr": {"logspace": [1e-4, 0.1, 4]}},
        {"kind": "adam", "lr": {"logspace": [1e-3, 0.1, 3]}, "beta1": [0.0, 0.9]},
    ],
    "seeds": 4,
    "steps": 60,
    "record": {"every": 5},
}
STILL = {
    "name": "still",
    "landscape": "himmelblau",
    "init": {"kind": "point", "at": [-0.5, -1.2]},
    "optimizers": [{"kind": "sgd", "lr": 0.002}, {"kind": "adam", "lr": 0.1}],
    "steps": 20,
}
