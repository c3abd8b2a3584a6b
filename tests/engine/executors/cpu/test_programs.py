"""Compiled programs against the array executor: every option of a study, how runs end, and bits."""

from itertools import product

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from helpers.studies import SWARMS, collected, example, shards
from helpers.tensor_formulas import DRAWN, STREAM
from thalweg.engine import check, plan
from thalweg.engine.executors.choose import WORTH_COMPILING, array_simulation, choose, simulation
from thalweg.engine.executors.cpu import programs
from thalweg.engine.executors.cpu.programs import processor_seconds, why_not
from thalweg.specs.errors import SpecError
from thalweg.specs.landscapes._tensor_landscape import ProgramLandscape
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS
from thalweg.specs.status import Status

NETWORK = {
    "kind": "expression",
    "data": {"builtin": "blobs", "test_fraction": 0.2},
    "sizes": {"h": 5},
    "variables": {"W1": ["p", "h"], "b1": ["h"], "W2": ["h", "classes"], "b2": ["classes"]},
    "parameters": {"l2": 1e-3},
    "define": {"net(x)": "tanh(x @ W1 + b1) @ W2 + b2"},
    "value": "mean(cross_entropy(net(X), y)) + l2/2*(sum(W1**2) + sum(W2**2))",
    "observables": {
        "accuracy": "mean(argmax(net(X), axis=1) == y)",
        "tested": "mean(cross_entropy(net(X_test), y_test))",
        "norm": "sum(W1**2)",
    },
}
BATCHES = {"kind": "minibatch", "size": 7}
STUDY = {
    "name": "n",
    "landscape": NETWORK,
    "noise": BATCHES,
    "optimizers": [{"kind": "adam", "lr": [0.003, 0.03]}],
    "seeds": 3,
    "steps": 40,
    "record": {"every": 8},
}
STEPPED = {**NETWORK, "value": "mean(cross_entropy(net(X), y)) + t/steps*(sum(W1**2) + sum(W2**2))"}
SWEPT = {**NETWORK, "parameters": {"l2": [0.0, 0.1, 1.0]}}
EVERYTHING = {"every": 8, "variables": ["loss", "params", "accuracy", "tested", "average_loss", "average_params"]}
OPTIONS = {
    "minibatch": {},
    "all samples": {"noise": "none"},
    "one sample": {"noise": {"kind": "minibatch", "size": 1}},
    "gaussian": {"noise": {"kind": "gaussian", "scale": [0.01, 0.1]}},
    "student_t": {"noise": {"kind": "student_t", "scale": 0.01, "df": [2.5, 4.0]}},
    "reshuffled": {"noise": {"kind": "minibatch", "size": 7, "sampling": "reshuffle"}},
    "shuffled once": {"noise": {"kind": "minibatch", "size": 7, "sampling": "shuffle_once"}},
    "in order": {"noise": {"kind": "minibatch", "size": 7, "sampling": "in_order"}},
    "drawn for every seed": {"landscape": DRAWN, "noise": "none"},
    "minibatches of what is drawn": {"landscape": example("outlier_network"), "noise": {"kind": "minibatch", "size": 3}},
    "new samples": {"landscape": STREAM, "noise": {"kind": "online", "size": 5}},
    "the step in the formula": {"landscape": STEPPED},
    "landscape swept": {"landscape": SWEPT, "noise": "none"},
    "landscape swept, minibatch": {"landscape": SWEPT},
    "last record alone": {"record": {"last": True}},
    "every record": {"record": {"every": 1, "variables": ["loss"]}},
    "no loss": {"record": {"every": 8, "variables": ["norm", "params"]}},
    "observables in another order": {"record": {"every": 8, "variables": ["norm", "tested", "loss"]}},
    "some steps": {"record": {"at": [0, 1, 17, 40]}},
    "uniform": {"init": {"kind": "uniform", "low": -0.5, "high": 0.5}},
    "many points": {"optimizers": [{"kind": "sgd", "lr": {"logspace": [1e-3, 1e-1, 9]}, "momentum": [0.0, 0.9]}]},
}
OPTIMIZER_OPTIONS = {
    "clip by value": {"clip": {"kind": "value", "at": [0.02, 1.0]}},
    "clip by norm": {"clip": {"kind": "norm", "at": [0.05, 1.0]}},
    "ema": {"average": {"kind": "ema", "decay": [0.9, 0.99]}},
    "polyak": {"average": {"kind": "polyak"}},
    "tail": {"average": {"kind": "tail", "start": [0.25, 12]}},
    "cosine": {"schedule": "cosine"},
    "wsd": {"schedule": {"kind": "wsd", "warmup": 0.1, "decay": [0.2, 0.5]}},
    "weight decay": {"kind": "adamw", "weight_decay": [0.0, 0.1]},
    "random numbers of its own": {"kind": "sgld", "temperature": [0.0, 1e-3]},
    "momentum": {"kind": "sgd", "momentum": [0.0, 0.9], "nesterov": True},
    "matrices": {"kind": "muon", "lr": [0.01, 0.03]},
    "matrices and the rest": {"kind": "muon", "lr": 0.02, "rest": {"lr": [0.001, 0.01]}},
}
KINDS = [kind for kind in LANDSCAPES.kinds() if issubclass(LANDSCAPES.load(kind), ProgramLandscape)]
STABLE = {"soap": {"frequency": 1, "eps": 1e-2}}
"""Rounding decides on soap's path where eigenvectors of matrices that are not square are kept, as its file says, or its first step divides zeros by eps."""
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def with_optimizer(**fields):
    (own,) = STUDY["optimizers"]
    return {**STUDY, "optimizers": [{**own, **fields}]}


def compare(spec, rtol):
    """Both executors on every shard: NaN in the same places, the same outcome, values within rtol of the largest of their point."""
    for shard in shards(spec):
        assert why_not(shard.group) is None
        (expected, ended), (found, end) = collected(array_simulation(shard)), collected(simulation(shard, "fused"))
        np.testing.assert_array_equal(end.status, ended.status)
        np.testing.assert_array_equal(end.last_step, ended.last_step)
        assert set(found) == set(expected)
        for name, values in expected.items():
            assert found[name].shape == values.shape
            assert found[name].dtype == values.dtype
            np.testing.assert_array_equal(np.isnan(found[name]), np.isnan(values), err_msg=name)
            size = np.nanmax(np.abs(values), axis=(1, 2), keepdims=True, initial=1e-300)
            worst = np.nanmax(np.abs(found[name] - values) / size, initial=0.0)
            assert worst < rtol, f"{name}: {worst:.1e}"


QUICK = {
    **dict.fromkeys(("student_t", "reshuffled", "landscape swept, minibatch"), "float64"),
    **dict.fromkeys(("drawn for every seed", "minibatches of what is drawn", "new samples"), "float32"),
    **dict.fromkeys(("clip by norm", "ema", "cosine", "random numbers of its own"), "float64"),
}
"""The precision in which `make test` tries an option; `make verify` tries all in both."""


@pytest.mark.parametrize(
    ("option", "precision"), few(product(OPTIONS, TOLERANCE), keep=lambda option, precision: QUICK.get(option) == precision)
)
def test_every_option_of_a_study(option, precision):
    compare({**STUDY, **OPTIONS[option], "precision": precision}, TOLERANCE[precision])


@pytest.mark.parametrize(
    ("option", "precision"), few(product(OPTIMIZER_OPTIONS, TOLERANCE), keep=lambda option, precision: QUICK.get(option) == precision)
)
def test_every_option_of_an_optimizer(option, precision):
    fields = OPTIMIZER_OPTIONS[option]
    record = EVERYTHING if "average" in fields else {"every": 8}
    compare({**with_optimizer(**fields), "record": record, "precision": precision}, TOLERANCE[precision])


@pytest.mark.parametrize("kind", few(KINDS, keep=["bigram", "matrix_quadratic"]))
def test_every_landscape(kind):
    compare(
        {
            **STUDY,
            "landscape": example(kind),
            "noise": "none",
            "init": {"kind": "normal", "std": 0.3},
            "steps": 20,
        },
        1e-9,
    )


@pytest.mark.parametrize(
    "kind",
    few(
        [kind for kind in OPTIMIZERS.kinds() if kind not in SWARMS],
        keep=["adam", "adagrad", "curl_descent", "lion", "muon", "nadam", "rmsprop", "sgd", "sgld", "spherical_langevin"],
    ),
)
def test_every_optimizer(kind):
    spec = {**STUDY, "optimizers": [{"kind": kind, "lr": [1e-3, 1e-2], **STABLE.get(kind, {})}]}
    try:
        shards(spec)
    except SpecError as error:
        pytest.skip(str(error))  # rules with a landscape of their own
    compare(spec, 1e-9)


SQUARE = [{"kind": "shampoo"}, {"kind": "fismo"}, {"kind": "muon", "method": "polar"}, {"kind": "soap", "eps": 1e-2}]


@pytest.mark.parametrize(
    ("fields", "precision"),
    few(product(SQUARE, TOLERANCE), keep=lambda fields, precision: (fields["kind"], precision) == ("muon", "float64")),
    ids=str,
)
def test_optimizers_that_decompose_square_matrices(fields, precision):
    """With observables that do, too."""
    land = {
        "kind": "expression",
        "data": {"builtin": "blobs", "test_fraction": 0.2},
        "variables": {"U": ["p", "p"], "V": ["p", "p"]},
        "value": "mean((tanh(X @ U) @ V - X)**2)",
        "observables": {"top": "svdvals(U)[0]", "volume": "logdet(U)", "middle": "eigvalsh(U + U.T)[0]", "left": "solve(V, U)[0, 0]"},
    }
    spec = {**STUDY, "landscape": land, "optimizers": [{**fields, "lr": [1e-3, 1e-2]}], "steps": 30, "precision": precision}
    compare(spec, {"float64": 1e-8, "float32": 1e-3}[precision])


@pytest.mark.full
@pytest.mark.parametrize("kind", ["muon", "fismo"])
def test_observables_of_muon_conditioning(kind):
    land = {"kind": "matrix_quadratic", "rotation_seed": 0, "left": [1.0, 100.0], "right": [1.0, 100.0]}
    names = LANDSCAPES.load("matrix_quadratic")().observable_names
    spec = {**STUDY, "landscape": land, "noise": "none", "zip": [["landscape.left", "landscape.right"]]}
    fields = {"muon": {"method": "polar", "scale": "none", "lr": [0.01, 0.1]}, "fismo": {"beta": 0.95, "mu": 1e-3}}[kind]
    compare(
        {**spec, "optimizers": [{"kind": kind, **fields}], "steps": 30, "record": {"every": 5, "variables": ["loss", "params", *names]}},
        1e-8,
    )


def test_what_lapack_does_is_no_reason_to_compile():
    land = {"kind": "matrix_quadratic", "rows": 16, "cols": 16}
    optimizers = [{"kind": "muon", "method": "polar"}, {"kind": "muon", "label": "ns"}]
    spec = {**STUDY, "landscape": land, "noise": "none", "optimizers": optimizers, "seeds": 200, "steps": 200, "record": {"last": True}}
    polar, products = check(spec).groups
    assert choose(polar).reason == "too little work to be worth compiling"
    shard = next(polar.shards())
    assert polar.runs * 200 * programs.step_seconds(programs.programs(shard), polar, shard.parts()) > 2 * WORTH_COMPILING
    assert processor_seconds(products) > processor_seconds(polar)


def test_only_what_is_recorded_must_have_a_compiled_form():
    land = {
        "kind": "expression",
        "variables": {"W": [3, 4]},
        "value": "sum(W**2)",
        "observables": {"size": "sum(W**4)", "middle": "sort(W)[1, 1]"},
    }
    spec = {**STUDY, "landscape": land, "init": "normal", "noise": "none"}
    assert why_not(check(spec).groups[0]) == "no compiled form of sort_order"
    compare({**spec, "record": {"every": 8, "variables": ["loss", "size"]}}, 1e-12)


@pytest.mark.parametrize("kind", ["cbo", "cbs"])
def test_particles_have_no_programs(kind):
    assert why_not(check({**STUDY, "optimizers": [{"kind": kind, "particles": 4}]}).groups[0]) == "particles on a formula over tensors"


ENDS = {
    "some diverge": {"optimizers": [{"kind": "sgd", "lr": [0.1, 1e3, 1e200]}]},
    "some diverge on all samples": {"optimizers": [{"kind": "sgd", "lr": [0.1, 1e3, 1e200]}], "noise": "none"},
    "above a bound": {"optimizers": [{"kind": "sgd", "lr": [0.1, 30.0]}], "stop": {"diverge_above": 3.0}},
    "below a bound": {"stop": {"loss_below": 0.5}},
    "below a bound, with an average": {
        "optimizers": [{"kind": "adam", "lr": [0.003, 0.03], "average": "polyak"}],
        "stop": {"loss_below": 0.5},
        "record": EVERYTHING,
    },
    "both": {"optimizers": [{"kind": "sgd", "lr": [0.1, 0.5, 1e3]}], "stop": {"loss_below": 0.6, "diverge_above": 5.0}, "noise": "none"},
}


@pytest.mark.parametrize("how", ENDS)
def test_runs_end_alike(how):
    spec = {**STUDY, "steps": 60, "record": {"every": 5}, "seeds": 5, **ENDS[how]}
    compare(spec, 1e-9)
    found = {int(s) for shard in shards(spec) for s in np.unique(collected(simulation(shard, "fused"))[1].status)}
    assert found >= {Status.STOPPED if "loss_below" in spec.get("stop", {}) else Status.DIVERGED}


def test_a_run_that_is_nowhere_at_the_start_has_diverged_before_it():
    land = {"kind": "expression", "variables": {"x": [3]}, "value": "sum(log(x))"}
    spec = {
        "name": "a",
        "landscape": land,
        "init": {"kind": "point", "at": -1.0},
        "optimizers": ["sgd"],
        "steps": 3,
        "record": {"every": 1},
    }
    compare(spec, 1e-12)
    (shard,) = shards(spec)
    data, end = collected(simulation(shard, "fused"))
    assert np.isnan(data["loss"]).all()
    assert end.last_step.item() == -1


def test_infinities_end_a_run_and_its_neighbours_go_on():
    """Some starts are beyond what exp can take."""
    land = {"kind": "expression", "variables": {"x": [2]}, "value": "sum(exp(x))"}
    optimizers, init = [{"kind": "sgd", "lr": 1e-300}], {"kind": "normal", "std": 600.0}
    spec = {"name": "a", "landscape": land, "init": init, "optimizers": optimizers, "seeds": 40, "steps": 3, "record": {"every": 1}}
    compare(spec, 1e-12)
    (shard,) = shards(spec)
    diverged = collected(simulation(shard, "fused"))[1].status == Status.DIVERGED
    assert 0 < diverged.sum() < 40


STATES = {**STUDY, "record": {"every": 8, "state": [0, 5, 17, 40]}}


@pytest.mark.parametrize("sampling", ["replacement", "reshuffle"])
@pytest.mark.parametrize("fields", [{}, {"average": "polyak"}, {"kind": "muon"}, {"kind": "sgd", "momentum": 0.9}], ids=str)
def test_states_are_recorded_alike(fields, sampling):
    spec = {**STATES, "optimizers": [{"kind": "adam", "lr": [0.003, 0.03], **fields}], "noise": {**BATCHES, "sampling": sampling}}
    (expected,), (found,) = (thalweg.run(spec, executor=executor).children.values() for executor in ("array", "fused"))
    assert found.state.dims == expected.state.dims
    size = np.abs(expected.state.values).max(axis=(0, 1, 2))
    np.testing.assert_allclose(found.state.values, expected.state.values, rtol=1e-10, atol=1e-10 * size.max())


SPLIT = {**STUDY, "optimizers": [{"kind": "adam", "lr": [0.003, 0.01, 0.03], "average": "ema"}], "seeds": 7, "record": EVERYTHING}
WITH_NUMBERS = {
    "minibatch": {},
    "gaussian": {"noise": {"kind": "gaussian", "scale": 0.1}},
    "student_t": {"noise": {"kind": "student_t", "scale": 0.1}},
    "reshuffled": {"noise": {**BATCHES, "sampling": "reshuffle"}},
    "own numbers": {"optimizers": [{"kind": "sgld", "lr": [0.01, 0.02], "temperature": 1e-3}], "record": {"every": 8}, "noise": "none"},
    "decompositions": {"optimizers": [{"kind": "shampoo", "lr": [0.01, 0.02]}], "record": {"every": 8}},
}


@pytest.mark.parametrize(
    ("noise", "precision"),
    few(product(WITH_NUMBERS, TOLERANCE), keep=product(("minibatch", "gaussian", "reshuffled", "own numbers"), ("float64",))),
)
def test_bits_depend_on_neither_calls_nor_threads_nor_neighbours(noise, precision, monkeypatch):
    spec = {**SPLIT, **WITH_NUMBERS[noise], "precision": precision}
    (shard,) = shards(spec)
    expected, end = collected(simulation(shard, "fused"))
    for work, threads in ((1, 1), (37, 2), (10**9, 3)):
        monkeypatch.setattr(programs, "CALL_WORK", work)
        found, ended = collected(simulation(shard, "fused", threads))
        np.testing.assert_array_equal(ended.status, end.status)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)
    monkeypatch.undo()
    (first, *_) = spec["optimizers"]
    alone = {**spec, "optimizers": [{**first, "lr": first["lr"][-1]}], "seeds": 2}
    found, _ = collected(simulation(shards(alone)[0], "fused"))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values[-1:, :2], err_msg=name)


def test_shards_are_the_whole(monkeypatch):
    whole = thalweg.run(SPLIT, executor="fused")["adam"]
    monkeypatch.setattr(plan, "SHARD_RUNS", 4)
    assert len(shards(SPLIT)) > 3
    parts = thalweg.run(SPLIT, executor="fused", threads=2)["adam"]
    for name, values in whole.data_vars.items():
        np.testing.assert_array_equal(parts[name].values, values.values, err_msg=str(name))
