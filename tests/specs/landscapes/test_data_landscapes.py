"""Landscapes made of data: values and gradients against independent ways to compute them, and bits that do not depend on the batch."""

import array_api_strict
import numpy as np
import pytest
from pydantic import ValidationError
from thalweg.specs.landscapes import _program, _tensor_landscape
from thalweg.specs.landscapes.logistic_regression import LogisticRegression
from thalweg.specs.landscapes.mlp import Mlp
from thalweg.specs.landscapes.softmax_regression import SoftmaxRegression
from thalweg.specs.registry import LANDSCAPES

TEST = {"builtin": "blobs", "test_fraction": 0.25}
MADE = {
    "softmax": SoftmaxRegression.model_validate({"data": TEST}),
    "logistic": LogisticRegression.model_validate({"data": {**TEST, "classes": 2}}),
    **{
        f"{activation}-{loss}": Mlp.model_validate({"data": TEST, "hidden": [5, 3], "activation": activation, "loss": loss})
        for activation in ("tanh", "relu")
        for loss in ("cross_entropy", "mse")
    },
    "wide": Mlp.model_validate({"data": {"builtin": "digits", "limit": 70}, "hidden": [33]}),
}
SMALL = [name for name in MADE if name != "wide"]
P = {"l2": np.array([[0.1], [0.7]])}


def head(land):
    """The loss on the output: softmax, sigmoid or mse."""
    return "sigmoid" if land.kind == "logistic_regression" else "mse" if getattr(land, "loss", "") == "mse" else "softmax"


def points(land, *lead, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(*lead, land.size)).astype(dtype)


def batches(land, seeds, size, seed=0):
    return np.random.default_rng(seed).integers(0, land.batch_count(), size=(seeds, size))


def slow(land, x, l2, rows=None):
    """The loss of one run by plain loops over samples and layers, and the outputs."""
    data = land.dataset
    rows = range(len(data.x)) if rows is None else rows
    sizes, blocks, at = list(land.blocks.values()), [], 0
    for shape in sizes:
        blocks.append(x[at : at + np.prod(shape)].reshape(shape))
        at += int(np.prod(shape))
    total, outputs = 0.0, []
    for i in rows:
        a = data.x[i]
        for k in range(0, len(blocks), 2):
            if k:
                a = np.tanh(a) if land.activation == "tanh" else np.maximum(a, 0)
            a = np.atleast_1d(a @ blocks[k] + blocks[k + 1])
        if head(land) == "mse":
            total += np.mean((a - data.y[i]) ** 2)
        elif head(land) == "sigmoid":
            q = 1 / (1 + np.exp(-a[0]))
            total -= np.log(q if data.y[i] == data.classes[1] else 1 - q)
        else:
            total -= np.log((np.exp(a) / np.exp(a).sum())[int(np.nonzero(data.classes == data.y[i])[0][0])])
        outputs.append(a)
    return total / len(rows) + l2 / 2 * sum((w**2).sum() for w in blocks[::2]), np.array(outputs)


@pytest.mark.parametrize("name", SMALL)
def test_value_against_plain_loops(name):
    land = MADE[name]
    x = points(land, 2, 3)
    value = land.value(x, P, np)
    batch = batches(land, 3, 7)
    loss, _ = land.value_and_grad(x, P, np, batch)
    for k in range(2):
        for s in range(3):
            l2 = float(P["l2"][k, 0])
            assert value[k, s] == pytest.approx(slow(land, x[k, s], l2)[0], rel=1e-12)
            assert loss[k, s] == pytest.approx(slow(land, x[k, s], l2, batch[s])[0], rel=1e-12)
    np.testing.assert_array_equal(land.value_and_grad(x, P, np)[0], value)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [None, 1, 7])
def test_gradient_against_finite_differences(name, size):
    land, h = MADE[name], 1e-6
    x = points(land, 2, 3)
    batch = None if size is None else batches(land, 3, size)
    _, grad = land.value_and_grad(x, P, np, batch)
    assert grad.shape == x.shape
    for j in range(land.size):
        e = h * (np.arange(land.size) == j)
        up, down = (land.value_and_grad(x + sign * e, P, np, batch)[0] for sign in (1, -1))
        np.testing.assert_allclose(grad[..., j], (up - down) / (2 * h), rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("name", SMALL)
def test_mean_of_single_samples_is_the_full_gradient(name):
    land = MADE[name]
    n = land.batch_count()
    x = points(land)
    loss, grad = land.value_and_grad(np.tile(x, (n, 1)), {"l2": 0.3}, np, np.arange(n)[:, None])
    full = land.value_and_grad(x, {"l2": 0.3}, np)
    np.testing.assert_allclose(loss.mean(), full[0], rtol=1e-13)
    np.testing.assert_allclose(grad.mean(axis=0), full[1], rtol=1e-11, atol=1e-14)
    whole = land.value_and_grad(x[None], {"l2": 0.3}, np, np.arange(n)[None])
    np.testing.assert_allclose(whole[1][0], full[1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_run_has_the_same_bits_alone(name, dtype):
    land = MADE[name]
    for size in (None, 1, 2, 5, 32):
        x = points(land, 5, 9, dtype=dtype)
        l2 = np.linspace(0, 1, 5, dtype=dtype)[:, None]
        batch = None if size is None else batches(land, 9, size)
        loss, grad = land.value_and_grad(x, {"l2": l2}, np, batch)
        seen = land.observe(x, {"l2": l2}, np)
        assert loss.dtype == grad.dtype == dtype
        assert all(v.dtype == dtype and v.shape == (5, 9) for v in seen.values())
        for k, s in ((slice(0, 1), slice(0, 1)), (slice(3, 4), slice(5, 6)), (slice(0, 5), slice(8, 9)), (slice(2, 3), slice(1, 8))):
            part = None if batch is None else batch[s]
            one = land.value_and_grad(x[k, s].copy(), {"l2": l2[k]}, np, part)
            np.testing.assert_array_equal(one[0], loss[k, s])
            np.testing.assert_array_equal(one[1], grad[k, s])
            for key, value in land.observe(x[k, s], {"l2": l2[k]}, np).items():
                np.testing.assert_array_equal(value, seen[key][k, s])
        alone = land.value_and_grad(x[4, 6], {"l2": l2[4, 0]}, np, None if batch is None else batch[6:7])
        np.testing.assert_array_equal(alone[0], loss[4, 6])
        np.testing.assert_array_equal(alone[1], grad[4, 6])


@pytest.mark.parametrize("name", ["softmax", "relu-mse", "wide"])
@pytest.mark.parametrize("size", [None, 8])
def test_the_memory_budget_does_not_change_bits(name, size, monkeypatch):
    land = MADE[name]
    x, batch = points(land, 4, 7), None if size is None else batches(land, 7, size)
    want = land.value_and_grad(x, {"l2": 0.1}, np, batch)
    for budget in (1, 20_000, 100_000):
        monkeypatch.setattr(_program, "BUDGET", budget)
        found = land.value_and_grad(x, {"l2": 0.1}, np, batch)
        np.testing.assert_array_equal(found[0], want[0])
        np.testing.assert_array_equal(found[1], want[1])


@pytest.mark.parametrize("size", [None, 13])
def test_pieces_of_the_samples(size, monkeypatch):
    land = MADE["tanh-cross_entropy"]
    x, batch = points(land, 2, 3), None if size is None else batches(land, 3, size)
    want, seen = land.value_and_grad(x, P, np, batch), land.observe(x, P, np)
    monkeypatch.setattr(_tensor_landscape, "ROWS", 4)
    found = land.value_and_grad(x, P, np, batch)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], want[1], rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(land.observe(x, P, np)["accuracy"], seen["accuracy"])


@pytest.mark.parametrize("name", SMALL)
def test_strict_array_api(name):
    land, xp = MADE[name], array_api_strict
    x, batch = points(land, 2, 3), batches(land, 3, 7)
    sx, sp, sb = xp.asarray(x), {"l2": xp.asarray(P["l2"])}, xp.asarray(batch)
    for given, theirs in ((None, None), (batch, sb)):
        for want, found in zip(land.value_and_grad(x, P, np, given), land.value_and_grad(sx, sp, xp, theirs), strict=True):
            np.testing.assert_allclose(np.asarray(found), want, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(land.value(sx, sp, xp)), land.value(x, P, np), rtol=1e-12)
    for key, want in land.observe(x, P, np).items():
        np.testing.assert_allclose(np.asarray(land.observe(sx, sp, xp)[key]), want, rtol=1e-12)


@pytest.mark.parametrize("data", [{"builtin": "blobs"}, {"builtin": "digits", "limit": 300}])
def test_softmax_minimum_is_that_of_scikit_learn(data):
    from sklearn.linear_model import LogisticRegression as Sklearn

    l2 = 0.05
    land = SoftmaxRegression.model_validate({"data": data, "l2": l2})
    x, y = land.dataset.x, land.dataset.y
    fit = Sklearn(C=1 / (len(x) * l2), tol=1e-12, max_iter=10_000, solver="newton-cg").fit(x, y)
    at = np.concatenate([fit.coef_.T.ravel(), fit.intercept_])
    _, grad = land.value_and_grad(at, {"l2": l2}, np)
    assert np.abs(grad).max() < 1e-7
    assert land.observe(at, {"l2": l2}, np)["accuracy"] == pytest.approx(fit.score(x, y))


def test_logistic_minimum_is_that_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression as Sklearn

    land = LogisticRegression.model_validate({"data": {"builtin": "blobs", "classes": 2}})
    x, y = land.dataset.x, land.dataset.y
    fit = Sklearn(C=1 / (len(x) * 0.05), tol=1e-12, max_iter=10_000, solver="newton-cg").fit(x, y)
    at = np.concatenate([fit.coef_[0], fit.intercept_])
    assert np.abs(land.value_and_grad(at, {"l2": 0.05}, np)[1]).max() < 1e-7
    assert land.observe(at, {"l2": 0.05}, np)["accuracy"] == pytest.approx(fit.score(x, y))


@pytest.mark.parametrize("name", SMALL)
def test_observables_by_hand(name):
    land = MADE[name]
    data, x = land.dataset, points(land, 2, 3)
    seen = land.observe(x, P, np)
    assert tuple(seen) == land.observable_names
    swapped = type(data)(data.x_test, data.y_test, data.x_test, data.y_test, data.classes, "test")
    parts = [("accuracy", land)] if head(land) != "mse" else []
    other = land.model_copy()
    other._dataset = swapped
    for key, one in [*parts, ("test_accuracy", other)]:
        for k in range(2):
            for s in range(3):
                loss, z = slow(one, x[k, s], 0.0)
                if one is other:
                    assert seen["test_loss"][k, s] == pytest.approx(loss, rel=1e-12)
                if head(land) != "mse":
                    best = (z[:, 0] > 0).astype(int) if head(land) == "sigmoid" else z.argmax(axis=1)
                    assert seen[key][k, s] == pytest.approx(np.mean(data.classes[best] == one.dataset.y))


@pytest.mark.parametrize("name", ["softmax", "logistic", "tanh-cross_entropy"])
def test_large_outputs_stay_finite(name):
    land = MADE[name]
    loss, grad = land.value_and_grad(1e4 * points(land, 3), {"l2": 0.0}, np)
    assert np.isfinite(loss).all()
    assert np.isfinite(grad).all()


@pytest.mark.parametrize("name", SMALL)
def test_nan_is_not_hidden(name):
    land = MADE[name]
    x = points(land, 2)
    x[0, 0] = np.nan
    loss, _ = land.value_and_grad(x, {"l2": 0.0}, np)
    assert np.isnan(loss[0])
    assert np.isfinite(loss[1])


@pytest.mark.parametrize("kind", ["softmax_regression", "logistic_regression", "mlp"])
def test_examples(kind):
    land = LANDSCAPES.parse({"kind": kind, **LANDSCAPES.load(kind).example()})
    assert land.batch_count() == 60
    assert land.observable_names == ("accuracy",)
    assert land.minima({}) == []
    assert land.domain == (-1.0, 1.0)
    assert land.start().kind == ("fan_in" if kind == "mlp" else "point")
    again = type(land).model_validate_json(land.model_dump_json())
    assert again == land
    assert again.describe()
    assert land.replace({("l2",): 0.5}).l2 == 0.5


def test_several_outputs(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(9, 2)), y=rng.normal(size=(9, 3)))
    land = Mlp.model_validate({"data": {"file": "a.npz", "root": str(tmp_path)}, "hidden": [4], "loss": "mse"})
    assert land.blocks == {"W1": (2, 4), "b1": (4,), "W2": (4, 3), "b2": (3,)}
    assert land.observable_names == ()
    x = points(land)
    assert land.value(x, {"l2": 0.2}, np) == pytest.approx(slow(land, x, 0.2)[0], rel=1e-12)


def test_labels_of_any_two_values(tmp_path):
    (tmp_path / "a.csv").write_text("a,y\n1,-7\n2,3\n4,-7\n")
    (tmp_path / "b.csv").write_text("a,y\n1,no\n2,yes\n4,no\n")
    one, two = (LogisticRegression.model_validate({"data": {"file": str(tmp_path / name)}}) for name in ("a.csv", "b.csv"))
    x = points(one, 4)
    np.testing.assert_array_equal(one.value(x, {"l2": 0.0}, np), two.value(x, {"l2": 0.0}, np))


def test_swept_activation():
    land = Mlp.model_validate({"data": {"builtin": "blobs"}, "activation": ["relu", "tanh"]})
    x, other = points(land), Mlp.model_validate({"data": {"builtin": "blobs"}, "activation": "relu"})
    assert land.value(x, {"l2": 0.0}, np) == other.value(x, {"l2": 0.0}, np)
    assert land.replace({("activation",): "tanh"}).value(x, {"l2": 0.0}, np) != other.value(x, {"l2": 0.0}, np)


@pytest.mark.parametrize(
    ("kind", "text", "fields", "part"),
    [
        ("softmax_regression", "a,y\n1,0.5\n2,1\n", {}, "one class per sample"),
        ("softmax_regression", "a,y\n1,1\n2,1\n", {}, "1 classes; softmax_regression needs 2 to 1000"),
        ("logistic_regression", "a,y\n1,1\n2,2\n3,3\n", {}, "3 classes; logistic_regression needs 2"),
        ("mlp", "a,y\n1,u\n2,v\n", {"loss": "mse"}, "text labels"),
        ("mlp", "a,y\n1,1\n2,2\n", {"hidden": []}, "at least 1 item"),
        ("mlp", "a,y\n1,1\n2,2\n", {"hidden": [0]}, "greater than or equal to 1"),
        ("mlp", "a,y\n1,1\n2,2\n", {"activation": "gelu"}, "tanh"),
        ("mlp", "a,y\n1,1\n2,2\n", {"l2": -1}, "greater than or equal to 0"),
    ],
)
def test_data_that_do_not_fit(tmp_path, kind, text, fields, part):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValidationError, match=part):
        LANDSCAPES.load(kind).model_validate({"data": {"file": str(tmp_path / "a.csv")}, **fields})
