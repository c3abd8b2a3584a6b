"""Factors on the learning rates of single variables."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import check, run
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study, parse_study
from thalweg.specs.registry import OPTIMIZERS

BOWL = {"kind": "expression", "variables": {"W": [2, 3], "b": [3]}, "value": "sum(W**2)/2 + sum(b**2)/2"}
SCALARS = {"kind": "expression", "variables": ["x", "y"], "value": "x**2/2 + y**2/2"}


def study(optimizer, landscape=BOWL, **changes):
    init = {"kind": "normal", "std": 0.5}
    return {"name": "scaled", "landscape": landscape, "init": init, "optimizers": [optimizer], "steps": 10, "seeds": 2, **changes}


def path(optimizer, landscape=BOWL, executor="auto", **changes):
    (group,) = run(study(optimizer, landscape, **changes), executor=executor).children.values()
    return group.to_dataset()


def test_gradient_descent_contracts_each_variable_by_its_own_rate():
    """On |w|^2 / 2 a step multiplies w by 1 - lr times its factor, whatever the schedule."""
    schedule = {"kind": "linear", "floor": 0.1}
    found = path({"kind": "sgd", "lr": [0.1, 0.5], "lr_scale": {"b": [0.5, 2.0]}, "schedule": schedule})
    assert found.params_W.dims[:3] == ("lr_scale.b", "lr", "seed")
    c = 1 - np.arange(10) / 10 * 0.9
    for lr in (0.1, 0.5):
        for factor in (0.5, 2.0):
            here = found.sel({"lr": lr, "lr_scale.b": factor})
            for name, rate in (("params_W", lr), ("params_b", lr * factor)):
                first, last = here[name].isel(step=0).values, here[name].isel(step=-1).values
                np.testing.assert_allclose(last, first * np.prod(1 - rate * c), rtol=1e-12)


def test_the_rate_enters_decoupled_decay():
    """With no gradient AdamW multiplies by 1 - lr factor weight_decay."""
    flat = {**BOWL, "value": "0*sum(W) + 0*sum(b)"}
    found = path({"kind": "adamw", "lr": 0.1, "weight_decay": 0.5, "lr_scale": {"W": 3.0}}, flat)
    for name, rate in (("params_W", 0.3), ("params_b", 0.1)):
        first, last = found[name].isel(step=0).values, found[name].isel(step=-1).values
        np.testing.assert_allclose(last, first * (1 - rate * 0.5) ** 10, rtol=1e-12)


SOME = ["adam", "cbo", "lion", "muon", "sgd", "soap", "spherical_sgd"]
"""Rules of every family, for `make test`."""


@pytest.mark.parametrize(
    ("kind", "precision"),
    few(product(OPTIMIZERS.kinds(), ("float64", "float32")), keep=[*product(SOME, ("float64",)), ("adam", "float32")]),
)
def test_all_variables_scaled_is_another_rate(kind, precision):
    """For every rule: the rate doubled for all variables is twice the rate; factors of 1 change no bit."""
    optimizer: dict = {"kind": kind, "lr": 0.03125}
    rest = {"rest": {"lr": 0.015625}} if "rest" in OPTIMIZERS.load(kind).model_fields else {}
    plain = path({**optimizer, **rest}, precision=precision)
    ones = path({**optimizer, **rest, "lr_scale": {"W": 1.0, "b": 1}}, precision=precision)
    twice = path({"kind": kind, "lr": 0.0625, **({"rest": {"lr": 0.03125}} if rest else {})}, precision=precision)
    scaled = path({**optimizer, **rest, "lr_scale": {"W": 2.0, "b": 2.0}}, precision=precision)
    for name in plain.data_vars:
        np.testing.assert_array_equal(plain[name], ones[name])
        np.testing.assert_array_equal(twice[name], scaled[name])


TOGETHER = {"spherical_sgd", "spherical_langevin", "power_iteration"} | {
    k for k in OPTIMIZERS.kinds() if not OPTIMIZERS.load(k).sees_gradients
}
"""Rules that move the whole point, or of which no iterate but a consensus is recorded."""


@pytest.mark.parametrize("kind", sorted(set(OPTIMIZERS.kinds()) - TOGETHER))
def test_a_variable_without_rate_stays(kind):
    found = path({"kind": kind, "lr": 0.1, "lr_scale": {"W": 0.0}})
    assert np.array_equal(found.params_W.isel(step=0), found.params_W.isel(step=-1))
    assert not np.array_equal(found.params_b.isel(step=0), found.params_b.isel(step=-1))


def test_of_matrices_and_of_the_rest():
    plain = path({"kind": "muon", "lr": 0.1, "rest": {"lr": 0.01}})
    found = path({"kind": "muon", "lr": 0.05, "rest": {"lr": 0.1}, "lr_scale": {"W": 2.0, "b": 0.1}})
    np.testing.assert_array_equal(plain.params_W, found.params_W)
    np.testing.assert_allclose(plain.params_b, found.params_b, rtol=1e-13)


def test_a_point_alone_has_the_bits_it_has_in_a_sweep():
    many = path({"kind": "muon", "lr": [0.1, 0.2], "lr_scale": {"W": [0.5, 2.0, 3.0], "b": [0.1, 1.0]}})
    alone = path({"kind": "muon", "lr": 0.2, "lr_scale": {"W": 2.0, "b": 0.1}})
    here = many.sel({"lr": 0.2, "lr_scale.W": 2.0, "lr_scale.b": 0.1})
    assert all(np.array_equal(here[name], alone[name]) for name in alone.data_vars)


def test_scalar_variables_by_name_run_on_the_array_executor():
    optimizer = {"kind": "sgd", "lr": 0.1, "lr_scale": {"y": 3.0}}
    found = path(optimizer, SCALARS)
    first, last = found.params.isel(step=0), found.params.isel(step=-1)
    np.testing.assert_allclose(last, first * np.array([0.9, 0.7]) ** 10, rtol=1e-12)
    with pytest.raises(SpecError, match="sgd: cannot be fused: learning rates of single variables; use the array executor"):
        run(study(optimizer, SCALARS), executor="fused")


def test_it_is_written_and_read_again():
    made = load_study(study({"kind": "adam", "lr_scale": {"W": [0.1, 1.0], "b": 2}}))
    assert made.model_validate(made.model_dump(mode="json")) == made
    assert parse_study(made.to_yaml()) == load_study(made, ["adam.lr_scale.W=[0.1, 1]"]) == made
    assert check(made).groups[0].dims[0].name == "lr_scale.W"
    assert load_study(study("adam"), ["adam.lr_scale.b=0.5"]).optimizers[0].lr_scale == {"b": 0.5}
    assert load_study(study({"kind": "adam", "lr_scale": {"W": [0.1, 1]}, "lr": [1, 2]}, zip=[["adam.lr_scale.W", "adam.lr"]])).sweeps()


@pytest.mark.parametrize(
    ("optimizer", "line"),
    [
        ({"kind": "sgd", "lr_scale": {"c": 1}}, "optimizers[0].lr_scale.c: the landscape expression has no variable 'c' (known: W, b)"),
        (
            {"kind": "sgd", "lr_scale": {"w": 1}},
            "optimizers[0].lr_scale.w: the landscape expression has no variable 'w'; did you mean 'W'?",
        ),
        ({"kind": "sgd", "lr_scale": {"b": -1}}, "optimizers[0].lr_scale.b: must be greater than or equal to 0, given -1"),
        ({"kind": "sgd", "lr_scale": {"b": None}}, "optimizers[0].lr_scale.b: must be a number, given null"),
        ({"kind": "sgd", "lr_scale": 3}, "optimizers[0].lr_scale: must be a mapping of keys to values, given 3"),
        ({"kind": "sgd", "scale": {"b": 1}}, "optimizers[0].scale: unknown key 'scale'; did you mean 'lr_scale'?"),
        ({"kind": "muon", "rest": {"lr_scale": {"b": 1}}}, "optimizers[0].rest: rest has no lr_scale of its own; give it to the optimizer"),
    ],
)
def test_wrong_factors_are_one_line(optimizer, line):
    with pytest.raises(SpecError) as caught:
        load_study(study(optimizer))
    (problem,) = caught.value.problems
    assert problem.startswith(f"study: {line}")


REGRESSION = {"kind": "softmax_regression", "data": {"builtin": "blobs"}}


COMPILED = [{"kind": "sgd", "momentum": 0.9}, {"kind": "adamw"}, {"kind": "muon", "rest": {"lr": [0.01, 0.02]}}]


@pytest.mark.parametrize("optimizer", few(COMPILED, keep=COMPILED[1:2]))
def test_compiled_rules_have_the_factors_too(optimizer):
    scaled = {**optimizer, "lr": [0.05, 0.1], "lr_scale": {"W": [0.5, 2.0], "b": 3.0}}
    arrays = path(scaled, REGRESSION, executor="array")
    compiled = path(scaled, REGRESSION, executor="fused")
    for name in ("loss", "params_W", "params_b"):
        np.testing.assert_allclose(compiled[name], arrays[name], rtol=1e-10, atol=1e-13)


def test_a_rule_that_is_no_program_has_them_too(monkeypatch):
    def update(x, g, m, t, lr, momentum, dampening, weight_decay, nesterov):
        return x - np.asarray(lr) * g.__array__(), m

    monkeypatch.setattr(OPTIMIZERS.load("sgd"), "update", staticmethod(update))
    found = path({"kind": "sgd", "lr": [0.1, 0.2], "lr_scale": {"b": 2.0}})
    for lr in (0.1, 0.2):
        here = found.sel(lr=lr)
        for name, rate in (("params_W", lr), ("params_b", 2 * lr)):
            np.testing.assert_allclose(here[name].isel(step=-1), here[name].isel(step=0) * (1 - rate) ** 10, rtol=1e-12)
