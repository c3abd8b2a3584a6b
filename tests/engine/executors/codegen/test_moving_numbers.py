"""Numbers that are formulas of the step inside kernels: what the array executor computes, and one reason where a kernel cannot have them."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.studies import RIVER, collected, shards
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.cpu.points import why_not

LAND = {
    "kind": "expression",
    "variables": ["x", "y"],
    "parameters": {"k": [1.0, 4.0], "m": 2.0, "x0": 0.5},
    "value": "k*(x - x0)**2/2 + m*y**2/2",
}
RULES = {
    "sgld": {"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": "k/log(t + 2)/m + where(t > 20, steps/100, 0)"},
    "adam": {"kind": "adam", "lr": 0.05, "beta1": "0.9 - 0.9/t", "beta2": "1 - 1/(t + 1)", "weight_decay": "0.1**t + x0"},
    "sgd": {
        "kind": "sgd",
        "lr": "0.1/k",
        "momentum": "minimum(0.9, (t - 1)/(t + 2))",
        "weight_decay": "abs(sin(t))*sqrt(k)",
        "nesterov": True,
    },
    "written out": {"kind": "sgd", "lr": 0.1, "momentum": "sigmoid(t - 20)*0.9", "weight_decay": "clip(t/30, 0, 0.5)*erf(t/9)"},
    "swept": {"kind": "sgd", "lr": [0.1, 0.2], "momentum": "t/(t + 9)", "weight_decay": [0.0, 0.1]},
    "sphere": {"kind": "spherical_langevin", "lr": 0.01, "inverse_temperature": "k*log(1 + t)"},
    "compared": {"kind": "sgd", "lr": 0.1, "momentum": "where(t >= 5 and t != 7 or t < 3, 0.5, -(-0.25))"},
    "constant in the end": {"kind": "sgd", "lr": 0.1, "momentum": "0.5 + 0*t"},
    "swarm": {"kind": "cbo", "particles": 7, "alpha": 5.0, "sigma": "1/t", "drift": "1 + 1/t**2"},
}


@pytest.mark.parametrize(
    ("name", "seeds", "precision"),
    few(
        product(RULES, (70, 3), ("float64", "float32")),
        keep=[
            ("constant in the end", 70, "float64"),
            ("adam", 70, "float32"),
            ("swarm", 3, "float64"),
        ],
    ),
)
def test_the_array_executors_numbers(name, seeds, precision):
    spec = {
        **RIVER,
        "landscape": LAND,
        "init": "normal",
        "optimizers": [RULES[name]],
        "seeds": seeds,
        "precision": precision,
        "record": {"every": 10},
    }
    (shard,) = shards(spec)
    assert why_not(shard.group) is None
    (wanted, ended), (found, end) = collected(array_simulation(shard)), collected(simulation(shard, "fused"))
    np.testing.assert_array_equal(end.status, ended.status)
    size = np.abs(wanted["params"]).max(axis=(1, 2), keepdims=True)
    assert (np.abs(found["params"] - wanted["params"]) / size).max() < (1e-12 if precision == "float64" else 1e-4)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"noise": {"kind": "gaussian", "scale": "1/t"}}, "noise.scale is a formula of the step"),
        ({"optimizers": [{"kind": "sgd", "clip": {"kind": "norm", "at": "1/t"}}]}, "sgd.clip.at is a formula of the step"),
        ({"optimizers": [{"kind": "sgd", "average": {"kind": "ema", "decay": "1 - 1/t"}}]}, "sgd.average.decay is a formula of the step"),
        ({"optimizers": [{"kind": "cbo", "alpha": "t"}], "init": "normal"}, "cbo.alpha is a formula of the step"),
        ({"optimizers": [{"kind": "cbo", "alpha_max": "t"}], "init": "normal"}, "cbo.alpha_max is a formula of the step"),
        (
            {"optimizers": [{"kind": "sgld", "temperature": "sum(t*arange(3))"}]},
            "the formula of its temperature takes arange, which is neither arithmetic on components nor a sum over them",
        ),
        ({"optimizers": [{"kind": "sgd", "lr_scale": {"x": "1/t"}}]}, "learning rates of single variables"),
    ],
)
def test_what_no_kernel_has(changes, reason):
    (shard, *_) = shards({**RIVER, "landscape": LAND, "optimizers": ["sgd"], **changes})
    assert why_not(shard.group) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": {"kind": "gaussian", "scale": "k/4"}},
        {"optimizers": [{"kind": "sgd", "clip": {"kind": "norm", "at": "k/4"}, "average": {"kind": "ema", "decay": "1 - 1/m"}}]},
        {"optimizers": [{"kind": "sgd", "lr": "1/t", "schedule": {"kind": "linear", "floor": "1/t"}}]},
        {"optimizers": [{"kind": "cbo", "alpha": "k", "lr": "0.01/t", "particles": 7}], "init": "normal"},
    ],
)
def test_what_kernels_have_without_being_told(changes):
    (shard, *_) = shards({**RIVER, "landscape": LAND, "seeds": 70, "optimizers": ["sgd"], **changes})
    assert why_not(shard.group) is None
    (wanted, _), (found, _) = collected(array_simulation(shard)), collected(simulation(shard, "fused"))
    np.testing.assert_allclose(found["params"], wanted["params"], rtol=1e-9, atol=1e-9)


def test_a_long_formula_is_left_to_the_array_executor():
    long = "+".join(f"0.009*sin({k}*t)**2" for k in range(100))
    (shard,) = shards({**RIVER, "landscape": LAND, "optimizers": [{"kind": "sgd", "momentum": long}]})
    assert "its momentum is a formula of" in (reason := why_not(shard.group) or "")
    assert reason.endswith("operations, above 200")


def test_no_name_of_a_study_reaches_a_kernel():
    land = {**LAND, "parameters": {"naïve": 1.0, "l": 2.0, "g": 3.0}, "value": "naïve*x**2 + l*y**2 + g"}
    (shard,) = shards({**RIVER, "landscape": land, "optimizers": [{"kind": "sgld", "temperature": "naïve/t + l*g"}]})
    made = simulation(shard, "fused").sources
    assert made.numbers.of_landscape.keys() <= set(made.numbers.names)
    assert set(made.numbers.of_landscape.values()) == {"naïve", "l", "g"}
    assert "na" not in made.rule.partition("def rule")[2]
