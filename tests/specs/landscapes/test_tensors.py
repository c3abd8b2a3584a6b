"""Formulas over tensors as landscapes: against the hand-written ones, and what only they can do."""

import copy
import json
import pickle

import numpy as np
import pytest
import thalweg
from thalweg.engine import check, run
from thalweg.specs.errors import SpecError
from thalweg.specs.registry import LANDSCAPES

NETWORK = {
    "kind": "expression",
    "data": {"builtin": "blobs", "test_fraction": 0.25},
    "sizes": {"h": 5},
    "variables": {"W1": ["p", "h"], "b1": ["h"], "W2": ["h", "classes"], "b2": ["classes"]},
    "parameters": {"l2": 0.01},
    "define": {"net(x)": "tanh(x @ W1 + b1) @ W2 + b2"},
    "value": "mean(cross_entropy(net(X), y)) + l2/2*(sum(W1**2) + sum(W2**2))",
    "observables": {"test_loss": "mean(cross_entropy(net(X_test), y_test))"},
}
BLOBS = {"data": {"builtin": "blobs", "test_fraction": 0.25}, "l2": 0.01}
PAIRS = {
    "network": (NETWORK, {"kind": "mlp", "hidden": [5], **BLOBS}),
    "softmax regression": (
        {
            "kind": "expression",
            "data": BLOBS["data"],
            "variables": {"W": ["p", "classes"], "b": ["classes"]},
            "parameters": {"l2": 0.01},
            "value": "mean(cross_entropy(X @ W + b, y)) + l2/2*sum(W**2)",
            "observables": {"test_loss": "mean(cross_entropy(X_test @ W + b, y_test))"},
        },
        {"kind": "softmax_regression", **BLOBS},
    ),
    "matrix quadratic": (
        {
            "kind": "expression",
            "variables": {"X1": [4, 3]},
            "arrays": {"M": [[1.0, 0.5, 0.0], [0.2, -1.0, 0.3], [0.0, 2.0, 1.0], [1.0, 1.0, -1.0]]},
            "value": "sum((X1 - M)**2)/2",
        },
        None,
    ),
}


def landscape(spec):
    return LANDSCAPES.load(spec["kind"]).model_validate(spec)


def points(land, count=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, count, land.size)), rng.normal(size=(2, count, land.size))


@pytest.mark.parametrize("name", [name for name, (_, other) in PAIRS.items() if other])
def test_it_is_what_the_hand_written_landscape_is(name):
    ours, theirs = map(landscape, PAIRS[name])
    assert list(ours.blocks.values()) == list(theirs.blocks.values())
    x, v = points(ours)
    p, q = ({key: np.full((2, 1), value) for key, value in land.numbers().items()} for land in (ours, theirs))
    for batch in (None, np.array([[3, 1, 2, 3], [7, 8, 9, 10], [0, 0, 1, 5]])):
        for a, b in zip(ours.value_and_grad(x, p, np, batch), theirs.value_and_grad(x, q, np, batch), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.value(x, p, np), theirs.value(x, q, np), rtol=1e-12)
    np.testing.assert_allclose(ours.hvp(x, v, p, np), theirs.hvp(x, v, q, np), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.observe(x, p, np)["test_loss"], theirs.observe(x, q, np)["test_loss"], rtol=1e-12)


def study(land, **more):
    base = {"name": "t", "landscape": land, "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}], "seeds": 3, "steps": 6}
    return {**base, **more}


def test_every_kind_of_optimizer_runs_on_it():
    optimizers = [{"kind": kind} for kind in ("sgd", "adam", "muon", "shampoo", "curl_descent", "spherical_sgd")]
    made = run(study(NETWORK, optimizers=optimizers, init={"kind": "fan_in"}, noise={"kind": "minibatch", "size": 4}))
    for name, node in made.children.items():
        assert np.isfinite(node["loss"]).all(), name
        assert node["params_W1"].dims == ("seed", "step", "W1_0", "W1_1")


def test_a_swarm_sees_the_same_formula():
    land = {
        "kind": "expression",
        "variables": {"u": [2]},
        "draws": {"c": "normal(2)"},
        "parameters": {"k": [1.0, 2.0]},
        "value": "k*sum((u - c)**2)",
    }
    made = run(
        study(
            land, optimizers=[{"kind": "cbo", "particles": 60, "alpha": 200.0, "lr": 0.05}], init={"kind": "normal", "std": 2.0}, steps=300
        )
    )["cbo"]
    assert (made.loss.isel(step=-1) < 1e-2).all()


def test_a_size_is_swept():
    land = {**NETWORK, "sizes": {"h": [2, 5]}}
    made = run(study(land))["adam"]
    assert made.sizes["h"] == 2
    assert made.params_W1.sizes["W1_1"] == 5
    assert np.isnan(made.params_W1.isel(h=0, W1_1=4)).all()
    one = run(study({**NETWORK, "sizes": {"h": 2}}))["adam"]
    np.testing.assert_array_equal(made.loss.isel(h=0), one.loss)


def test_draws_are_the_seed_s_own_and_shared_by_optimizers():
    land = {
        "kind": "expression",
        "sizes": {"d": 4},
        "variables": {"w": ["d"]},
        "draws": {"A": "normal(d, d)", "s": "sign(d)", "c": "sphere(d)", "k": "permutation(d)", "Q": "orthogonal(d)", "u": "uniform(d)"},
        "value": "sum((A @ w - s)**2)",
        "observables": {
            "radius": "sum(c**2)",
            "signs": "sum(s*s)",
            "order": "sum(1.0*k)",
            "orthogonal": "sum((Q @ T(Q))**2)",
            "low": "min(u)",
            "high": "max(u)",
        },
    }
    made = run(study(land, optimizers=["sgd", "adam"]))
    first, second = made["sgd"], made["adam"]
    np.testing.assert_array_equal(first.loss.isel(step=0), second.loss.isel(step=0))
    assert len(np.unique(first.loss.isel(step=0))) == 3
    for name, value in (("radius", 1.0), ("signs", 4.0), ("order", 6.0), ("orthogonal", 4.0)):
        np.testing.assert_allclose(first[name], value, rtol=1e-12)
    assert ((first.low >= 0) & (first.high < 1)).all()


def test_runs_do_not_depend_on_the_others():
    every = run(study(NETWORK, seeds=5))["adam"]
    alone = run(study(NETWORK, seeds=2, optimizers=[{"kind": "adam", "lr": 0.1}]))["adam"]
    np.testing.assert_array_equal(every.loss.sel(lr=0.1).isel(seed=slice(0, 2)), alone.loss)


def test_it_goes_through_text_and_back():
    spec = check(study(NETWORK)).study
    again = thalweg.load_study(json.loads(spec.model_dump_json()))
    assert again == spec
    assert "W1: [p, h]" in spec.to_yaml()


def test_the_old_forms_are_as_they_were():
    for land in ({"variables": ["x", "y"], "value": "x**2 + y**2"}, {"vector": {"name": "x", "dim": 3}, "value": "sum(x[i]**2)"}):
        assert type(landscape({"kind": "expression", **land})).__name__ == "Expression"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"value": "X @ W2"},
            "landscape.value: `X @ W2`: X is (n=45, p=4), W2 is (h=5, classes=3): the last axis of X must be as long as the first of W2",
        ),
        ({"value": "net(X)"}, "landscape.value: must be one number, but is (n=45, classes=3); take its sum or mean"),
        ({"variables": {"W1": ["p", "q"]}}, "landscape.variables.W1: there is no size 'q' (known: h, n, n_test, p, classes)"),
        ({"sizes": {"p": 3}}, "landscape.sizes.p: the name 'p' is used twice"),
        ({"parameters": {"tanh": 1.0}}, "landscape.parameters.tanh: the name 'tanh' is taken by the formula language"),
        ({"define": {"a": "b", "b": "a"}, "value": "a"}, "landscape.define.a: is defined in terms of itself: a -> b -> a"),
        ({"define": {"net(x, x)": "x"}}, "two of its arguments have the same name"),
        ({"draws": {"M": "gauss(h)"}}, "landscape.draws.M: there is no draw 'gauss'"),
        ({"arrays": {"M": [[1, 2], [3]]}}, "landscape.arrays.M: must be a list of numbers"),
        ({"observables": {"loss": "l2"}}, "an observable cannot be called 'loss'"),
        ({"observables": {"m": "mean(net(X), axis=0)"}}, "landscape.observables.m: must be one number"),
        ({"sizes": {"h": 0}}, "landscape.sizes.h"),
        ({"variables": {"W1": ["h*h*h*h*h", 10**8]}}, "landscape.variables.W1: has 312,500,000,000 numbers"),
    ],
)
def test_what_is_wrong_is_one_line_with_its_place(change, words):
    land = {**NETWORK, **change}
    with pytest.raises(SpecError) as error:
        check(study(land))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_it_can_be_copied_and_sent_to_another_process():
    spec = check(study(NETWORK)).study
    x, _ = points(spec.landscape)
    p = {"l2": np.full((2, 1), 0.01)}
    value = spec.landscape.value(x, p, np)
    for other in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec)):
        assert other == spec
        np.testing.assert_array_equal(other.landscape.value(x, p, np), value)


def test_settings_reach_into_it():
    spec = thalweg.load_study(study(NETWORK), ["landscape.sizes.h=[2, 3]", "landscape.parameters.l2=0.5"])
    assert list(spec.sweeps()) == ["landscape.sizes.h", "adam.lr"]
    assert spec.landscape.parameters["l2"] == 0.5


def test_the_schema_has_both_forms():
    from thalweg.specs.study import Study

    schema = json.dumps(Study.model_json_schema())
    assert "named sizes; a list sweeps the size" in schema
