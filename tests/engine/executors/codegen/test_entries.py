"""Small formulas over tensors entry by entry: every function's examples against arrays, and studies on both executors."""

import math
from itertools import product

import numpy as np
import pytest
import thalweg
from helpers.battery import FLOATS, inputs, numbers, scalar
from helpers.repetitions import few
from helpers.studies import collected, shards
from thalweg.engine import check
from thalweg.engine.executors.choose import array_simulation, choose, simulation
from thalweg.engine.executors.codegen.entries import Entries, drawn, filled
from thalweg.engine.executors.codegen.refusal import NotFusable
from thalweg.engine.executors.cpu.points import FusedSimulation, why_not
from thalweg.engine.executors.cpu.programs import ProgramSimulation
from thalweg.engine.executors.cpu.swarms import FusedSwarm
from thalweg.engine.executors.layouts import entry_by_entry
from thalweg.specs import tree
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad
from thalweg.specs.program.function import FUNCTIONS
from thalweg.specs.program.read import Reading

EXAMPLES = [(kind, text) for kind in FUNCTIONS.kinds() for text in FUNCTIONS.load(kind).examples]
WITHOUT = {
    "cholesky",
    "eigh",
    "eigvalsh",
    "ensloss",
    "expm",
    "inv",
    "logdet",
    "qr",
    "renewed_eigenvectors",
    "solve",
    "sort",
    "svd",
    "svdvals",
}
WITHOUT_TOO = {"x[1:1]", "ones([0])", "zeros([0])", "matrix_power(A, -2)"}


def number(e, known):
    """The value of a tree."""
    values = {}
    for part in tree.ordered([e]):
        a = [values[arg] for arg in part.args]
        match part.kind:
            case "number":
                values[part] = part.value
            case "symbol":
                values[part] = known[part.name]
            case "truth":
                values[part] = part.data
            case "add":
                values[part] = a[0] + a[1]
            case "multiply":
                values[part] = a[0] * a[1]
            case "divide":
                values[part] = a[0] / a[1] if a[1] else math.nan
            case "whole":
                values[part] = a[0] ** part.data if a[0] or part.data > 0 else math.inf
            case "power":
                values[part] = math.pow(*a) if a[0] > 0 or (a[0] == 0 and a[1] >= 0) else math.nan
            case "floor":
                values[part] = math.floor(a[0])
            case "where":
                values[part] = a[1] if a[0] else a[2]
            case kind if kind in tree.COMPARISONS:
                values[part] = tree.COMPARISONS[kind](*a)
            case kind:
                values[part] = tree.OF_NUMBERS[kind](*a) if kind not in ("log", "sqrt") or a[0] > 0 else -math.inf if kind == "log" else 0.0
    return values[e]


@pytest.mark.parametrize(("kind", "text"), [e for e in EXAMPLES if e[0] not in WITHOUT and e[1] not in WITHOUT_TOO])
def test_every_functions_examples(kind, text):
    data, known = numbers(), {}

    def given(n):
        name = n.option("name")
        if n.kind != "float":
            return data[name]
        labels = [f"{name} {k}" for k in range(n.size)]
        known.update(zip(labels, np.asarray(data[name], dtype=float).reshape(-1).tolist(), strict=True))
        return filled([tree.symbol(label) for label in labels], n.shape)

    names = inputs()
    made = Reading(names).read(text)
    by = [names[name] for name in FLOATS if name in text]
    outputs = [made, *(grad(scalar(made), by) if made.kind == "float" and by else [])]
    entries = Entries(given)
    for n, wanted in zip(outputs, evaluate(outputs, np, data), strict=True):
        trees = entries.of(n)[0].reshape(-1).tolist()
        found = [number(e(tree.ONE, tree.ZERO) if n.kind == "bool" else e, known) for e in trees]
        wanted = np.broadcast_to(np.asarray(wanted, dtype=float), n.shape).reshape(-1)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=text)


def test_a_truth_value_of_many_entries_is_computed_once(monkeypatch):
    choices = []
    where = tree.where
    monkeypatch.setattr(tree, "where", lambda *args: choices.append(args) or where(*args))
    made = Reading(inputs()).read("sum(where(all(v < 1), v, v**2))")
    entries = Entries(lambda n: filled([tree.symbol(str(k)) for k in range(n.size)], n.shape))
    entries.of(made)
    (v,) = {n for n in entries.arrays if n.function.name == "input"}
    assert len(choices) == 2 * v.size  # one an entry for the truth value, one for what it chooses


@pytest.mark.parametrize("kind", sorted(WITHOUT - {"ensloss"}))
def test_what_has_no_entries(kind):
    made = Reading(inputs()).read(FUNCTIONS.load(kind).examples[0])
    with pytest.raises(NotFusable):
        Entries(lambda n: filled([tree.symbol(f"{n.option('name')} {k}") for k in range(n.size)], n.shape)).of(
            made[0] if isinstance(made, tuple) else made
        )


FACTORS = {
    "kind": "expression",
    "variables": {"U": [3, 2], "V": [2, 3]},
    "arrays": {"M": [[1.0, 2.0, 0.5], [0.0, 1.0, -1.0], [2.0, 0.0, 1.0]]},
    "parameters": {"l2": [0.01, 0.1]},
    "value": "sum((U @ V - M)**2)/2 + l2*sum(U**2)",
    "observables": {"rank_one": "sum((U[:, :1] @ V[:1, :] - M)**2)", "size": "sum(abs(V))"},
}
NETWORK = {
    "kind": "expression",
    "variables": {"W": [1, 3], "b": [3], "v": [3]},
    "arrays": {"X": [[-1.0], [-0.5], [0.0], [0.5], [1.0]], "y": [1.0, 0.25, 0.0, 0.25, 1.0]},
    "value": "mean((relu(X @ W + b) @ v - y)**2)",
}
SPINS = {"kind": "expression", "variables": {"x": [4]}, "value": "logsumexp(3*sin(x)) + 0.1*sum(x**2)", "observables": {"top": "max(x)"}}
DRAWN = {
    "kind": "expression",
    "variables": {"w": [3]},
    "draws": {"X": "normal(5, 3)", "truth": "normal(3)"},
    "parameters": {"l2": [0.0, 0.1]},
    "value": "mean((X @ w - X @ truth)**2) + l2*sum(w**2)",
    "observables": {"far": "norm(w - truth)"},
}
CHANGING = {
    "kind": "expression",
    "variables": {"x": [3]},
    "parameters": {"c": [0.5, 1.0]},
    "value": "sum((x - c*t/steps)**2) + 0.1*where(t < 20, x[0], floor(t/8)*x[1]) + 0.3*x[2]**2",
    "observables": {"gap": "norm(x - c*t/steps) + t"},
}
POPULATION = {
    "kind": "expression",
    "sizes": {"B": 64, "p": 8},
    "variables": {"w": ["p"]},
    "parameters": {"l": [0.25, 0.5]},
    "samples": {"z": "normal(batch, B, p)"},
    "value": "mean((z[0] @ (sqrt(l)*w))**2)/2",
    "population": "l*sum(w**2)/2",
    "observables": {"size": "sum(w**2)"},
}
"""Its samples are for online noise alone, and no run draws any of them here."""
LANDSCAPES = {"factors": FACTORS, "network": NETWORK, "spins": SPINS, "drawn": DRAWN, "changing": CHANGING, "population": POPULATION}
OPTIONS = {
    "adam": {"optimizers": [{"kind": "adam", "lr": [0.01, 0.02]}]},
    "noise and clip": {"noise": {"kind": "gaussian", "scale": 0.1}, "optimizers": [{"kind": "sgd", "clip": {"kind": "norm", "at": 1.0}}]},
    "average": {"optimizers": [{"kind": "sgd", "lr": 0.05, "momentum": 0.9, "average": {"kind": "ema", "decay": 0.9}}]},
    "langevin": {"optimizers": [{"kind": "sgld", "lr": "0.1/sqrt(t)", "temperature": 0.01}]},
    "swarm": {"optimizers": [{"kind": "cbo", "particles": 9, "alpha": 20.0, "lr": 0.02}]},
    "swarm with a norm": {"optimizers": [{"kind": "cbo", "particles": 5, "noise": "anisotropic"}]},
}


def study(name, option, **more):
    return {
        "name": "t",
        "landscape": LANDSCAPES[name],
        "init": {"kind": "uniform", "low": -1.0, "high": 1.0},
        "seeds": 5,
        "steps": 40,
        "record": {"every": 8},
        **OPTIONS[option],
        **more,
    }


@pytest.mark.parametrize(
    ("name", "option", "precision"),
    few(
        product(LANDSCAPES, OPTIONS, ("float64", "float32")),
        keep=[
            (name, option, "float64")
            for name, option in zip(LANDSCAPES, ("adam", "swarm", "noise and clip", "average", "noise and clip", "langevin"), strict=True)
        ],
    ),
)
def test_the_array_executors_numbers(name, option, precision):
    (shard,) = shards(study(name, option, precision=precision))
    assert why_not(shard.group) is None
    fused = simulation(shard, "fused")
    assert isinstance(fused, FusedSwarm if "swarm" in option else FusedSimulation)
    (wanted, ended), (found, end) = collected(array_simulation(shard)), collected(fused)
    assert found.keys() == wanted.keys()
    np.testing.assert_array_equal(end.status, ended.status)
    tolerance = 1e-9 if precision == "float64" else 1e-3
    for variable, values in wanted.items():
        np.testing.assert_allclose(found[variable], values, rtol=tolerance, atol=tolerance, err_msg=variable)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"variables": {"x": [40, 40]}, "value": "sum((x @ x.T)**2)"}, "operations on entries, above 20,000"),
        ({"variables": {"x": [900]}, "value": "sum(x**4)"}, "different operations on entries, above 1,000"),
        (
            {"variables": {"x": [2]}, "arrays": {"A": [[1.0, 2.0], [3.0, 4.0]]}, "value": "sum((x - take(A, argmax(x)))**2)"},
            "take by an index that is found while it runs",
        ),
        (
            {"variables": {"x": [4]}, "draws": {"z": "normal(999)"}, "value": "sum(x**2)*z[0]"},
            "999 numbers that every seed has of its own, above 512",
        ),
        ({"variables": {"x": [3, 3]}, "value": "logdet(x @ x.T + eye(3))"}, "no compiled form of logdet"),
    ],
)
def test_what_goes_a_run_a_task(changes, reason):
    (group,) = check({"name": "t", "landscape": {"kind": "expression", **changes}, "optimizers": ["sgd"], "steps": 5}).groups
    assert reason in (why_not(group) or "")
    assert not entry_by_entry(group)
    assert isinstance(simulation(next(group.shards()), "fused"), ProgramSimulation)


def test_samples_that_no_run_draws_take_no_place():
    (group,) = check(study("population", "adam")).groups
    assert drawn(group.landscapes[0]) == {}
    assert entry_by_entry(group)


def test_minibatches_and_matrix_rules_go_a_run_a_task():
    data = {
        "kind": "expression",
        "data": {"builtin": "blobs"},
        "variables": {"W": ["p", "classes"]},
        "value": "mean(cross_entropy(X @ W, y))",
    }
    batches = {"name": "t", "landscape": data, "noise": {"kind": "minibatch", "size": 2}, "optimizers": ["sgd"], "steps": 5}
    matrices = {"name": "t", "landscape": FACTORS, "optimizers": ["muon"], "steps": 5}
    for spec in (batches, matrices):
        (group,) = check(spec).groups
        assert not entry_by_entry(group)
        assert isinstance(simulation(next(group.shards()), "fused"), ProgramSimulation)


def test_swarms_on_formulas_over_tensors_are_compiled_where_that_pays():
    (large,) = check(study("network", "swarm", seeds=4096, steps=2000)).groups
    assert choose(large).name == "fused"
    (small,) = check(study("network", "swarm", seeds=2)).groups
    assert choose(small).name == "array"


@pytest.mark.parametrize("name", ["factors", "drawn"])
def test_bits_do_not_depend_on_the_other_runs(name):
    spec = study(name, "average", seeds=300, steps=60)
    whole, first = (thalweg.run({**spec, "seeds": seeds}, executor="fused")["sgd"] for seeds in (300, 40))
    for variable in first.data_vars:
        np.testing.assert_array_equal(whole[variable].isel(seed=slice(0, 40)), first[variable])
