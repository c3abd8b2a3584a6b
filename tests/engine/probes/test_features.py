"""Measures of features: closed forms on constructed ones, and of a network's against the formulas written with NumPy."""

import numpy as np
import pytest
import thalweg
from thalweg.engine.probes import features as measures
from thalweg.specs.errors import SpecError

RNG = np.random.default_rng(0)


def orthonormal(rows, columns):
    return np.linalg.qr(RNG.normal(size=(rows, columns)))[0]


@pytest.mark.parametrize("k", [1, 3, 6])
def test_equal_singular_values_have_the_rank_that_is_their_number(k):
    f = 2.5 * orthonormal(20, k) @ orthonormal(8, k).T
    assert measures.ranks(f)["rankme"] == pytest.approx(k, rel=1e-12)


def test_effective_ranks_are_their_formulas():
    f = RNG.normal(size=(2, 3, 20, 5)) * np.array([3.0, 1.0, 0.3, 0.1, 0.01])
    found = measures.ranks(f)
    s = np.linalg.svd(f[1, 2], compute_uv=False)
    p = s / s.sum()
    assert found["rankme"][1, 2] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-12)
    e = np.linalg.eigvalsh(np.cov(f[1, 2].T))
    p = e / e.sum()
    assert found["effective_rank"][1, 2] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-10)
    assert np.isnan(measures.ranks(np.zeros((4, 3)))["rankme"])


@pytest.mark.parametrize("fit", [None, (3, 12)])
def test_a_power_law_has_its_exponent(fit):
    u = orthonormal(60, 21)
    u = u - u.mean(axis=0)
    u = np.linalg.qr(u)[0][:, :20]  # centred columns
    f = u * np.arange(1, 21) ** -0.8 @ orthonormal(20, 20).T
    found = measures.power_law(f, fit)
    assert found["power_law"] == pytest.approx(1.6, rel=1e-10)
    assert found["power_law_r2"] == pytest.approx(1, rel=1e-10)


def test_a_power_law_is_fitted_over_its_ranks_alone():
    f = RNG.normal(size=(40, 6)) * np.array([5.0, 3.0, 2.0, 1.0, 0.2, 0.1])
    e = np.linalg.eigvalsh(np.cov(f.T))[::-1]
    slope, _ = np.polyfit(np.log([2, 3, 4]), np.log(e[1:4]), 1)
    found = measures.power_law(f, (2, 4))
    assert found["power_law"] == pytest.approx(-slope, rel=1e-10)
    assert found["power_law_r2"] == pytest.approx(np.corrcoef(np.log([2, 3, 4]), np.log(e[1:4]))[0, 1] ** 2, rel=1e-10)


def simplex(classes, dim):
    """Class means (classes, dim) at the corners of a simplex about a point."""
    corners = np.eye(classes) - np.ones((classes, classes)) / classes
    return 3.0 * corners @ orthonormal(dim, classes).T + RNG.normal(size=dim)


def test_at_a_simplex_all_measures_of_collapse_are_0():
    means = simplex(4, 7)
    targets = np.eye(4)[np.arange(24) % 4]
    head = 0.3 * (means - means.mean(axis=0)).T
    found = measures.collapse(targets @ means, targets, head)
    assert {*found} == {"nc1", "nc2_norm", "nc2_angle", "nc2_simplex", "nc3"}
    for name, value in found.items():
        assert value == pytest.approx(0, abs=1e-12), name


def test_spread_of_known_size_within_classes_has_its_nc1():
    """Isotropic spread v in each direction, class means at a simplex with |m_c - m|^2 = s: S_B has C - 1 eigenvalues s/(C - 1), so that
    tr(S_W S_B^+)/C = v (C - 1)^2 / (s C)."""
    means, v = simplex(3, 5), 0.04
    m = means - means.mean(axis=0)
    around = np.concatenate([np.eye(5), -np.eye(5)]) * np.sqrt(5 * v)  # covariance v I
    f = np.concatenate([mean + around for mean in means])
    targets = np.eye(3)[np.repeat(np.arange(3), 10)]
    s = (m[0] ** 2).sum()
    assert measures.collapse(f, targets)["nc1"] == pytest.approx(v * 4 / (s * 3), rel=1e-10)


def test_collapse_is_the_papers_formulas():
    f, classes = RNG.normal(size=(40, 6)), np.arange(40) % 4
    targets, head = np.eye(5)[classes], RNG.normal(size=(6, 5))  # a fifth class without samples
    found = measures.collapse(f, targets, head)
    means = np.stack([f[classes == c].mean(axis=0) for c in range(4)])
    m = means - f.mean(axis=0)
    within = (f - means[classes]).T @ (f - means[classes]) / 40
    assert found["nc1"] == pytest.approx(np.trace(within @ np.linalg.pinv(m.T @ m / 4, rcond=1e-10)) / 4, rel=1e-9)
    lengths = np.linalg.norm(m, axis=1)
    assert found["nc2_norm"] == pytest.approx(lengths.std() / lengths.mean(), rel=1e-12)
    cosines = np.array([m[i] @ m[j] / lengths[i] / lengths[j] for i in range(4) for j in range(i)])
    assert found["nc2_angle"] == pytest.approx(cosines.std(), rel=1e-12)
    assert found["nc2_simplex"] == pytest.approx(np.abs(cosines + 1 / 3).mean(), rel=1e-12)
    w = head[:, :4].T
    assert found["nc3"] == pytest.approx(np.linalg.norm(w / np.linalg.norm(w) - m / np.linalg.norm(m)), rel=1e-12)


@pytest.mark.parametrize(("samples", "count", "penalty"), [(30, 4, 1.0), (8, 20, 0.3), (30, 4, 0.0)])
def test_ridge_solves_its_normal_equations(samples, count, penalty):
    """With the bias as one more column without a penalty."""
    f, y = RNG.normal(size=(samples, count)) + 2, RNG.normal(size=(samples, 3))
    weights, bias = measures.ridge(f, y, penalty)
    g = np.column_stack([f, np.ones(samples)])
    wanted = np.linalg.solve(g.T @ g + penalty * np.diag([1.0] * count + [0.0]), g.T @ y)
    np.testing.assert_allclose(weights, wanted[:-1], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(bias[0], wanted[-1], rtol=1e-8, atol=1e-10)


NET = {
    "name": "net",
    "landscape": {
        "kind": "expression",
        "data": {"builtin": "digits", "test_fraction": 0.25, "limit": 200},
        "variables": {"W1": ["p", 12], "b1": [12], "W2": [12, "classes"]},
        "define": {"hidden(x)": "tanh(x @ W1 + b1)", "net": "hidden(X) @ W2"},
        "value": "mean(cross_entropy(net, y))",
    },
    "optimizers": [{"kind": "sgd", "lr": [0.1, 0.5]}],
    "seeds": 2,
    "steps": 20,
    "record": {"every": 10},
}


def looked(study=NET, **fields):
    tree = thalweg.run({**study, "probes": [{"kind": "features", **fields}]}, executor="array")
    return tree["sgd"], tree["sgd/probe/features"].load()


def test_a_networks_measures_are_those_of_its_hidden_layer():
    every = list(measures.MEASURES)
    group, found = looked(features="hidden(X)", measure=every, head="W2", at=[0, 20], ridge=2.0, fit=[2, 9])
    data = thalweg.load_study(NET).landscape.dataset
    targets = np.eye(data.classes.size)[data.codes()]
    for point, seed, k, t in ((0, 0, 0, 0), (1, 1, 1, 20)):
        w = {name: group[f"params_{name}"].sel(step=t).values[point, seed] for name in ("W1", "b1", "W2")}
        f, g = (np.tanh(x @ w["W1"] + w["b1"]) for x in (data.x, data.x_test))
        one = found.isel(lr=point, seed=seed, probe_step=k)
        wanted = measures.ranks(f) | measures.power_law(f, (2, 9)) | measures.collapse(f, targets, w["W2"])
        weights, bias = measures.ridge(f, targets, 2.0)
        wanted["linear_probe"] = ((g @ weights + bias).argmax(axis=1) == data.codes(test=True)).mean()
        wanted["linear_probe_train"] = ((f @ weights + bias).argmax(axis=1) == data.codes()).mean()
        assert {*wanted} == {*found.data_vars} - {"done"}
        for name, value in wanted.items():
            assert float(one[name]) == pytest.approx(float(value), rel=1e-9), name
    assert float(found.linear_probe.isel(probe_step=1, lr=1).min()) > 0.7


def test_features_of_the_test_part_are_those():
    group, found = looked(features="hidden(X)", on="test")
    data = thalweg.load_study(NET).landscape.dataset
    w = {name: group[f"params_{name}"].values[0, 0, -1] for name in ("W1", "b1")}
    f = np.tanh(data.x_test @ w["W1"] + w["b1"])
    assert float(found.rankme[0, 0, 0]) == pytest.approx(float(measures.ranks(f)["rankme"]), rel=1e-10)


def test_features_that_are_not_finite_have_no_measures():
    _, found = looked(features="log(X - X) * hidden(X)[:, :1]", measure=list(measures.MEASURES))
    assert all(np.isnan(found[name]).all() for name in found.data_vars if name != "done")


def test_labels_that_are_numbers_have_an_r2(tmp_path):
    x = RNG.normal(size=(40, 3))
    lines = ["a,b,c,y", *(f"{a},{b},{c},{a - 2 * b + 0.1 * c * a}" for a, b, c in x)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    land = {
        "kind": "expression",
        "data": {"file": str(tmp_path / "d.csv"), "y": "y", "test_fraction": 0.25},
        "variables": {"w": ["p"]},
        "value": "mean((X @ w - y)**2)",
    }
    _, found = looked({**NET, "landscape": land}, features="X", measure="linear_probe", ridge=0.5)
    data = thalweg.load_study({**NET, "landscape": land}).landscape.dataset
    weights, bias = measures.ridge(data.x, data.y.reshape(-1, 1), 0.5)
    gap = data.y_test.reshape(-1) - (data.x_test @ weights + bias)[:, 0]
    wanted = 1 - (gap**2).sum() / ((data.y_test - data.y_test.mean()) ** 2).sum()
    np.testing.assert_allclose(found.linear_probe.values, wanted, rtol=1e-9)


def test_a_variable_is_features_too_and_labels_may_be_written_out():
    """Free features, as in models of neural collapse."""
    land = {
        "kind": "expression",
        "sizes": {"d": 3},
        "variables": {"H": [6, "d"], "W": ["d", 2]},
        "arrays": {"labels": [0, 0, 0, 1, 1, 1], "Y": [[1, 0]] * 3 + [[0, 1]] * 3},
        "value": "sum((H @ W - Y)**2)/12 + 0.01*(sum(W**2) + sum(H**2))",
    }
    study = {**NET, "landscape": land, "optimizers": [{"kind": "sgd", "lr": 0.5}], "steps": 3000, "record": {"every": 1500}}
    _, found = looked(study, features="H", measure="collapse", labels="labels", at=[0, 3000])
    assert (found.nc1.values[:, 1] < 1e-8).all()
    assert (found.nc1.values[:, 0] > 0.01).all()


LAND = NET["landscape"]
BARE = {**NET, "landscape": {**LAND, "data": {"builtin": "digits", "limit": 60}}}
NUMBERS = {**NET, "landscape": {**LAND, "define": {**LAND["define"], "z": "X[:, 3]"}}}
FREE = {**NET, "landscape": {"kind": "expression", "variables": {"H": [6, 3]}, "value": "sum(H**2)"}}
WRONG = [
    (NET, {}, "features"),
    (NET, {"features": "hiden(X)"}, "features: there is no function 'hiden'; did you mean 'hidden'"),
    (NET, {"features": "nett"}, "features: the name 'nett' is not defined; did you mean 'net'"),
    (NET, {"features": "hidden"}, r"hidden is a function of 1 argument: write hidden\(...\)"),
    (NET, {"features": "net @ W1"}, "features: `net @ W1`"),
    (NET, {"features": "net", "measure": "rank"}, "measure"),
    (NET, {"features": "net", "measure": []}, "measure"),
    (NET, {"features": "net", "fit": [1, 3]}, "fit: is for power_law; leave it out"),
    (NET, {"features": "net", "measure": "power_law", "fit": [3, 11]}, r"fit: takes two ranks, .* at most 10 here, given \[3, 11\]"),
    (NET, {"features": "net", "head": "W2"}, "head: is for collapse; leave it out"),
    (
        NET,
        {"features": "net", "measure": "collapse", "head": "W1"},
        r"head: W1 has the shape \(64, 12\); the last layer's weights have \(10, 10\)",
    ),
    (NET, {"features": "net", "measure": "collapse", "head": "W3"}, "head: the name 'W3' is not defined"),
    (FREE, {"features": "H", "measure": "collapse"}, "measure: collapse: labels: the name 'y' is not defined"),
    (NUMBERS, {"features": "net", "measure": "collapse", "labels": "z"}, "needs labels that are classes, and z holds other numbers"),
    (NET, {"features": "net", "measure": "collapse", "labels": "W1[:, 0]"}, r"labels: W1\[:, 0\] has 64 rows, and the features 150"),
    (BARE, {"features": "net", "measure": "linear_probe"}, "linear_probe: the data have no test part; give them a test_fraction"),
    (BARE, {"features": "net", "on": "test"}, "on: test: the data have no test part"),
    (FREE, {"features": "H", "measure": "linear_probe"}, "linear_probe: needs a landscape made of data, and expression is not"),
    ({**NET, "landscape": "rosenbrock"}, {"features": "x"}, "needs a landscape that is a formula over tensors, and rosenbrock is not one"),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_measures_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message) as error:
        thalweg.load_study({**base, "probes": [{"kind": "features", **fields}]})
    assert len(error.value.problems) == 1
