"""The box within which no run diverges: that it holds, that it changes nothing, and how it is found."""

import math
from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.studies import FORMULAS, RIVER, collected, example, shards
from thalweg.engine import check
from thalweg.engine.executors.codegen.value_bounds import LEAST_BOX, box, within
from thalweg.engine.executors.cpu.points import FusedSimulation
from thalweg.specs.expression import Formula, parse

WITHOUT = {"canyon"}
"""Formulas with a function that has no bound here."""


def study(formula, **more):
    return {**RIVER, "noise": {"kind": "none"}, "landscape": example(formula), "optimizers": ["sgd"], **more}


@pytest.mark.parametrize(
    ("formula", "precision", "above"),
    few(
        product(FORMULAS, ("float32", "float64"), (None, 1e6)),
        keep=lambda formula, *rest: rest == ("float32", None) or (formula == "rosenbrock"),
    ),
)
def test_no_value_in_the_box_is_above_the_limit(formula, precision, above):
    spec = study(formula, precision=precision, stop={"diverge_above": above})
    group = check(spec).groups[0]
    shard = next(group.shards())
    size = within(group, shard.parts())
    assert (size > 0) == (formula not in WITHOUT) or above
    if size:
        simulation, rng = FusedSimulation(shard), np.random.default_rng(0)
        x = rng.choice([-1.0, 1.0, 0.0, 0.5], (1, 5000, simulation.dim)) * size * rng.uniform(0.9, 1.0, (1, 5000, simulation.dim))
        found = simulation.parts.landscape.value(x.astype(precision), simulation.base.p, np)
        assert np.isfinite(found).all()
        assert found.max() <= (above or np.finfo(precision).max)


@pytest.mark.parametrize(
    ("formula", "seeds"),
    few(product(FORMULAS, (64, 3)), keep=[("rosenbrock", 3), ("rastrigin", 64)]),
)
def test_runs_end_alike_whether_or_not_the_value_is_looked_at(formula, seeds):
    """Small to absurd rates, a limit that is soon reached, parameters as they are: the same bits, status and last step."""
    sweep = [1e-3, 0.1, 0.9, 7.0, 1e3, 1e9, 1e30]
    spec = study(
        formula, optimizers=[{"kind": "sgd", "lr": sweep, "momentum": 0.5}], seeds=seeds, steps=40, init={"kind": "normal", "std": 2.0}
    )
    for precision, above in (("float32", None), ("float64", 1e5)):
        for shard in shards({**spec, "precision": precision, "stop": {"diverge_above": above}}):
            simulation = FusedSimulation(shard)
            if not simulation.box:
                continue
            (found, end), watched = collected(simulation), FusedSimulation(shard)
            watched.box = 1e-30
            expected, ended = collected(watched)
            np.testing.assert_array_equal(end.status, ended.status)
            np.testing.assert_array_equal(end.last_step, ended.last_step)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("formula", few(["rastrigin", "river_valley", "rosenbrock"], keep=["rastrigin", "rosenbrock"]))
def test_a_trajectory_does_not_depend_on_what_is_recorded_or_on_who_is_beside_it(formula):
    spec = study(formula, seeds=64, steps=50, precision="float32", init={"kind": "uniform", "low": -2.0, "high": 2.0})
    (shard,), (seldom,) = shards({**spec, "record": {"every": 1}}), shards({**spec, "record": {"every": 10, "variables": ["params"]}})
    assert FusedSimulation(shard).box > 0
    np.testing.assert_array_equal(
        collected(FusedSimulation(shard))[0]["params"][:, :, ::10], collected(FusedSimulation(seldom))[0]["params"]
    )
    far = FusedSimulation(shard)
    state = far.state
    far.state = lambda: outlier(state())
    np.testing.assert_array_equal(collected(far)[0]["params"][0, :-1], collected(FusedSimulation(shard))[0]["params"][0, :-1])


def outlier(state):
    """The last run is beyond the reach of vecmath's sin, and so of the box."""
    state[0][0, :, 63] = 3e5
    return state


def test_the_sweep_of_the_whole_group_counts():
    land = {"kind": "expression", "variables": ["x"], "parameters": {"k": [1.0, 1e20]}, "value": "k*x**2"}
    group = check({**study("rastrigin"), "landscape": land, "precision": "float32", "stop": {"diverge_above": None}}).groups[0]
    shard = next(group.shards())
    assert within(group, shard.parts()) == 2.0 ** math.floor(math.log2(math.sqrt(0.5 * np.finfo(np.float32).max / 1e20 / 1.1)))


def test_there_is_no_box_where_the_value_is_needed_anyway_or_unbounded():
    assert LEAST_BOX > 1
    group = check(study("rastrigin", stop={"loss_below": 0.1})).groups[0]
    assert within(group, next(group.shards()).parts()) == 0
    for text in ("1/x", "log(x)", "x/(x - 1)", "exp(exp(x**2))", "sqrt(x)", "tan(x)"):
        assert box(parse(Formula(value=text, variables=("x",))), {}, 1e300, "float64", 2.0**30) < LEAST_BOX


@pytest.mark.parametrize(
    ("text", "size"), [("x**2", 2**9), ("abs(x)**3 + 1", 2**6), ("exp(x)", 2**3), ("(x - y)**2", 2**8), ("sin(x)", 2**10)]
)
def test_boxes_of_simple_formulas(text, size):
    assert box(parse(Formula(value=text, variables=("x", "y"))), {}, 4e5, "float64", 1100.0) == size


@pytest.mark.parametrize("size", [1.8e38, 3.0e38])
def test_parameters_near_the_largest_number_have_no_box_and_no_error(size):
    """Half the largest number of float32 is where intervals end."""
    land = {"kind": "expression", "variables": ["x"], "parameters": {"s": size}, "value": "s*x"}
    group = check({**study("rastrigin"), "landscape": land, "precision": "float32"}).groups[0]
    assert within(group, next(group.shards()).parts()) == 0.0
