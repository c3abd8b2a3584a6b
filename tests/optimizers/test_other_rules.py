"""Rules of matrices, whole points and particles: contracts, closed forms, and the papers' identities."""

import inspect
from collections import deque
from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from thalweg.engine import run
from thalweg.optimizers._matrix import MUON, newton_schulz, polar, powers, transposed
from thalweg.optimizers.base import ElementwiseOptimizer, RuleOptimizer
from thalweg.optimizers.curl_descent import CurlDescent
from thalweg.optimizers.fismo import Fismo
from thalweg.optimizers.muon import Muon
from thalweg.optimizers.power_iteration import PowerIteration
from thalweg.optimizers.shampoo import Shampoo
from thalweg.optimizers.soap import Soap
from thalweg.optimizers.spherical_sgd import SphericalSgd
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS

KINDS = [kind for kind in OPTIMIZERS.kinds() if not issubclass(OPTIMIZERS.load(kind), ElementwiseOptimizer)]
RNG = np.random.default_rng(0)


def fields_of(optimizer):
    """What its rule takes besides arrays, as keyword arguments."""
    return {name: getattr(optimizer, name) for name in optimizer.inputs() if name in type(optimizer).model_fields}


@pytest.mark.parametrize("kind", KINDS)
def test_declares_what_the_contract_asks(kind):
    cls = OPTIMIZERS.load(kind)
    assert issubclass(cls, RuleOptimizer)
    constants = cls().constants({"W": (3, 2), "b": (2,)})
    assert all(name in ("t", "xi", "lr", "loss") or name in cls.model_fields or name in constants for name in cls.inputs())
    assert cls.__module__.rpartition(".")[2] == kind == cls().kind
    assert "Source" in (cls.__doc__ or "")
    assert cls.source
    assert len(inspect.getsource(cls).splitlines()) <= 120


LESS = ("fismo", "shampoo", "cbo_adam", "cbo_memory", "cbo_polar", "spherical_sgd")
"""Rules of families that others stand for in `make test`."""


@pytest.mark.parametrize(
    ("kind", "precision"),
    few(product(KINDS, ("float32", "float64")), keep=lambda kind, precision: precision == "float64" and kind not in LESS),
)
def test_runs_on_vectors_and_networks_and_does_not_depend_on_its_neighbours(kind, precision):
    """Every sweep point alone and among others gives the same bits; every kind of block is moved."""
    one_block = (
        {"kind": "bigram", "tokens": 3, "vocabulary": 2}
        if "rest" in OPTIMIZERS.load(kind).model_fields
        else {"kind": "rosenbrock", "dim": 3}
    )
    lands = [one_block, {"kind": "mlp", "data": {"builtin": "blobs"}, "hidden": [4]}]
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


# Shampoo and SOAP


def test_shampoo_s_first_step_is_the_polar_factor():
    g = RNG.normal(size=(2, 5, 3))
    x, *_ = Shampoo.update(0 * g, g, 0 * g, np.eye(5), np.eye(3), t=1, **fields_of(Shampoo(lr=1.0, eps=1e-12)))
    np.testing.assert_allclose(-x, polar(g), atol=1e-4)


def test_shampoo_accumulates_as_published():
    """W_T = - lr sum_t L_t^(-1/4) G_t R_t^(-1/4) with L_t = eps I + sum G G^T; powers by scipy."""
    from scipy.linalg import fractional_matrix_power as power

    g, eps = RNG.normal(size=(6, 4, 3)), 0.1
    x, m, left, right = np.zeros((4, 3)), np.zeros((4, 3)), np.eye(4), np.eye(3)
    expected, p, q = np.zeros((4, 3)), eps * np.eye(4), eps * np.eye(3)
    for t in range(6):
        x, m, left, right = Shampoo.update(x, g[t], m, left, right, t=t + 1, **fields_of(Shampoo(lr=0.3, eps=eps)))
        p, q = p + g[t] @ g[t].T, q + g[t].T @ g[t]
        expected -= 0.3 * power(p, -0.25) @ g[t] @ power(q, -0.25)
    np.testing.assert_allclose(x, expected, atol=1e-10)


def soap(g, **fields):
    optimizer, x = Soap(**fields), np.zeros(g.shape[1:])
    rows, cols = x.shape
    state = (0 * x, 0 * x, np.eye(rows), np.eye(cols), np.eye(rows), np.eye(cols))
    for t, each in enumerate(g, 1):
        x, *state = Soap.update(x, each, *state, t=t, **fields_of(optimizer))
    return x


def test_soap_turns_with_its_matrix():
    """Adam does not: rotating all gradients by U and V rotates SOAP's path, since its basis turns with them."""
    g = RNG.normal(size=(25, 4, 4))
    u, v = np.linalg.qr(RNG.normal(size=(4, 4)))[0], np.linalg.qr(RNG.normal(size=(4, 4)))[0]
    np.testing.assert_allclose(soap(u @ g @ v), u @ soap(g) @ v, atol=1e-9)


def test_soap_of_gradients_that_are_diagonal_already_is_adam():
    """G = diag(g) has G G^T diagonal, so its eigenbasis is the axes and only the diagonal moves, by Adam."""
    g = np.abs(RNG.normal(size=(12, 3))) + np.array([1.0, 3.0, 9.0])
    x = np.diag(soap(np.einsum("ti,ij->tij", g, np.eye(3)), beta1=0.9, beta2=0.99, lr=0.01))
    m = v = expected = np.zeros(3)
    for t, each in enumerate(g, 1):
        m, v = 0.9 * m + 0.1 * each, 0.99 * v + 0.01 * each**2
        expected = expected - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    np.testing.assert_allclose(x, expected, rtol=1e-9)


# Muon


def muon(g, steps, **fields):
    """Points and updates of Muon on a sequence of gradients."""
    optimizer = Muon(**fields)
    x, m, path = np.zeros_like(g[0]), np.zeros_like(g[0]), []
    given = fields_of(optimizer)
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
        fields = fields_of(Muon(lr=0.01, beta=0.0, nesterov=False, method="polar", scale="none"))
        x, _ = Muon.update(x, x + error, 0 * x, t=t, **fields)
        np.testing.assert_allclose(np.linalg.svd(x + error, compute_uv=False), s - 0.01 * t, rtol=1e-10)


def test_match_rms_gives_the_promised_size():
    g = RNG.normal(size=(1, 40, 10))
    x = muon(g, 1, lr=1.0, method="polar", scale="match_rms")[0]
    assert np.sqrt((x * x).mean()) == pytest.approx(0.2, rel=1e-9)


def test_heavy_ball_and_moving_average_are_one_optimizer():
    g = RNG.normal(size=(50, 6, 4))
    np.testing.assert_allclose(muon(g, 50, momentum="heavy_ball", eps=0.0), muon(g, 50, eps=0.0), atol=1e-12)


def test_presets_set_what_is_not_given():
    assert Muon(preset="keller") == Muon().replace({("preset",): "keller"})
    torch, optax = Muon(preset="torch"), Muon(preset="optax", eps=1e-3)
    assert (torch.lr, torch.weight_decay, torch.eps_form) == (1e-3, 0.1, "clamp")
    assert (optax.bias_correction, optax.scale, optax.eps) == (True, "transposed", 1e-3)


# FISMO


def fismo(g, steps, **fields):
    optimizer = Fismo(**fields)
    x, m, p, q = np.zeros_like(g[0]), np.zeros_like(g[0]), np.eye(g.shape[1]), np.eye(g.shape[2])
    given = fields_of(optimizer)
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


@pytest.mark.parametrize("steps", few([3_000, 20_000], keep=[3_000]))
def test_fismo_s_factors_are_the_flip_flop_estimate_of_the_gradient_s_covariances(steps):
    """Matrix-normal gradients: P and Q converge to their row and column covariances, scaled to trace m and n."""
    rng, m, n = np.random.default_rng(5), 4, 6
    rows, cols = (np.diag(np.linspace(0.4, 1.6, k)) for k in (m, n))
    g = np.sqrt(rows) @ rng.normal(size=(steps, m, n)) @ np.sqrt(cols)
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


def test_spherical_sgd_and_power_iteration_stay_on_the_sphere_and_find_the_top():
    a = RNG.normal(size=(6, 6))
    a = a @ a.T
    x = np.eye(6)[:1]
    for _ in range(400):
        x = PowerIteration.update(x, -2 * x @ a, lr=1.0)
    top = np.linalg.eigh(a)[1][:, -1]
    assert abs((x @ top).item()) == pytest.approx(1, abs=1e-12)
    y = np.eye(6)[:1]
    for _ in range(4000):
        y = SphericalSgd.update(y, -2 * y @ a, lr=0.02)
    assert np.linalg.norm(y) == pytest.approx(1, abs=1e-14)
    assert abs((y @ top).item()) == pytest.approx(1, abs=1e-9)


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


def test_flips_are_of_rows_or_of_columns():
    blocks = {"W1": (4, 2), "w2": (2, 1)}
    rows = CurlDescent(hidden_flips=0.5, readout_flips=0.5).constants(blocks)["sign"]
    columns = CurlDescent(hidden_flips=0.5, side="postsynaptic").constants(blocks)["sign"]
    np.testing.assert_array_equal(rows, [-1, -1, -1, -1, 1, 1, 1, 1, -1, 1])
    np.testing.assert_array_equal(columns, [-1, 1, -1, 1, -1, 1, -1, 1, 1, 1])


def test_flips_by_name_are_those_of_any_block():
    blocks = {"W1": (4, 2), "w2": (2, 1), "b": (4,), "c": ()}
    old = CurlDescent(hidden_flips=0.5, readout_flips=0.5).constants(blocks)["sign"]
    new = CurlDescent(flips={"W1": 0.5, "w2": 0.5}).constants(blocks)["sign"]
    np.testing.assert_array_equal(old, new)
    columns = CurlDescent(flips={"W1": 0.5, "b": 0.25}, side="postsynaptic")
    np.testing.assert_array_equal(columns.constants(blocks)["sign"], [-1, 1] * 4 + [1, 1] + [-1, 1, 1, 1] + [1])
    assert columns.remarks(blocks) == {"flips": "1 of 2 in W1; 1 of 4 in b"}
    assert columns.unfit({**blocks, "W1": ()}) == "flips: W1 is a single number, and part of a number cannot be flipped; use signs"


def test_signs_are_numbers_or_formulas_of_sizes_for_any_formula():
    land = {
        "kind": "expression",
        "sizes": {"h": 3, "d": 2},
        "variables": {"W": ["d", "h"], "b": ["h"], "c": []},
        "value": "sum((tanh(ones([4, 2]) @ W + b) - 1)**2) + (c - 1)**2",
    }
    signs = {"W": "where(arange(h) < h/2, -1, 1)", "b": 0, "c": -1}
    optimizer = {"kind": "curl_descent", "lr": 0.1, "signs": signs}
    study = {"name": "s", "landscape": land, "init": {"kind": "normal"}, "seeds": 2, "steps": 3}
    study["optimizers"] = [{"kind": "sgd", "lr": 0.1}, optimizer]
    made = run(study)
    plain, curl = (made[name].to_dataset().diff("step").isel(step=0) for name in ("sgd", "curl_descent"))
    np.testing.assert_allclose(curl.params_W, plain.params_W * [-1, -1, 1], rtol=1e-12)
    np.testing.assert_array_equal(curl.params_b, 0 * plain.params_b)
    np.testing.assert_allclose(curl.params_c, -plain.params_c, rtol=1e-12)
    swept = run({**study, "optimizers": [{**optimizer, "signs": {"c": [1, -1]}, "flips": {"W": [0.0, 0.5]}}]})["curl_descent"].to_dataset()
    swept = swept.rename({"optimizer.flips.W": "flips", "optimizer.signs.c": "c"})
    np.testing.assert_array_equal(swept.isel(flips=0, c=0).params_W, made["sgd"].params_W)


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
