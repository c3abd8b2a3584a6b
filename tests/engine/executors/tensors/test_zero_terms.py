"""Terms with a factor of 0 are left out of kernels, and nothing else is."""

import numpy as np
import pytest
from thalweg.engine import check
from thalweg.engine.executors.tensors.programs import programs
from thalweg.engine.executors.tensors.zero_terms import without_zero_terms
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.function import given
from thalweg.specs.program.node import ordered
from thalweg.specs.program.read import Reading

X, Y = np.array([1.0, -2.0, 3.0]), np.array([0.5, 4.0, -1.0])
NAMES = {"x": given("x", (3,)), "y": given("y", (3,)), "z": given("z"), "s": given("s")}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("sum(x**2) + z/2*sum(y**2)", {"x"}),
        ("z/2*sum(y**2) + sum(x**2)", {"x"}),
        ("sum(x) - z*sum(y)", {"x"}),
        ("z*sum(y) - sum(x)", {"x", "y", "z"}),
        ("sum(z*y + x)", {"x"}),
        ("sum(x) + sum(-(z*s*y))", {"x"}),
        ("sum(x) + (z + 2)*sum(y)", {"x", "y"}),
        ("sum(x) + exp(z)*sum(y)", {"x", "y", "z"}),
        ("sum(x) + s*sum(y)", {"x", "y", "s"}),
        ("sum(z*x)", {"x", "z"}),
        ("sum(x/(z + 1))", {"x"}),
        ("sum(x) + z/s", {"x", "z", "s"}),
    ],
)
def test_what_is_left(text, left):
    made = Reading(NAMES).read(text)
    (kept,) = without_zero_terms([made], {"z"})
    assert {n.option("name") for n in ordered([kept]) if n.function.name == "input"} == left
    numbers = {"x": X, "y": Y, "z": np.float64(0.0), "s": np.float64(3.0)}
    np.testing.assert_allclose(*evaluate([kept, made], np, numbers), rtol=1e-15)
    assert without_zero_terms([made], set()) == [made]


@pytest.mark.parametrize(("l2", "there"), [(0.0, False), (0.1, True), ([0.0, 0.1], True)])
def test_the_penalty_of_a_network(l2, there):
    study = {"name": "t", "landscape": {"kind": "mlp", "data": "digits", "l2": l2}, "optimizers": ["sgd"], "steps": 5}
    (group,) = check(study).groups
    program = programs(next(group.shards()))
    assert ("own[2]" in program.gradient.text) is there
