"""Rules of matrices, whole points and particles: contracts, closed forms, and the papers' identities."""

import inspect
from collections import deque

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.optimizers._matrix import MUON, newton_schulz, polar, powers, transposed
from thalweg.optimizers._particles import consensus
from thalweg.optimizers.base import ElementwiseOptimizer, RuleOptimizer
from thalweg.optimizers.cbo import Cbo
from thalweg.optimizers.fismo import Fismo
from thalweg.optimizers.muon import Muon
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

KINDS = [kind for kind in OPTIMIZERS.kinds() if not issubclass(OPTIMIZERS.load(kind), ElementwiseOptimizer)]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
def test_declares_what_the_contract_asks(kind):
    cls = OPTIMIZERS.load(kind)
    assert issubclass(cls, RuleOptimizer)
    constants = cls().constants({"W": (3, 2), "b": (2,)})
    assert all(name in ("t", "xi", "lr") or name in cls.model_fields or name in constants for name in cls.inputs())
    assert cls.__module__.rpartition(".")[2] == kind == cls().kind
    assert "Source" in (cls.__doc__ or "")
    assert cls.source
    assert len(inspect.getsource(cls).splitlines()) <= 120


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_runs_on_vectors_and_networks_and_does_not_depend_on_its_neighbours(kind, precision):
    """Every sweep point alone and among others gives the same bits; every kind of block is moved."""
    lands = [{"kind": "rosenbrock", "dim": 3}, {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [4]}]
    for land in lands:
        study = {"name": "s", "landscape": land, "init": {"kind": "normal", "std": 0.5}, "seeds": 3, "steps": 5, "precision": precision}
        many = run({**study, "optimizers": [{"kind": kind, "lr": [0.0003, 0.001, 0.003]}]})[kind]
        alone = run({**study, "optimizers": [{"kind": kind, "lr": 0.001}]})[kind]
        assert (many.status == 1).all()
        for name in alone.data_vars:
            np.testing.assert_array_equal(many[name].sel(lr=0.001).values, alone[name].values)
            if name.startswith("params"):
                assert (alone[name].isel(step=0) != alone[name].isel(step=-1)).any()


# Orthogonalisation


def quintic(s):
    a, b, c = MUON
    for _ in range(5):
        s = a * s + b * s**3 + c * s**5
    return s


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (9, 5)])
def test_newton_schulz_maps_singular_values_by_its_quintic(shape):
    g = RNG.normal(size=(4, *shape))
    u, s, v = np.linalg.svd(g, full_matrices=False)
    scaled = s / (np.sqrt((g * g).sum((-2, -1)))[:, None] + 1e-7)
    np.testing.assert_allclose(newton_schulz(g, 5), u * quintic(scaled)[:, None, :] @ v, atol=1e-10)


def test_newton_schulz_s_range_is_the_documented_one():
    s = np.linspace(0.01, 1, 200_001)
    np.testing.assert_allclose([quintic(s).min(), quintic(s).max()], [0.6818, 1.1344], atol=2e-4)
    np.testing.assert_allclose(quintic(np.array(1.0e-9)) / 1e-9, MUON[0] ** 5, rtol=1e-9)
    assert sum(MUON) == pytest.approx(0.7010)


@pytest.mark.parametrize("shape", [(6, 6), (4, 8), (8, 4)])
def test_polar_has_unit_singular_values_and_nan_stays_with_its_run(shape):
    g = RNG.normal(size=(3, *shape))
    np.testing.assert_allclose(np.linalg.svd(polar(g), compute_uv=False), 1, rtol=1e-12)
    g[1, 0, 0] = np.nan
    made = polar(g)
    assert np.isnan(made[1]).all()
    assert np.isfinite(made[[0, 2]]).all()


def test_matrix_powers():
    a = RNG.normal(size=(3, 5, 5))
    p = a @ transposed(a) + 0.1 * np.eye(5)
    half, inverse = powers(p, -0.5, -1.0)
    np.testing.assert_allclose(half @ half, inverse, atol=1e-9)
    np.testing.assert_allclose(inverse @ p, np.broadcast_to(np.eye(5), p.shape), atol=1e-9)


# Muon


def muon(g, steps, **fields):
    """Points and updates of Muon on a sequence of gradients."""
    optimizer = Muon(**fields)
    x, m, path = np.zeros_like(g[0]), np.zeros_like(g[0]), []
    given = {name: getattr(optimizer, name) for name in Muon.inputs() if name != "t"}
    for t in range(steps):
        x, m = Muon.update(x, g[t], m, t=t + 1, **given)
        path.append(x)
    return np.array(path)


def reference_muon(g, steps, lr, beta, nesterov):
    """The published arithmetic, in its own words: lerp, zeropower_via_newtonschulz5, and the aspect-ratio scale."""
    w, buffer, path = np.zeros_like(g[0]), np.zeros_like(g[0]), []
    for t in range(steps):
        buffer += (1 - beta) * (g[t] - buffer)
        update = g[t] + beta * (buffer - g[t]) if nesterov else buffer
        x = update.T if update.shape[0] > update.shape[1] else update
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(5):
            a = x @ x.T
            b = -4.7750 * a + 2.0315 * a @ a
            x = 3.4445 * x + b @ x
        x = x.T if update.shape[0] > update.shape[1] else x
        w = w - lr * max(1, update.shape[0] / update.shape[1]) ** 0.5 * x
        path.append(w)
    return np.array(path)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("shape", [(8, 8), (12, 5), (5, 12)])
def test_muon_is_the_reference_arithmetic(shape, nesterov):
    g = RNG.normal(size=(50, *shape))
    np.testing.assert_allclose(muon(g, 50, nesterov=nesterov), reference_muon(g, 50, 0.02, 0.95, nesterov), atol=1e-10)


@pytest.mark.parametrize("method", ["polar", "newton_schulz"])
def test_muon_does_not_see_the_gradient_s_scale(method):
    g = RNG.normal(size=(20, 6, 4))
    np.testing.assert_allclose(muon(1e3 * g, 20, method=method), muon(g, 20, method=method), rtol=1e-5, atol=2e-7)


def test_exact_muon_lowers_every_singular_value_by_the_learning_rate():
    error = RNG.normal(size=(6, 4))
    s = np.linalg.svd(error, compute_uv=False)
    x = np.zeros((6, 4))
    for t in range(1, 6):
        x, _ = Muon.update(
            x,
            x + error,
            0 * x,
            t=t,
            lr=0.01,
            beta=0.0,
            weight_decay=0.0,
            nesterov=False,
            bias_correction=False,
            method="polar",
            ns_steps=5,
            scale="none",
        )
        np.testing.assert_allclose(np.linalg.svd(x + error, compute_uv=False), s - 0.01 * t, rtol=1e-10)


def test_match_rms_gives_the_promised_size():
    g = RNG.normal(size=(1, 40, 10))
    x = muon(g, 1, lr=1.0, method="polar", scale="match_rms")[0]
    assert np.sqrt((x * x).mean()) == pytest.approx(0.2, rel=1e-9)


# FISMO


def fismo(g, steps, **fields):
    optimizer = Fismo(**fields)
    x, m, p, q = np.zeros_like(g[0]), np.zeros_like(g[0]), np.eye(g.shape[1]), np.eye(g.shape[2])
    given = {name: getattr(optimizer, name) for name in Fismo.inputs()}
    for t in range(steps):
        before = x
        x, m, p, q = Fismo.update(x, g[t], m, p, q, **given)
        yield before - x, m, p, q, x


def test_fismo_with_frozen_factors_is_muon():
    g = RNG.normal(size=(15, 5, 7))
    path = [x for *_, x in fismo(g, 15, gamma=1.0, beta=0.95)]
    np.testing.assert_allclose(path, muon(g, 15, nesterov=False, method="polar", scale="none"), atol=1e-10)


def test_fismo_s_step_solves_its_linear_minimisation():
    """<G~, step> is the nuclear norm, and the step has unit spectral norm in the metric; traces and symmetry hold at every step."""
    g = RNG.normal(size=(30, 5, 7))
    for k, (step, m, p, q, _) in enumerate(fismo(g, 30, lr=1.0, beta=0.0, mu=1e-3)):
        np.testing.assert_allclose([np.trace(p), np.trace(q)], [5, 7], rtol=1e-12)
        np.testing.assert_array_equal(p, p.T)
        np.testing.assert_array_equal(q, q.T)
        assert np.linalg.eigvalsh(p).min() > 0
        assert np.linalg.eigvalsh(q).min() > 0
        assert (g[k] * step).sum() == pytest.approx(np.linalg.svd(m, compute_uv=False).sum(), rel=1e-10)
        (left,), (right,) = powers(p, 0.5), powers(q, 0.5)
        assert np.linalg.norm(left @ step @ right, 2) == pytest.approx(1, rel=1e-10)


def test_fismo_s_factors_are_the_flip_flop_estimate_of_the_gradient_s_covariances():
    """Matrix-normal gradients: P and Q converge to their row and column covariances, scaled to trace m and n."""
    rng, m, n = np.random.default_rng(5), 4, 6
    rows, cols = (np.diag(np.linspace(0.4, 1.6, k)) for k in (m, n))
    g = np.sqrt(rows) @ rng.normal(size=(20_000, m, n)) @ np.sqrt(cols)
    ((_, _, p, q, _),) = deque(fismo(g, len(g), gamma=0.999, mu=0.0), maxlen=1)
    assert np.linalg.norm(p - rows) / np.linalg.norm(rows) < 0.05
    assert np.linalg.norm(q - cols) / np.linalg.norm(cols) < 0.05


# Spherical Langevin


def test_at_infinite_temperature_the_sphere_is_covered_evenly():
    study = {"name": "s", "landscape": {"kind": "quadratic", "dim": 8}, "init": "sphere", "seeds": 4000, "steps": 200}
    optimizer = {"kind": "spherical_langevin", "lr": 0.01, "inverse_temperature": 0.0}
    x = run({**study, "optimizers": [optimizer], "record": {"last": True}})["spherical_langevin"].params.values[:, -1]
    np.testing.assert_allclose((x * x).sum(-1), 1, rtol=1e-12)
    squares = x[:, 0] ** 2
    assert abs(squares.mean() - 1 / 8) < 4 * squares.std() / np.sqrt(4000)


# Curl descent


@pytest.mark.parametrize("flips", [{"hidden_flips": 0.5}, {"readout_flips": 0.4}, {}])
def test_errors_grow_and_shrink_as_the_signed_kernel_says(flips):
    """Disturbed along the eigenvector of K = |w2|^2 D1 + W1 D2 W1^T with the least eigenvalue l, ln|r| changes by ln(1 - lr s l) a step."""
    land, optimizer = LANDSCAPES.load("linear_teacher")(inputs=12, hidden=30), OPTIMIZERS.load("curl_descent")(**flips)
    constants, rng, lr = optimizer.constants(land.blocks), np.random.default_rng(3), 0.1
    teacher = land.disorder(lambda count: rng.normal(size=(1, count)))["teacher"][None]
    p = {"teacher": teacher, "variance": np.full((1, 1), 0.5)}
    w1, w2 = teacher[0, 0, :360].reshape(12, 30), teacher[0, 0, 360:]
    d1, d2 = np.ones(12), np.ones(30)
    d1[: round(12 * flips.get("hidden_flips", 0))] = -1
    d2[: round(30 * flips.get("readout_flips", 0))] = -1
    values, vectors = np.linalg.eigh((w2 @ w2) * np.diag(d1) + (w1 * d2) @ w1.T)
    x = teacher.copy()
    x[0, 0, :360] += 1e-9 * np.outer(vectors[:, 0], w2).reshape(-1)
    errors = []
    for t in range(1, 201):
        errors.append(land.observe(x, p, np)["error"].item())
        x, _ = optimizer.update(x, land.value_and_grad(x, p, np)[1], 0 * x, t=t, lr=lr, preserve_norm=False, **constants)
    assert np.polyfit(np.arange(200), np.log(errors), 1)[0] == pytest.approx(np.log(1 - lr * 0.5 * values[0]), rel=1e-3)


def test_without_flips_it_is_gradient_descent_and_norms_are_kept_if_asked():
    study = {"name": "s", "landscape": "linear_teacher", "seeds": 2, "steps": 50}
    optimizers = [
        {"kind": "sgd", "lr": 0.1},
        {"kind": "curl_descent", "lr": 0.1},
        {"kind": "curl_descent", "label": "kept", "preserve_norm": True},
    ]
    made = run({**study, "optimizers": optimizers})
    np.testing.assert_array_equal(made["sgd"].params_W1.values, made["curl_descent"].params_W1.values)
    for name in ("norm1", "norm2"):
        values = made["kept"][name].values
        np.testing.assert_allclose(values, values[:, :1] * np.ones_like(values), rtol=1e-12)


def test_the_field_is_curl_free_only_without_flips():
    """The antisymmetric part of the Jacobian -D H, from finite differences, is -[D, H]/2."""
    land = LANDSCAPES.load("linear_teacher")(inputs=3, hidden=2)
    rng = np.random.default_rng(0)
    teacher, x = rng.normal(size=(1, 1, 8)), rng.normal(size=(1, 1, 8))
    p = {"teacher": teacher, "variance": np.full((1, 1), 0.5)}
    gradient = lambda z: land.value_and_grad(z, p, np)[1][0, 0]
    hessian = np.stack([(gradient(x + 1e-6 * e) - gradient(x - 1e-6 * e)) / 2e-6 for e in np.eye(8)])
    for fraction, free in ((0.0, True), (0.34, False)):
        sign = OPTIMIZERS.load("curl_descent")(hidden_flips=fraction).constants(land.blocks)["sign"]
        jacobian = -np.diag(sign) @ hessian
        twist = (jacobian - jacobian.T) / 2
        np.testing.assert_allclose(twist, -(np.diag(sign) @ hessian - hessian @ np.diag(sign)) / 2, atol=1e-8)
        assert (np.abs(twist).max() < 1e-8) == free


# Particles


def test_the_consensus_is_the_weighted_mean_and_bad_particles_have_no_weight():
    x, f = RNG.normal(size=(3, 10, 2)), RNG.normal(size=(3, 10, 1))
    w = np.exp(-2.0 * f)
    np.testing.assert_allclose(consensus(x, f, 2.0)[:, 0], (w * x).sum(1) / w.sum(1), rtol=1e-12)
    x[0, 4], f[0, 4] = np.nan, np.inf
    keep = np.arange(10) != 4
    np.testing.assert_allclose(consensus(x, f, 2.0)[0], consensus(x[:, keep], f[:, keep], 2.0)[0], rtol=1e-12)
    best = consensus(x, f, 1e9)[1, 0]
    np.testing.assert_allclose(best, x[1, f[1, :, 0].argmin()])


@pytest.mark.parametrize(("noise", "kappa"), [("isotropic", 10), ("anisotropic", 1)])
@pytest.mark.parametrize("convention", ["sqrt_dt", "sqrt_2dt"])
def test_with_the_consensus_held_the_swarm_shrinks_by_the_exact_factor(noise, kappa, convention):
    """E|x - c|^2 is multiplied by (1 - lambda dt)^2 + kappa sigma^2 dt a step; particle 0 has all the weight and sits at c."""
    rng, n, d, dt, sigma = np.random.default_rng(2), 200_000, 10, 0.01, 0.5
    x = rng.normal(size=(1, n, d))
    f = np.ones((1, n, 1))
    f[0, 0] = 0
    xi = rng.normal(size=x.shape)
    moved = Cbo.update(x, f, xi, lr=dt, alpha=1e6, drift=1.0, sigma=sigma, truncate=0.0, noise=noise, convention=convention)
    c = x[:, :1]
    ratio = ((moved - c) ** 2).sum(-1).mean() / ((x - c) ** 2).sum(-1).mean()
    wanted = (1 - dt) ** 2 + kappa * sigma**2 * dt * (2 if convention == "sqrt_2dt" else 1)
    assert ratio == pytest.approx(wanted, rel=2e-3)
    np.testing.assert_array_equal(moved[:, 0], x[:, 0])


def test_truncated_noise_is_bounded():
    x, f, xi = 100 * RNG.normal(size=(1, 50, 3)), RNG.normal(size=(1, 50, 1)), np.ones((1, 50, 3))
    given = {"lr": 0.01, "alpha": 1.0, "drift": 0.0, "sigma": 2.0, "noise": "isotropic", "convention": "sqrt_dt"}
    moved = Cbo.update(x, f, xi, truncate=0.5, **given) - x
    assert np.abs(moved).max() <= 2.0 * 0.1 * 0.5 + 1e-12
    assert np.abs(Cbo.update(x, f, xi, truncate=0.0, **given) - x).max() > 1


def test_a_hop_is_an_implicit_gradient_step():
    """N = 20,000: the mean consensus after k hops on f = x^T A x / 2 is (I + alpha s^2 A)^-k x_0, the first cloud counted as a hop."""
    s, alpha, curvature, hops = 0.2, 5.0, np.array([1.0, 3.0]), 4
    study = {
        "name": "s",
        "landscape": {"kind": "quadratic", "spectrum": list(curvature)},
        "init": {"kind": "normal", "mean": [0.4, -0.3], "std": s},
        "seeds": 50,
        "steps": hops,
        "optimizers": [{"kind": "consensus_hopping", "lr": s, "alpha": alpha, "particles": 20_000}],
    }
    found = run(study)["consensus_hopping"].params.values
    for k in range(hops + 1):
        wanted = np.array([0.4, -0.3]) / (1 + alpha * s**2 * curvature) ** (k + 1)
        error = found[:, k].std(0, ddof=1) / np.sqrt(50)
        assert (np.abs(found[:, k].mean(0) - wanted) < 4 * error + 1e-4).all()


def test_swarms_are_stored_with_a_particle_dimension():
    study = {"name": "s", "landscape": {"kind": "rastrigin", "dim": 3}, "init": {"kind": "uniform", "low": -3.0, "high": 3.0}, "seeds": 4}
    record = {"every": 5, "variables": ["loss", "params", "swarm"]}
    made = run({**study, "steps": 20, "optimizers": [{"kind": "cbo", "particles": [5, 9]}], "record": record})["cbo"]
    assert made.swarm.dims == ("particles", "seed", "step", "particle", "dim")
    assert made.swarm.isel(particles=0, particle=slice(5, None)).isnull().all()
    assert made.swarm.isel(particles=1).notnull().all()
    x = made.swarm.values[1]
    f = (x * x + 10 * (1 - np.cos(2 * np.pi * x))).sum(-1, keepdims=True)
    np.testing.assert_allclose(made.params.values[1], consensus(x, f, 100.0)[..., 0, :], rtol=1e-9)
