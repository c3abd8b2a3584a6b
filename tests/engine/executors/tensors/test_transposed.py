"""Arrays of few columns are kept transposed where that pays, and nothing that is computed of them changes."""

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import run
from thalweg.engine.executors.tensors.expand import expanded
from thalweg.engine.executors.tensors.landscape import TRANSPOSED, Layout
from thalweg.engine.executors.tensors.transposed import kept_transposed
from thalweg.specs.load import load_study
from thalweg.specs.program.arrays import Evaluation
from thalweg.specs.program.node import ordered

SAMPLES = 500
WITH = {
    "softmax regression": "mean(cross_entropy(X @ W + b, y)) + 0.1*sum(W**2)",
    "squares of targets": "mean((softmax(X @ W + b) - one_hot(y, classes))**2)",
    "largest logit": "mean(max(X @ W, axis=1)) + mean(min(X @ W + b, axis=1))",
    "sums over samples": "sum(sum(tanh(X @ W), axis=0)**2)/n**2 + max(sum(X @ W, axis=[0, 1]), 1)",
    "two products": "mean(sum(tanh(X @ W) * sigmoid(X @ (W - 0.5) + b), axis=1))",
    "a second layer": "mean((tanh(X @ W) @ U - X)**2)",
    "spread": "sum(std(X @ W, axis=0)) + mean(norm(X @ W + b, axis=1))",
    "a kernel": "sum((T(X @ W) @ (X @ W))**2)/n**2",
    "a mask": "mean(where(X @ W > 0, X @ W, 0.1*(X @ W))) + mean(logsumexp(X @ W, axis=0))",
    "weights of samples": "mean(cross_entropy(X @ W, y) * exp(-X[:, 0]**2))",
    "a hidden layer": "mean(cross_entropy(tanh(X @ H) @ W + b, y)) + mean(argmax(X @ H @ W, axis=1))",
    "nothing of the product alone": "mean(softplus((X @ W)[:, 0] - (X @ W)[:, 1]))",
}


@pytest.fixture(scope="module", autouse=True)
def data(tmp_path_factory):
    """A file of three classes, which the studies name from the folder where they run."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(1)
    y = rng.integers(0, 3, SAMPLES)
    np.savez(folder / "three.npz", x=rng.normal(size=(SAMPLES, 4)) + y[:, None], y=y)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield


def study(value, **changes):
    land = {
        "kind": "expression",
        "data": {"file": "three.npz", "classes": 3},
        "variables": {"W": ["p", "classes"], "b": ["classes"], "U": ["classes", "p"], "H": ["p", "p"]},
        "value": value + " + 0*(sum(b) + sum(U) + sum(H))",
    }
    adam = {"kind": "adam", "lr": [0.01, 0.1]}
    return {
        "name": "a",
        "landscape": land,
        "optimizers": [adam],
        "init": {"kind": "normal", "std": 0.5},
        "seeds": 2,
        "steps": 30,
        **changes,
    }


def programs(value, lanes, rows=None):
    """Outputs as they are and as they are kept, with the layout of their landscape."""
    land = load_study(study(value)).landscape
    layout, program = Layout(land, "float64", lanes), land.program(rows)
    outputs = expanded([program.loss, *program.gradient], "float64")
    return layout, outputs, kept_transposed(outputs, lanes, lambda n: layout.transposed(n, rows))


def evaluated(layout, outputs):
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=(1, 1, *shape)) for name, shape in layout.land.blocks.items()}
    inputs = [n.option("name") for n in ordered(outputs) if n.function.name == "input"]
    values |= {name: layout.data(name) for name in inputs if name not in values}
    return Evaluation(outputs)(np, values)


def compare_executors(spec):
    """That compiled runs are those of arrays, to rounding."""
    close = {"rtol": 1e-9, "atol": 1e-9} if spec["precision"] == "float64" else {"rtol": 2e-3, "atol": 1e-4}
    compiled, arrays = (run(spec, executor=executor)["adam"].to_dataset() for executor in ("fused", "array"))
    for name in arrays.data_vars:
        np.testing.assert_allclose(compiled[name], arrays[name], **close)


@pytest.mark.parametrize("case", WITH)
def test_the_numbers_stay(case):
    layout, plain, kept = programs(WITH[case], lanes=8)
    for before, after, one, other in zip(plain, kept, evaluated(layout, plain), evaluated(layout, kept), strict=True):
        assert before.shape == after.shape
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", [name for name in WITH if name not in ("a hidden layer", "nothing of the product alone")])
def test_few_columns_are_kept_transposed(case):
    _, _, kept = programs(WITH[case], lanes=8)
    names = {n.option("name") for n in ordered(kept) if n.function.name == "input"}
    assert "X" + TRANSPOSED in names
    assert (SAMPLES, 3) not in {n.shape for n in ordered(kept) if n.function.name == "matmul"}


@pytest.mark.parametrize("rows", [None, 32])
def test_where_rows_are_reduced_the_transpose_of_a_product_is_copied(rows):
    layout, plain, kept = programs(WITH["a hidden layer"], 8, rows)
    whole = "matmul" if rows is None else "copied"  # of all data the hidden layer is transposed already, since it has few columns, too
    assert (3, rows or SAMPLES) in {n.shape for n in ordered(kept) if n.function.name == whole}
    if rows is None:
        for one, other in zip(evaluated(layout, plain), evaluated(layout, kept), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_minibatches_are_those_of_arrays(precision):
    compare_executors(study(WITH["a hidden layer"], noise={"kind": "minibatch", "size": 32}, precision=precision))


def test_nothing_is_changed_where_there_is_nothing_to_gain():
    for lanes, rows in ((1, None), (3, None), (8, 12)):
        _, plain, kept = programs(WITH["softmax regression"], lanes, rows)
        assert all(a is b for a, b in zip(plain, kept, strict=True))


@pytest.mark.parametrize(("case", "precision"), few([(c, p) for c in WITH for p in ("float64", "float32")], keep=[("a kernel", "float32")]))
def test_runs_are_those_of_arrays(case, precision):
    compare_executors(study(WITH[case], precision=precision))


def test_logits_beyond_all_numbers_end_a_run_as_they_do_in_arrays():
    far = study(WITH["softmax regression"], init={"kind": "normal", "std": 8e37}, precision="float32", steps=3, seeds=8)
    compiled, arrays = (run(far, executor=executor)["adam"] for executor in ("fused", "array"))
    assert set(np.unique(arrays.status)) != {0}
    np.testing.assert_array_equal(compiled.status, arrays.status)
