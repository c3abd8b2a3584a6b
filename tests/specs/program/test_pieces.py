"""Which formulas are means over samples: those that are, those that only look so, and what pieces of the samples then add up to."""

import numpy as np
import pytest
from thalweg.specs.landscapes import _tensor_landscape
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.function import given
from thalweg.specs.program.pieces import is_mean
from thalweg.specs.program.read import Reading, definitions
from thalweg.specs.registry import LANDSCAPES

MEANS = [
    "mean((X @ w - y)**2)/2",
    "sum((X @ w - y)**2)/(2*n)",
    "sum((X @ w - y)**2)*(1/n) + a*sum(w**2)",
    "mean(cross_entropy(tanh(X @ W + b) @ V, k)) + a*(sum(W**2) + norm(V))",
    "-mean(pick(log_softmax(X @ W @ V), k))",
    "sum(mean(X, axis=0)*w)",
    "sum((T(X) @ X/n @ w)*w)/2 - sum((y @ X)*w)/n",
    "mean(argmax(X @ W @ V, axis=1) == k)",
    "mean(where(y > 0, logistic(y*(X @ w)), 0))",
    "mean(max(X*w, axis=1) - min(X, axis=1))",
    "mean(E[k] @ w)",
    "mean(sum(grad(sum(tanh(X @ w)), X)**2, axis=1))",
    "mean(iterate(3, d, 0*X, d + 0.1*grad(sum(tanh((X + d) @ w)), d)) @ w)",
    "mean(reshape(X, [n, 2, 2])[:, 1] @ w[0:2])",
    "mean(reshape(X, [n, 2, 2]) @ w[0:2])",
    "sum(w**2)",
    "(mean(X @ w) - mean(y))*a/3",
    "mean(softmax(X @ W)) + mean(X[:, 2])",
    "mean(stop_gradient(X @ w)*y)",
]
OTHERS = [
    "sum((X @ w - y)**2)",
    "mean((X @ w - y)**2) + sum(y)",
    "sqrt(mean((X @ w - y)**2))",
    "mean(X @ w)**2",
    "mean((y - mean(y))**2)",
    "max(X @ w)",
    "logsumexp(X @ w)",
    "mean(X @ w) + a*n",
    "mean(X @ w)*n",
    "mean(softmax(X @ W, axis=0))",
    "mean(X[0] @ W)",
    "mean(y[0:4])",
    "mean(sort(y))",
    "mean(cumsum(y))",
    "mean(arange(n)*y)",
    "mean(reshape(y, [n, 1]) - y)",
    "sum(T(X) @ X @ w)/n**2",
    "mean(mean(X @ w)*y)",
    "std(y)",
    "norm(X @ w - y)",
]
COUNT, SOME = 12, 8


def inputs(n):
    return {
        "X": given("X", (n, 4), axes=("n", "p")),
        "y": given("y", (n,), axes=("n",)),
        "k": given("k", (n,), "int", ("n",)),
        "w": given("w", (4,)),
        "W": given("W", (4, 3)),
        "V": given("V", (3, 3)),
        "E": given("E", (3, 4)),
        "b": given("b", (3,)),
        "a": given("a"),
    }


def read(text, n):
    return Reading(inputs(n), {"n": n}, definitions({"net(x)": "tanh(x @ W)"})).scalar(text)


@pytest.mark.parametrize(("text", "expected"), [*((text, True) for text in MEANS), *((text, False) for text in OTHERS)])
def test_means_are_known_and_nothing_else_is_taken_for_one(text, expected):
    whole, piece = read(text, COUNT), read(text, SOME)
    assert is_mean(whole, piece, ("X", "y", "k"), COUNT, SOME) == expected


@pytest.mark.parametrize("text", MEANS)
def test_what_is_called_a_mean_is_the_mean_of_its_pieces(text):
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=node.shape) for name, node in inputs(COUNT).items()} | {"k": rng.integers(0, 3, COUNT)}
    (whole,) = evaluate([read(text, COUNT)], np, numbers)
    total = 0.0
    for rows in (slice(0, SOME), slice(SOME, COUNT)):
        part = numbers | {name: numbers[name][rows] for name in ("X", "y", "k")}
        size = rows.stop - rows.start
        total += evaluate([read(text, size)], np, part)[0] * size / COUNT
    np.testing.assert_allclose(total, whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "mlp", "data": {"builtin": "blobs", "test_fraction": 0.4}, "hidden": [3], "l2": 0.1},
        {"kind": "softmax_regression", "data": {"builtin": "blobs", "test_fraction": 0.4}, "l2": 0.1},
        {
            "kind": "expression",
            "data": {"builtin": "blobs", "test_fraction": 0.4},
            "variables": {"W": ["p", "classes"]},
            "draws": {"c": "normal(n)"},
            "value": "mean((1 + c**2)*cross_entropy(X @ W, y))",
            "observables": {"mean": "mean(X @ W)", "test": "mean(abs(X_test @ W))"},
        },
        {
            "kind": "expression",
            "variables": {"w": [3]},
            "samples": {"x": "normal(batch, 3)"},
            "held": 23,
            "value": "mean(log1p((x @ w)**2))",
            "observables": {"shown": "mean(x @ w > 0)", "spread": "std(x @ w)"},
        },
    ],
    ids=lambda spec: spec["kind"],
)
def test_landscapes_are_the_same_in_pieces(spec, monkeypatch):
    """Value, gradient, Hessian-vector product, batches, and observables on the training and the test part."""
    load = lambda: LANDSCAPES.load(spec["kind"]).model_validate(spec)
    whole = load()
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 2, 3, whole.size))
    p = {path[-1]: np.full((2, 1), float(n)) for path, n, structural in whole.fields() if not structural}
    p |= {name: a[None] for name, a in whole.disorder(lambda count: np.random.default_rng(1).normal(size=(3, count))).items()}
    batch = rng.integers(0, whole.batch_count(), size=(3, 9)) if whole.batch_count() else None

    def everything(land):
        derived = [*land.value_and_grad(x, p, np, batch), *land.gradient_along(x, v, p, np), land.hvp(x, v, p, np)]
        return [land.value(x, p, np), *derived, *land.observe(x, p, np).values()]

    expected = everything(whole)
    monkeypatch.setattr(_tensor_landscape, "ROWS", 5)
    pieces = load()
    size = "batch" if spec.get("samples") else "n"
    assert pieces._in_pieces("both", pieces._sizes[size], size)
    for a, b in zip(everything(pieces), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    assert pieces.program(5, size).both.width < whole.program().both.width / 2
