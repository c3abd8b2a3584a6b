"""Tangent kernels against central differences and closed forms, alignment and change against their definitions written with NumPy."""

import numpy as np
import pytest
import thalweg
from thalweg.engine.probes.kernel import alignment
from thalweg.specs.errors import SpecError

NET = {
    "name": "net",
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "blobs", "test_fraction": 0.25, "limit": 60},
        "variables": {"W1": ["p", 3], "b1": [3], "W2": [3, "classes"]},
        "define": {"hidden(x)": "tanh(x @ W1 + b1)", "net(x)": "hidden(x) @ W2"},
        "value": "mean(cross_entropy(net(X), y))",
    },
    "optimizers": [{"kind": "sgd", "lr": [0.1, 1.0]}],
    "seeds": 2,
    "steps": 6,
    "record": {"every": 2},
}
LINEAR = {
    **NET,
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "blobs", "limit": 30},
        "variables": {"w": ["p"]},
        "value": "mean((X @ w - y)**2)",
    },
    "optimizers": [{"kind": "sgd", "lr": 1e-3}],
}


def kernels(study=NET, **fields):
    tree = thalweg.run({**study, "probes": [{"kind": "kernel", "matrix": True, **fields}]}, executor="array")
    return tree["sgd"], tree["sgd/probe/kernel"].load()


def outputs(x, w):
    return np.tanh(x @ w["W1"] + w["b1"]) @ w["W2"]


def slopes(x, w, h=1e-5):
    """(samples, outputs, dim) by central differences."""
    made = []
    for name, block in w.items():
        for k in range(block.size):
            e = np.zeros(block.size)
            e[k] = h
            e = e.reshape(block.shape)
            made.append((outputs(x, {**w, name: block + e}) - outputs(x, {**w, name: block - e})) / (2 * h))
    return np.stack(made, axis=-1)


def weights(group, point, seed, step):
    return {name: group[f"params_{name}"].sel(step=step).values[point, seed] for name in ("W1", "b1", "W2")}


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("how", ["mean", "full"])
def test_the_tangent_kernel_is_that_of_central_differences(part, how):
    group, found = kernels(features="net(X)", outputs=how, on=part, at=[2, 6])
    data = thalweg.load_study(NET).landscape.dataset
    x = data.x if part == "train" else data.x_test
    for point, seed, k, t in ((0, 0, 0, 2), (1, 1, 1, 6)):
        j = slopes(x, weights(group, point, seed, t))
        one = found.isel(lr=point, seed=seed, probe_step=k)
        flat = j.reshape(-1, j.shape[-1]) if how == "full" else j.reshape(len(x), -1) / j.shape[1] ** 0.5
        np.testing.assert_allclose(one.kernel.values, flat @ flat.T, atol=1e-7)
        np.testing.assert_allclose(one.eigenvalues.values, np.linalg.eigvalsh(one.kernel.values), atol=1e-9)


def test_the_tangent_kernel_of_a_linear_model_is_that_of_its_inputs_and_does_not_move():
    _, found = kernels(LINEAR, features="X @ w", at="all")
    x = thalweg.load_study(LINEAR).landscape.dataset.x
    np.testing.assert_allclose(found.kernel.values, np.broadcast_to(x @ x.T, found.kernel.shape), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.change.values, 0, atol=1e-12)
    np.testing.assert_allclose(found.distance.values, 0, atol=1e-12)
    assert np.isinf(found.condition.values).all()  # more samples than inputs


def test_the_condition_is_numpys_of_a_kernel_of_full_rank():
    changed = {"data": {"builtin": "digits", "limit": 8}, "variables": {"w": ["p"], "c": []}}
    _, found = kernels({**LINEAR, "landscape": {**LINEAR["landscape"], **changed}}, features="X @ w + c")
    np.testing.assert_allclose(found.condition.values, np.linalg.cond(found.kernel.values), rtol=1e-6)


def test_without_a_name_it_is_that_of_the_landscapes_residuals():
    study = {**NET, "landscape": {"kind": "outlier_network", "hidden": 2, "signals": 3, "samples": 20}}
    _, found = kernels(study, at="all")
    _, other = kernels(study, at="all", features="error")
    np.testing.assert_allclose(found.kernel.values, other.kernel.values / 20, rtol=1e-10, atol=1e-14)


def test_change_and_alignment_are_their_definitions():
    group, found = kernels(of="features", features="hidden(X)", at="all", since=2)
    data = thalweg.load_study(NET).landscape.dataset
    n = len(data.x)
    targets = np.eye(data.classes.size)[data.codes()]
    centre = np.eye(n) - np.ones((n, n)) / n
    for point, seed in ((0, 1), (1, 0)):
        features = [np.tanh(data.x @ (w := weights(group, point, seed, t))["W1"] + w["b1"]) for t in (0, 2, 4, 6)]
        k = [f @ f.T for f in features]
        one = found.isel(lr=point, seed=seed)
        np.testing.assert_allclose(one.kernel.values, k, rtol=1e-12)
        for t in range(4):
            assert float(one.change[t]) == pytest.approx(np.linalg.norm(k[t] - k[1]) / np.linalg.norm(k[1]), rel=1e-9, abs=1e-14)
            cosine = np.trace(k[t] @ k[1]) / np.linalg.norm(k[t]) / np.linalg.norm(k[1])
            assert float(one.distance[t]) == pytest.approx(1 - cosine, rel=1e-6, abs=1e-12)
            a, b = centre @ k[t] @ centre, centre @ targets @ targets.T @ centre
            assert float(one.alignment[t]) == pytest.approx(np.trace(a @ b) / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)


def test_of_forks_the_change_counts_from_where_they_begin():
    stages = [
        {"name": "trunk", **{k: v for k, v in NET.items() if k != "name"}, "record": {"every": 2, "state": [2, 4]}},
        {"name": "fork", "from": "trunk", "at": [2, 4], "probes": [{"kind": "kernel", "features": "net(X)", "at": "all", "matrix": True}]},
    ]
    found = thalweg.run({"name": "forks", "stages": stages}, executor="array")["fork/sgd/probe/kernel"]
    for k, t in enumerate((2, 4)):
        one = found.isel(at=k, lr=0, seed=1)
        assert float(one.change.sel(probe_step=t)) == 0
        kernel, began = one.kernel.sel(probe_step=6).values, one.kernel.sel(probe_step=t).values
        assert float(one.change.sel(probe_step=6)) == pytest.approx(np.linalg.norm(kernel - began) / np.linalg.norm(began), rel=1e-9)
    assert np.isnan(found.change.sel(at=4, probe_step=2)).all()


def test_alignment_is_linear_cka():
    """|X_c^T Y_c|^2 / (|X_c^T X_c| |Y_c^T Y_c|), Kornblith et al. 2019, equation 5 with linear kernels."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4)) + 3, rng.normal(size=(20, 2)) - 1
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    wanted = np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b)
    assert alignment(x @ x.T, y @ y.T) == pytest.approx(wanted, rel=1e-12)
    assert alignment(y @ y.T, y @ y.T + 5) == pytest.approx(1, rel=1e-12)
    assert np.isnan(alignment(np.ones((3, 3)), np.eye(3)))


def test_labels_are_left_out_where_there_are_none_and_may_be_any_part():
    study = {**NET, "landscape": {"kind": "outlier_network", "hidden": 2, "signals": 3, "samples": 20}}
    _, found = kernels(study, labels="signal")
    assert "alignment" in found
    _, found = kernels({**study, "landscape": {"kind": "linear_teacher", "inputs": 5, "hidden": 2}})
    assert "alignment" not in found


BIG = {
    **NET,
    "landscape": {**NET["landscape"], "data": {"builtin": "digits"}, "variables": {"W1": ["p", 30], "b1": [30], "W2": [30, "classes"]}},
}
WIDE = {**BIG, "landscape": {**BIG["landscape"], "variables": {"W1": ["p", 60], "b1": [60], "W2": [60, "classes"]}}}
WRONG = [
    (NET, {}, r"needs the outputs' name in `features`, as in features: net\(X\): the loss of expression is not a sum"),
    (NET, {"of": "features"}, "features: is needed with of: features"),
    (NET, {"features": "nett(X)"}, "features: there is no function 'nett'; did you mean 'net'"),
    (NET, {"features": "net"}, r"net is a function of 1 argument: write net\(...\)"),
    (NET, {"features": "mean(net(X))"}, r"features: mean\(net\(X\)\) is one number"),
    (NET, {"of": "features", "features": "hidden(X)", "outputs": "full"}, "outputs: full is for tangent kernels"),
    (NET, {"features": "net(X)", "labels": "z"}, "labels: the name 'z' is not defined"),
    (NET, {"features": "net(X)", "labels": "W1"}, "labels: W1 does not have one row for every sample"),
    (NET, {"features": "net(X)", "since": 3}, r"since: sgd has no stored parameters of step 3 \(stored: 0, 2, 4, 6\)"),
    (LINEAR, {"features": "X @ w", "on": "test"}, "on: test: the data have no test part"),
    (BIG, {"features": "net(X)", "outputs": "full"}, "the kernel has 17,970 rows; at most 2,000"),
    (WIDE, {"features": "net(X)"}, r"the tangent kernel takes [0-9,]+ derivatives; at most 50,000,000 are allowed"),
    (
        {**NET, "landscape": "rosenbrock"},
        {"features": "x"},
        "features: needs a landscape that is a formula over tensors, and rosenbrock is not one",
    ),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_kernels_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message) as error:
        thalweg.load_study({**base, "probes": [{"kind": "kernel", **fields}]})
    assert len(error.value.problems) == 1
