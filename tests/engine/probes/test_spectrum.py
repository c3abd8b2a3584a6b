"""Spectra against matrices written out with NumPy and SciPy, and against closed forms."""

import time

import numpy as np
import pytest
import scipy.linalg
import thalweg
from thalweg.engine.api import probe
from thalweg.engine.probes._lanczos import lanczos, outliers


def symmetric(rng, *lead, dim):
    a = rng.normal(size=(*lead, dim, dim))
    return (a + np.swapaxes(a, -1, -2)) / 2


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_m_steps_reproduce_the_first_2m_moments(steps):
    rng = np.random.default_rng(0)
    a = symmetric(rng, 2, 3, dim=30) / 6
    start = np.where(rng.random((2, 3, 4, 30)) < 0.5, -1.0, 1.0) / np.sqrt(30)
    found = lanczos(lambda v: np.einsum("rsij,rsvj->rsvi", a, v), start, steps)
    power = start
    for k in range(2 * steps):
        moment = (start * power).sum(axis=-1)
        np.testing.assert_allclose((found.weights * found.nodes**k).sum(axis=-1), moment, rtol=1e-10, atol=1e-10)
        power = np.einsum("rsij,rsvj->rsvi", a, power)


def test_a_small_krylov_space_ends_and_weighs_nothing_beyond():
    a = np.diag([1.0, 1.0, 1.0, 5.0, 5.0])
    found = lanczos(lambda v: v @ a, np.ones((1, 5)) / 5**0.5, 5)
    assert found.dead.tolist() == [3]
    np.testing.assert_allclose(found.nodes[0], [1, 5, 5, 5, 5], rtol=1e-12)
    np.testing.assert_allclose(found.weights[0], [0.6, 0.4, 0, 0, 0], atol=1e-12)


def test_outliers_are_counted_by_the_largest_ratio():
    assert outliers(np.array([[-1.0, 0.1, 0.11, 0.12, 9.0, 10.0], [1.0, 1.0, 1.0, 1.0, 1.0, 50.0]])).tolist() == [2, 1]
    assert outliers(np.array([[-3.0, -2.0, -1.0]])).tolist() == [0]


def network(seeds=2, **landscape):
    data = {"builtin": "blobs", "test_fraction": 0.25}
    return {
        "name": "net",
        "landscape": {"kind": "mlp", "hidden": [4], "activation": "tanh", "data": data, **landscape},
        "optimizers": [{"kind": "sgd", "lr": [0.05, 0.1]}],
        "seeds": seeds,
        "steps": 6,
        "record": {"every": 3},
    }


def looked(study, **fields):
    return thalweg.run({**study, "probes": [{"kind": "spectrum", **fields}]}, executor="array")


def points(group, blocks):
    """The stored parameters (lr, seed, step, dim)."""
    parts = [group[f"params_{name}"].values for name in blocks]
    return np.concatenate([part.reshape(*part.shape[:3], -1) for part in parts], axis=-1)


def explicit(gradient, x, h=1e-4):
    """The Hessian by central differences of the gradient, twice extrapolated: errors of order h^4."""
    rows = []
    for k in range(x.size):
        e = np.zeros_like(x)
        e[k] = h
        one = (gradient(x + e) - gradient(x - e)) / (2 * h)
        two = (gradient(x + 2 * e) - gradient(x - 2 * e)) / (4 * h)
        rows.append((4 * one - two) / 3)
    a = np.array(rows)
    return (a + a.T) / 2


@pytest.mark.parametrize("part", ["train", "test"])
def test_exact_spectra_are_scipys_of_the_explicit_hessian(part):
    study = thalweg.load_study(network())
    tree = looked(network(), at=[0, 6], on=part, top=3, bottom=2)
    data, land = tree["sgd/probe/spectrum"], study.landscape
    dataset = land.dataset
    inputs, targets = (dataset.x, dataset.codes()) if part == "train" else (dataset.x_test, dataset.codes(test=True))
    x = points(tree["sgd"], land.blocks)

    def gradient(theta):
        w = {name: theta[where].reshape(land.blocks[name]) for name, where in land.block_slices.items()}
        h = np.tanh(inputs @ w["W1"] + w["b1"])
        z = h @ w["W2"] + w["b2"]
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(targets)), targets] -= 1
        p /= len(targets)
        back = (p @ w["W2"].T) * (1 - h * h)
        slopes = {"W1": inputs.T @ back, "b1": back.sum(axis=0), "W2": h.T @ p, "b2": p.sum(axis=0)}
        return np.concatenate([slopes[name].ravel() for name in land.blocks])

    for point, seed in ((0, 0), (1, 1)):
        for k, t in enumerate((0, 6)):
            a = explicit(gradient, x[point, seed, list(tree["sgd"].step.values).index(t)])
            wanted = scipy.linalg.eigvalsh(a)
            one = data.isel(lr=point, seed=seed, probe_step=k)
            np.testing.assert_allclose(one.eigenvalues.values, wanted, atol=1e-8)
            np.testing.assert_allclose(one.top.values, wanted[::-1][:3], atol=1e-8)
            np.testing.assert_allclose(one.bottom.values, wanted[:2], atol=1e-8)
            assert float(one.trace) == pytest.approx(np.trace(a), abs=1e-8)


def test_lanczos_over_the_whole_space_has_the_ends_of_the_spectrum():
    exact = looked(network(), at="all", method="exact", top=1)["sgd/probe/spectrum"]
    size = exact.sizes["eigenvalue"]
    some = looked(network(), at="all", method="lanczos", nodes=size, vectors=3)["sgd/probe/spectrum"]
    np.testing.assert_allclose(some.top.values, exact.top.values, rtol=1e-9)
    np.testing.assert_allclose(some.bottom.values, exact.bottom.values, rtol=1e-7, atol=1e-9)


def test_hutchinsons_trace_has_the_mean_and_spread_of_its_formula():
    """Of a quadratic form with the matrix A, z^T A z has the mean tr A and the variance 2 (|A|_F^2 - sum a_ii^2)."""
    rng = np.random.default_rng(1)
    dim = 8
    a = symmetric(rng, dim=dim)
    text = " + ".join(f"{a[i, j]:.17g}*x{i}*x{j}/2" for i in range(dim) for j in range(dim))
    study = {
        "name": "q",
        "landscape": {"kind": "expression", "value": text, "variables": [f"x{k}" for k in range(dim)]},
        "optimizers": [{"kind": "sgd", "lr": 1e-3}],
        "seeds": 400,
        "steps": 1,
        "record": {"last": True},
    }
    found = looked(study, method="lanczos", vectors=5, nodes=1)["sgd/probe/spectrum"].isel(probe_step=0)
    single = dim * found.nodes.values[..., 0]  # one node is v^T A v
    spread = np.sqrt(2 * ((a**2).sum() - (np.diag(a) ** 2).sum()))
    assert single.size == 2000
    assert single.mean() == pytest.approx(np.trace(a), abs=3 * spread / single.size**0.5)
    assert single.std(ddof=1) == pytest.approx(spread, rel=0.08)
    assert float(found.trace_error.mean()) == pytest.approx(spread / 5**0.5, rel=0.12)


def teacher(kind="outlier_network", **fields):
    return {
        "name": "t",
        "landscape": {"kind": kind, **fields},
        "optimizers": [{"kind": "sgd", "lr": 1e-3}],
        "seeds": 2,
        "steps": 2,
        "record": {"every": 1},
    }


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("outlier_network", {"hidden": 2, "signals": 3, "samples": 40}), ("linear_teacher", {"inputs": 5, "hidden": 2, "variance": 0.3})],
)
def test_gauss_newton_is_the_hessian_where_the_network_is_linear_in_what_is_left(kind, fields):
    """H = c (J^T J + sum r_i Hess r_i): its trace differs from Gauss-Newton's by the second term alone, which has no diagonal for two linear layers."""
    study = teacher(kind, **fields)
    whole = looked(study, at="all", of="hessian")["sgd/probe/spectrum"]
    found = looked(study, at="all", of="gauss_newton")["sgd/probe/spectrum"]
    np.testing.assert_allclose(found.trace.values, whole.trace.values, rtol=1e-8)
    assert float(found.bottom.min()) > -1e-9
    some = looked(study, at="all", of="gauss_newton", method="lanczos", nodes=13)["sgd/probe/spectrum"]
    np.testing.assert_allclose(some.top.values, found.top.values, rtol=1e-8)


def test_the_tangent_kernel_has_the_eigenvalues_of_its_diagnostics():
    study = teacher(hidden=2, signals=3, samples=30)
    study["record"] = {"every": 1, "variables": ["loss", "params", "kernel_max", "kernel_min"]}
    tree = looked(study, at="all", of="ntk")
    found = tree["sgd/probe/spectrum"]
    np.testing.assert_allclose(found.top.values[..., 0], tree["sgd"].kernel_max.values, rtol=1e-10)
    assert found.sizes["eigenvalue"] == 30


def test_the_covariance_is_that_of_the_samples_gradients():
    study = thalweg.load_study(network(seeds=1))
    tree = looked(network(seeds=1), at=6, of="gradient_covariance", top=3)
    land, x = study.landscape, points(tree["sgd"], study.landscape.blocks)[1, 0, -1]
    rows = []
    for inputs, target in zip(land.dataset.x, land.dataset.codes(), strict=True):
        w = {name: x[where].reshape(land.blocks[name]) for name, where in land.block_slices.items()}
        h = np.tanh(inputs @ w["W1"] + w["b1"])
        z = h @ w["W2"] + w["b2"]
        p = np.exp(z) / np.exp(z).sum() - np.eye(len(z))[target]
        back = (w["W2"] @ p) * (1 - h * h)
        slopes = {"W1": np.outer(inputs, back), "b1": back, "W2": np.outer(h, p), "b2": p}
        rows.append(np.concatenate([slopes[name].ravel() for name in land.blocks]))
    wanted = scipy.linalg.eigvalsh(np.cov(np.array(rows).T, bias=True))
    found = tree["sgd/probe/spectrum"].isel(lr=1, seed=0, probe_step=0)
    np.testing.assert_allclose(found.eigenvalues.values, wanted, atol=1e-12)
    np.testing.assert_allclose(found.top.values, wanted[::-1][:3], rtol=1e-9)


def test_a_batch_is_drawn_once_a_seed_and_all_samples_are_no_batch():
    found = looked(network(), at="all", of="batch_hessian", batch_size=8)["sgd/probe/spectrum"]
    same = looked(network(), at="all", of="hessian", on="batch", batch_size=8)["sgd/probe/spectrum"]
    whole = looked(network(), at="all")["sgd/probe/spectrum"]
    np.testing.assert_array_equal(found.eigenvalues.values, same.eigenvalues.values)
    assert not np.allclose(found.trace.values, whole.trace.values)
    assert not np.allclose(found.trace.values[0, 0], found.trace.values[0, 1])


def test_a_step_of_a_landscape_that_changes_has_its_own_hessian():
    study = {
        "name": "m",
        "landscape": {"kind": "expression", "value": "t*sum(x**2)/2", "variables": {"x": [1]}},
        "optimizers": [{"kind": "sgd", "lr": [0.01, 0.02]}],
        "seeds": 2,
        "steps": 4,
        "record": {"every": 1},
    }
    found = looked(study, at="all")["sgd/probe/spectrum"]
    np.testing.assert_allclose(found.top.values[..., 0], np.broadcast_to([1, 1, 2, 3, 4], (2, 2, 5)))


def test_swept_numbers_and_sizes_of_the_landscape_reach_the_probe():
    study = {
        "name": "s",
        "landscape": {"kind": "quadratic", "dim": [2, 4], "condition": 100.0},
        "optimizers": [{"kind": "sgd", "lr": 1e-3}],
        "steps": 2,
        "record": {"every": 1},
    }
    found = looked(study)["sgd/probe/spectrum"].isel(seed=0, probe_step=0).eigenvalues.values
    assert np.isnan(found[0, 2:]).all()
    assert found[0, 1] / found[0, 0] == pytest.approx(100, rel=1e-9)
    assert found[1, 3] / found[1, 0] == pytest.approx(100, rel=1e-9)


def test_a_diverged_run_is_nan_and_its_neighbour_is_not():
    study = network()
    study["landscape"] = {"kind": "rosenbrock"}
    study["optimizers"] = [{"kind": "sgd", "lr": [1e-4, 10.0]}]
    study["init"] = {"kind": "normal"}
    found = looked(study, at="all")["sgd/probe/spectrum"]
    assert np.isnan(found.top.values[1, :, -1]).all()
    assert np.isfinite(found.top.values[0]).all()


def test_a_thousand_points_of_a_network_take_less_than_half_a_minute(tmp_path):
    study = network(seeds=20)
    study["landscape"] = {"kind": "mlp", "hidden": [27], "data": {"builtin": "digits", "limit": 60}}
    study |= {"optimizers": [{"kind": "sgd", "lr": 0.01}], "steps": 4, "record": {"every": 1}}
    thalweg.run(study, tmp_path / "s.zarr", executor="array")
    began = time.process_time()
    tree = probe(tmp_path / "s.zarr", "spectrum", at="all", method="lanczos", nodes=20, vectors=1, threads=2)
    spent = time.process_time() - began  # of both cores together, for 100 of the thousand points
    assert tree["sgd/probe/spectrum"].top.shape == (20, 5, 1)
    assert spent * 10 < 60
