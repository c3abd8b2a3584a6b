"""Diagnostics against what is known exactly: Hessians of formulas, gradients without curl, exponents of maps, singular values."""

import numpy as np
import pytest
import thalweg
from thalweg.engine import check, run
from thalweg.engine.executors.choose import choose
from thalweg.specs.errors import SpecError

BOWL = {"kind": "quadratic", "dim": 40, "condition": 100.0, "rotation_seed": 3}
START = {"kind": "normal", "std": 1.0}


def study(land, optimizer, variables, **more):
    return {
        "name": "s",
        "landscape": land,
        "init": START,
        "optimizers": [optimizer],
        "seeds": 3,
        "steps": 20,
        "record": {"every": 5, "variables": variables},
        **more,
    }


def test_the_top_of_the_hessian_is_numpy_s():
    land = {"kind": "rosenbrock", "dim": 6}
    made = run(study(land, {"kind": "sgd", "lr": 1e-4}, ["params", "hessian_top", "hessian_vector"]))["sgd"]
    exact = thalweg.load_study(study(land, "sgd", ["loss"])).landscape
    p = {path[-1]: np.full((1, 1), value) for path, value, structural in exact.fields() if not structural}
    values, vectors = np.linalg.eigh(exact.calculus.hessian(made.params.values, p, np))
    np.testing.assert_allclose(made.hessian_top, values[..., -1], rtol=1e-6)
    overlap = np.abs((made.hessian_vector.values * vectors[..., -1]).sum(-1))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_lanczos_finds_the_top_of_a_large_hessian():
    made = run(study(BOWL, {"kind": "sgd", "lr": 1e-3}, ["hessian_top"]))["sgd"]
    np.testing.assert_allclose(made.hessian_top, made.hessian_top[0, 0], rtol=1e-6)
    land = thalweg.load_study(study(BOWL, "sgd", ["loss"])).landscape
    p = {path[-1]: np.full((1, 1), value) for path, value, structural in land.fields() if not structural}
    eye = np.eye(40)[None]
    h = land.value_and_grad(eye, p, np)[1] - land.value_and_grad(0 * eye, p, np)[1]
    np.testing.assert_allclose(made.hessian_top, np.linalg.eigvalsh(h[0])[-1], rtol=1e-4)


def test_norms_are_those_of_gradient_and_update():
    made = run(
        study("himmelblau", {"kind": "sgd", "lr": 0.01}, ["params", "gradient_norm", "update_norm"], record=None)
        | {"record": {"every": 1, "variables": ["params", "gradient_norm", "update_norm"]}}
    )["sgd"]
    moved = np.linalg.norm(np.diff(made.params.values, axis=1), axis=-1)
    assert np.isnan(made.update_norm[:, 0]).all()
    np.testing.assert_allclose(made.update_norm[:, 1:], moved, rtol=1e-12)
    np.testing.assert_allclose(made.update_norm[:, 1:], 0.01 * made.gradient_norm[:, :-1], rtol=1e-9)


@pytest.mark.parametrize(("flips", "curl"), [(0.0, False), (0.5, True), (1.0, True)])
def test_a_gradient_has_no_curl_and_flipped_signs_have(flips, curl):
    land = {"kind": "linear_teacher", "inputs": 4, "hidden": 3}
    made = run(study(land, {"kind": "curl_descent", "lr": 0.1, "hidden_flips": flips}, ["curl"]))["curl_descent"]
    assert ((made.curl > 1e-2) if curl else (made.curl < 1e-7)).all()


def test_the_curl_is_that_of_the_commutator_of_signs_and_hessian():
    """J = -lr D H, so the odd part is -lr (D H - H D) / 2 (derived)."""
    land = {"kind": "linear_teacher", "inputs": 3, "hidden": 2}
    spec = study(land, {"kind": "curl_descent", "lr": 0.1, "hidden_flips": 0.34}, ["params", "curl"])
    made = run(spec)["curl_descent"]
    plan = check(spec)
    from thalweg.engine.executors.array.simulation import Simulation

    simulation = Simulation(next(plan.groups[0].shards()))
    x = np.concatenate([made[f"params_{b}"].values.reshape(3, 5, -1) for b in ("W1", "w2")], axis=-1)[:, 2][None]
    d = np.diag(simulation.constants["sign"])
    h = 1e-5
    gradient = lambda y: simulation.parts.landscape.value_and_grad(y, simulation.p, np)[1]
    hessian = np.stack([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in np.eye(8)], axis=-1)
    odd = (d @ hessian - hessian @ d) / 2
    expected = np.linalg.norm(odd, axis=(-2, -1)) / np.linalg.norm(d @ hessian, axis=(-2, -1))
    np.testing.assert_allclose(made.curl[:, 2], expected[0], rtol=1e-5)


def test_the_lyapunov_exponent_of_a_linear_map_is_its_logarithm():
    """x <- (1 - lr k) x with k = 1: every step multiplies distances by 1 - lr; momentum's by the larger root of its polynomial."""
    land = {"kind": "quadratic", "dim": 3, "condition": 1.0}
    optimizers = [{"kind": "sgd", "lr": 0.3, "label": "plain"}, {"kind": "sgd", "lr": 0.5, "momentum": 0.05, "label": "heavy"}]
    spec = study(land, optimizers[0], ["lyapunov"], steps=400, noise={"kind": "gaussian", "scale": 0.1}) | {"optimizers": optimizers}
    made = run(spec)
    np.testing.assert_allclose(made["plain"].lyapunov[:, -1], np.log(0.7), rtol=1e-5)
    largest = np.abs(np.roots([1, -(1 - 0.5 + 0.05), 0.05])).max()
    np.testing.assert_allclose(made["heavy"].lyapunov[:, -1], np.log(largest), rtol=1e-2)


def test_the_lyapunov_exponent_of_the_logistic_map_is_log_2():
    """Gradient descent with rate 1 on f = x^2/2 - 4 (x^2/2 - x^3/3) is x <- 4 x (1 - x)."""
    land = {"kind": "expression", "variables": ["x"], "value": "x**2/2 - 4*(x**2/2 - x**3/3)"}
    init = {"kind": "uniform", "low": 0.1, "high": 0.9}
    made = run(study(land, {"kind": "sgd", "lr": 1.0}, ["lyapunov"], steps=1000, init=init, seeds=20))["sgd"]
    assert made.lyapunov[:, -1].mean() == pytest.approx(np.log(2), abs=0.02)


@pytest.mark.parametrize("flips", [0.0, 0.34, 1.0])
def test_the_signed_tangent_kernel_is_the_derived_matrix(flips):
    """K = |w2|^2 D1 + W1 D2 W1^T."""
    land = {"kind": "linear_teacher", "inputs": 6, "hidden": 4}
    optimizer = {"kind": "curl_descent", "lr": 0.001, "hidden_flips": flips, "readout_flips": 0.25}
    made = run(study(land, optimizer, ["params", "kernel_min", "kernel_max"]))["curl_descent"]
    w1, w2 = made.params_W1.values, made.params_w2.values
    d1, d2 = np.ones(6), np.array([-1.0, 1, 1, 1])
    d1[: round(6 * flips)] = -1
    k = (w2**2).sum((-2, -1))[..., None, None] * np.diag(d1) + w1 @ np.diag(d2) @ np.swapaxes(w1, -1, -2)
    values = np.linalg.eigvalsh(k)
    np.testing.assert_allclose(made.kernel_min, values[..., 0], rtol=1e-9)
    np.testing.assert_allclose(made.kernel_max, values[..., -1], rtol=1e-9)


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu", "sigmoid"])
def test_the_jacobian_of_networks_is_that_of_their_outputs(activation):
    from thalweg.specs.registry import LANDSCAPES

    fields = {"inputs": 3, "hidden": 2, "samples": 7, "test_samples": 2, "activation": activation}
    land = LANDSCAPES.load("teacher_network").model_validate(fields)
    rng = np.random.default_rng(0)
    p = {"teacher_range": np.ones((1, 1))} | {k: v[None] for k, v in land.disorder(lambda n: rng.standard_normal((1, n))).items()}
    x, h = rng.normal(size=(1, 1, land.size)), 1e-6
    outputs = lambda y: land.forward(*land.layers(y, np), land.data(p, np)[0], np)[1] / 7**0.5
    slopes = np.stack([(outputs(x + h * e) - outputs(x - h * e)) / (2 * h) for e in np.eye(land.size)], axis=-1)
    np.testing.assert_allclose(land.jacobian(x, p, np), slopes, atol=1e-8)


def test_singular_values_of_iterate_and_update():
    land = {"kind": "matrix_quadratic", "rows": 5, "cols": 3}
    variables = ["params", "singular_values", "update_singular_values"]
    optimizer = {"kind": "muon", "method": "polar", "scale": "none", "lr": 0.01}
    made = run(study(land, optimizer, variables))["muon"]
    assert made.singular_values.dims == ("seed", "step", "singular")
    np.testing.assert_allclose(made.singular_values, np.linalg.svd(made.params.values, compute_uv=False), rtol=1e-10)
    np.testing.assert_allclose(made.update_singular_values[:, 1:], 0.01, rtol=1e-9)


def test_diagnostics_keep_to_the_array_executor_and_to_what_has_them():
    group = check(study("rosenbrock", {"kind": "sgd", "lr": 1e-4}, ["curl"], steps=10**6, seeds=1000)).groups[0]
    assert (choose(group).name, choose(group).reason) == ("array", "curl is recorded")
    with pytest.raises(
        SpecError, match=r"record\.variables: singular_values needs a parameter block that is a matrix, and rosenbrock has none"
    ):
        check(study("rosenbrock", "sgd", ["singular_values"]))
    with pytest.raises(SpecError, match="curl takes 2 gradients per component; at most 512 components are allowed"):
        check(study({"kind": "rosenbrock", "dim": 600}, "sgd", ["curl"]))
    with pytest.raises(SpecError, match="curl is computed for a single iterate, and cbo has particles"):
        check(study("rosenbrock", {"kind": "cbo"}, ["curl"]))
    assert "curl" not in check(study("rosenbrock", "sgd", None)).groups[0].recorded


def test_diagnostics_of_diverged_runs_are_nan_and_disturb_no_neighbour():
    land = {"kind": "matrix_quadratic", "rows": 4, "cols": 3}
    variables = ["loss", "hessian_top", "singular_values", "lyapunov", "curl"]
    made = run(study(land, {"kind": "sgd", "lr": [0.1, 1e9]}, variables))["sgd"]
    alone = run(study(land, {"kind": "sgd", "lr": 0.1}, variables))["sgd"]
    for name in variables:
        assert np.isnan(made[name].isel(lr=1, step=-1)).all()
        np.testing.assert_allclose(made[name].isel(lr=0), alone[name], rtol=1e-6)


def test_the_second_moment_finds_the_top_direction_that_the_mean_does_not():
    land = {"kind": "tensor_pca", "dim": 8, "order": 2, "samples": 1e6}
    optimizer = {"kind": "spherical_langevin", "lr": 0.01, "inverse_temperature": 8.0, "average": {"kind": "second_moment"}}
    spec = {"name": "s", "landscape": land, "optimizers": [optimizer], "seeds": 8, "steps": 5000, "record": {"last": True}}
    made = run(spec)["spherical_langevin"]
    estimate = made.average_params.values[:, 0]
    np.testing.assert_allclose(np.linalg.norm(estimate, axis=-1), 1, rtol=1e-10)
    assert (np.abs(estimate[:, 0]) > 0.9).all()
