"""What hangs on no variable is computed before a run: by seed where it is random, and not where it changes with the sweep, the step or the batch."""

from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import run
from thalweg.engine.executors.tensors.ahead import fixed_parts
from thalweg.engine.executors.tensors.landscape import Layout
from thalweg.specs.load import load_study
from thalweg.specs.program.function import given
from thalweg.specs.program.node import ordered
from thalweg.specs.program.read import Reading

RANDOM = {
    "kind": "expression",
    "sizes": {"d": 6},
    "parameters": {"k": [1.0, 2.0], "c": 3.0},
    "variables": {"x": ["d"]},
    "draws": {"A": "normal(d, d)"},
    "define": {"S": "expm1(A @ T(A)/c/10)"},
    "value": "x @ S @ x/2 + k*sum(x**2) + mean(exp(A*c/9)*t/steps)",
    "observables": {"trace": "trace(S) + x[0]", "swept": "sum(exp(k*A)) + sum(x)"},
}
DATA = {
    "kind": "expression",
    "data": {"builtin": "blobs", "test_fraction": 0.3},
    "variables": {"W": ["p", "classes"]},
    "define": {"soft(X)": "tanh(exp(X/9))"},
    "value": "mean(cross_entropy(soft(X) @ W, y)) + 0.01*sum((T(soft(X_test)) @ soft(X_test) @ W)**2)",
    "observables": {"test": "mean(cross_entropy(soft(X_test) @ W, y_test))"},
}


def study(land, **changes):
    return {
        "name": "a",
        "landscape": land,
        "optimizers": [{"kind": "adam", "lr": 0.01}],
        "steps": 20,
        "seeds": 3,
        "init": {"kind": "normal", "std": 0.3},
        **changes,
    }


CASES = {
    "random": (RANDOM, {"kind": "gaussian", "scale": 0.1}),
    "minibatch": (DATA, {"kind": "minibatch", "size": 8}),
    "reshuffle": (DATA, {"kind": "minibatch", "size": 8, "sampling": "reshuffle"}),
    "full": (DATA, {"kind": "none"}),
}


@pytest.mark.parametrize(
    ("case", "precision"), few(product(CASES, ("float64", "float32")), keep=[("random", "float32"), ("reshuffle", "float64")])
)
def test_runs_are_those_of_arrays(case, precision):
    land, noise = CASES[case]
    compiled, arrays = (run(study(land, noise=noise, precision=precision), executor=e)["adam"].to_dataset() for e in ("fused", "array"))
    for name in arrays.data_vars:
        np.testing.assert_allclose(
            compiled[name], arrays[name], rtol=1e-9 if precision == "float64" else 2e-3, atol=1e-9 if precision == "float64" else 1e-4
        )


def layout(land, rows=None):
    """That of the program which updates see."""
    made = Layout(load_study(study(land)).landscape, "float64", 8)
    made.gradient(rows)
    return made


def test_only_what_stays_the_same_is_computed_ahead():
    assert (6, 6) in [n.shape for n in layout(RANDOM).of_seeds.values()]
    full, batch = layout(DATA), layout(DATA, 8)
    assert not full.of_seeds
    named = {rows: {name for n in made.ahead for name in names(n)} for rows, made in (("full", full), ("batch", batch))}
    assert named == {"full": {"X", "X_test"}, "batch": {"X_test"}}


def names(n):
    return {m.option("name") for m in ordered([n]) if m.function.name == "input"}


def test_cheap_and_huge_parts_stay():
    read = Reading({"x": given("x", (40,)), "A": given("A", (40, 40)), "B": given("B", (300, 300)), "s": given("s")}).read
    assert [n.shape for n in fixed_parts([read("exp(A) @ x")], ["A"])] == [(40, 40)]
    assert not fixed_parts([read("2*A @ x")], ["A"])
    assert not fixed_parts([read("sum(exp(B))*0 + sum(exp(B)*x[0])")], ["B"])[1:]
    assert not fixed_parts([read("exp(s)*x")], ["s"])
    assert not fixed_parts([read("exp(A*s) @ x")], ["A"])
