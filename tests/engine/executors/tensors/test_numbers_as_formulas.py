"""Numbers that are formulas, compiled beside the rule of a formula over tensors, against the same on arrays."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import run
from thalweg.specs.errors import SpecError

LAND = {
    "kind": "expression",
    "data": {"builtin": "blobs"},
    "sizes": {"h": [3, 4]},
    "parameters": {"k": [1.0, 2.0]},
    "variables": {"W1": ["p", "h"], "b1": ["h"], "W2": ["h", "classes"]},
    "value": "mean(cross_entropy(tanh(X @ W1 + b1) @ W2, y))*k",
}
INIT = {"W1": "fan_in", "b1": {"kind": "point", "at": 0}, "W2": {"kind": "normal", "std": "1/h"}}


def path(optimizer, executor, **changes):
    study = {"name": "f", "landscape": LAND, "init": INIT, "optimizers": [optimizer], "steps": 30, "seeds": 2, **changes}
    return run(study, executor=executor).children[optimizer["kind"]].to_dataset()


CASES = {
    "sgd": {"kind": "sgd", "lr": "0.5/(k*sqrt(t + h))", "momentum": "1 - 1/(t + 1)"},
    "adamw": {"kind": "adamw", "lr": [0.01, 0.02], "beta2": "1 - 1/(t + k)", "weight_decay": "where(t < steps/2, 0.1, 0)"},
    "scaled": {"kind": "adam", "lr": "0.1/t", "lr_scale": {"W2": "1/h", "b1": "k/t"}},
    "schedule": {"kind": "adam", "lr": 0.1, "schedule": {"kind": "cosine", "floor": "0.1/k"}},
    "waves": {"kind": "sgd", "lr": "0.1*(1 + sin(t)**2 + cos(2*t)/2 + tan(t/100))", "momentum": "tanh(t/10)*0.9"},
    "muon": {"kind": "muon", "lr": "0.1/t", "beta": "0.9 - 0.5/t", "rest": {"lr": "0.02/k", "beta1": "0.5 + 0.3/t"}},
    "constants": {"kind": "sgd", "lr": "0.2/h", "clip": {"kind": "norm", "at": "1/k"}, "average": {"kind": "ema", "decay": "1 - 1/(4*k)"}},
}


@pytest.mark.parametrize(
    ("precision", "case"),
    few(product(("float64", "float32"), CASES), keep=[("float64", "adamw"), ("float64", "waves")]),
)
def test_they_are_what_they_are_on_arrays(case, precision):
    optimizer = CASES[case]
    noise = {"kind": "minibatch", "size": 8} if optimizer["kind"] == "adam" else {"kind": "gaussian", "scale": "0.1/k"}
    arrays = path(optimizer, "array", precision=precision, noise=noise)
    compiled = path(optimizer, "fused", precision=precision, noise=noise)
    tolerance = 1e-10 if precision == "float64" else 1e-3
    assert set(arrays.data_vars) == set(compiled.data_vars)
    for name in arrays.data_vars:
        np.testing.assert_allclose(compiled[name], arrays[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"noise": {"kind": "gaussian", "scale": "1/t"}}, "noise.scale"),
        ({"clip": {"kind": "norm", "at": "1/t"}}, "sgd.clip.at"),
        ({"average": {"kind": "ema", "decay": "1 - 1/t"}}, "sgd.average.decay"),
    ],
)
def test_what_else_changes_stays_on_arrays(changes, what):
    own = {name: value for name, value in changes.items() if name != "noise"}
    noise = {"noise": changes["noise"]} if "noise" in changes else {}
    with pytest.raises(SpecError, match=f"{what} is a formula of the step"):
        path({"kind": "sgd", "lr": 0.1, **own}, "fused", **noise)
    assert np.isfinite(path({"kind": "sgd", "lr": 0.1, **own}, "auto", **noise).loss).all()
