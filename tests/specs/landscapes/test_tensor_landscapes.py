"""Landscapes that are formulas over tensors against their closed forms, written in NumPy one run at a time: values, gradients, curvature."""

import numpy as np
import pytest
from thalweg.specs.landscapes._tensor_landscape import ProgramLandscape
from thalweg.specs.landscapes.base import FormulaLandscape
from thalweg.specs.registry import LANDSCAPES

OUTLIERS = {"hidden": 3, "signals": 3, "samples": 20, "rarity": 0.2, "alpha": 2.0, "kappa": 0.7}
CASES = {
    "deep_linear": {"inputs": 4, "hidden": 3, "outputs": 5, "condition": 7.0, "strength": 1.3},
    "deep_linear of one input": {"inputs": 1, "hidden": 2, "outputs": 2},
    "matrix_factorization": {"rows": 5, "cols": 4, "width": 2, "rank": 3, "condition": 4.0},
    "matrix_factorization of full rank": {"rows": 3, "cols": 4, "width": 2, "rank": 9},
    "matrix_quadratic": {"rows": 3, "cols": 5, "left": 4.0, "right": 7.0, "center": 0.5},
    "matrix_quadratic turned": {"rows": 3, "cols": 5, "left": 4.0, "right": 7.0, "center": 0.5, "rotation_seed": 1},
    "matrix_rosenbrock": {"rows": 3, "steepness": 2.5},
    "bigram": {"tokens": 5, "vocabulary": 4, "certain": 0.4, "zipf": 1.0},
    **{f"outlier_network {name}": {**OUTLIERS, "activation": name} for name in ("linear", "tanh", "relu", "sigmoid")},
}


def made(name):
    """(landscape, points, numbers and random arrays) of two points of a sweep and three seeds."""
    kind = name.split()[0]
    land, rng = LANDSCAPES.load(kind).model_validate({"kind": kind, **CASES[name]}), np.random.default_rng(0)
    p = {path[-1]: np.array([[v], [1.5 * v + 0.1]]) for path, v, structural in land.fields() if not structural}
    p |= {key: v[None] for key, v in land.disorder(lambda count: rng.standard_normal((3, count))).items()}
    return land, rng.normal(size=(2, 3, land.size)), p


def rows_of(p, k, s):
    """The numbers and random arrays of one run."""
    return {key: float(v[k, 0]) if v.shape == (2, 1) else v[0, s] for key, v in p.items()}


def falling(condition, n):
    return condition ** (-np.arange(n) / max(n - 1, 1))


def closed(land, x, q):
    """Value, gradient and observables of one run as the papers have them."""
    blocks, first = [], 0
    for shape in land.blocks.values():
        blocks.append(x[first : first + int(np.prod(shape))].reshape(shape))
        first += int(np.prod(shape))
    norm = np.linalg.norm
    match land.kind:
        case "deep_linear":
            w1, w2 = blocks
            s, r = np.diag(falling(q["condition"], len(w1))), w1 @ w2 - q["strength"] * np.eye(len(w1), w2.shape[1])
            seen = {"error": norm(r), "imbalance": norm(w1.T @ w1 - w2 @ w2.T)}
            return np.trace(r.T @ s @ r) / 2, [s @ r @ w2.T, w1.T @ s @ r], seen
        case "matrix_factorization":
            u, v = blocks
            rank, m = min(land.rank, len(u), len(v)), np.zeros((len(u), len(v)))
            m[range(rank), range(rank)] = falling(q["condition"], rank)
            r = u @ v.T - m
            return norm(r) ** 2 / 2, [r @ v, r.T @ u], {"error": norm(r), "imbalance": norm(u.T @ u - v.T @ v)}
        case "matrix_quadratic":
            (w,) = blocks
            a, b = np.diag(falling(q["left"], len(w))), np.diag(falling(q["right"], w.shape[1]))
            if land.rotation_seed is not None:
                rng = np.random.default_rng(land.rotation_seed)
                for name, matrix in (("a", a), ("b", b)):
                    turn, upper = np.linalg.qr(rng.standard_normal(matrix.shape))
                    turn = turn * np.where(np.diag(upper) < 0, -1.0, 1.0)
                    a, b = (turn @ a @ turn.T, b) if name == "a" else (a, turn @ b @ turn.T)
            away = w - q["center"] * np.eye(*w.shape)
            gradient = a @ away @ b
            sigma, slopes = (np.linalg.svd(m, compute_uv=False) for m in (away, gradient))
            seen = {"spectral": sigma[0], "nuclear": sigma.sum(), "gradient_nuclear": slopes.sum()}
            return np.trace(away.T @ a @ away @ b) / 2, [gradient], seen
        case "matrix_rosenbrock":
            u, v = blocks
            one, b, r = np.eye(len(u)), q["steepness"], v - u @ u.T
            gradient = [2 * (u - one) - 2 * b * (r + r.T) @ u, 2 * b * r]
            return norm(one - u) ** 2 + b * norm(r) ** 2, gradient, {"floor": norm(r)}
        case "bigram":
            (w,) = blocks
            law, often, sure = land.laws
            soft = np.exp(w) / np.exp(w).sum(1, keepdims=True)
            each = often * np.array(
                [sum(b * np.log(b / a) for a, b in zip(*rows, strict=True) if b > 0) for rows in zip(soft, law, strict=True)]
            )
            return each.sum(), [often[:, None] * (soft - law)], {"certain_loss": each[sure].sum(), "uncertain_loss": each[~sure].sum()}
        case "outlier_network":
            (w1, w2), side = blocks, q["side"]
            outlier = side * np.sqrt(q["alpha"] / land.rarity)
            inputs = np.column_stack([q["signal"], outlier])
            y = q["strength"] * q["signal"][:, 0] + q["kappa"] * np.abs(outlier)
            z = inputs @ w1
            h, slope = {
                "linear": (z, np.ones_like(z)),
                "tanh": (np.tanh(z), 1 / np.cosh(z) ** 2),
                "relu": (np.maximum(z, 0), z > 0),
                "sigmoid": (1 / (1 + np.exp(-z)), np.exp(-z) / (1 + np.exp(-z)) ** 2),
            }[land.activation]
            error = (h @ w2)[:, 0] - y
            back = error[:, None] * w2.T * slope / len(y)
            groups = {"loss_plus": side > 0, "loss_minus": side < 0, "loss_rest": side == 0}
            seen = {name: np.mean(error[of] ** 2) / 2 for name, of in groups.items() if of.any()}
            return np.mean(error**2) / 2, [inputs.T @ back, h.T @ error[:, None] / len(y)], seen
    raise LookupError(land.kind)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_value_gradient_and_observables_are_the_closed_forms(name, dtype, tolerance):
    land, x, p = made(name)
    x, p = x.astype(dtype), {key: v.astype(dtype) for key, v in p.items()}
    value, gradient = land.value_and_grad(x, p, np)
    seen = land.observe(x, p, np)
    assert value.dtype == gradient.dtype == dtype
    np.testing.assert_array_equal(land.value(x, p, np), value)
    for k, s in np.ndindex(2, 3):
        wanted, slopes, known = closed(land, x[k, s].astype(float), rows_of(p, k, s))
        flat = np.concatenate([np.ravel(part) for part in slopes])
        np.testing.assert_allclose(value[k, s], wanted, rtol=tolerance)
        np.testing.assert_allclose(gradient[k, s], flat, rtol=tolerance, atol=tolerance * np.abs(flat).max())
        for key, number in known.items():
            np.testing.assert_allclose(seen[key][k, s], number, rtol=tolerance, atol=tolerance * abs(wanted), err_msg=key)


@pytest.mark.parametrize("name", [name for name in CASES if "relu" not in name])
def test_curvature_is_that_of_the_closed_form_s_gradient(name):
    land, x, p = made(name)
    v, h = np.random.default_rng(1).normal(size=x.shape), 1e-4
    found = land.hvp(x, v, p, np)
    for k, s in np.ndindex(2, 3):
        at = lambda t, k=k, s=s: np.concatenate([np.ravel(part) for part in closed(land, x[k, s] + t * h * v[k, s], rows_of(p, k, s))[1]])
        wanted = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
        np.testing.assert_allclose(found[k, s], wanted, rtol=1e-6, atol=1e-8 * np.abs(wanted).max())


def test_the_curvature_of_the_quadratic_is_exact():
    """A V B, whose entries are A_i B_j V_ij."""
    land, x, p = made("matrix_quadratic")
    v = np.random.default_rng(1).normal(size=x.shape)
    found = land.hvp(x, v, p, np).reshape(2, 3, 3, 5)
    for k in range(2):
        spectrum = np.outer(falling(p["left"][k, 0], 3), falling(p["right"][k, 0], 5))
        np.testing.assert_allclose(found[k], spectrum * v[k].reshape(3, 3, 5), rtol=1e-13)


def test_online_pairs_of_the_bigram_are_counted():
    land, x, p = made("bigram")
    law, often, _ = land.laws
    batch = np.random.default_rng(2).standard_normal((3, 11, 1))
    loss, gradient = land.value_and_grad(x, p, np, batch)
    from scipy.special import ndtr

    ends = np.cumsum((often[:, None] * law).reshape(-1))
    for k, s in np.ndindex(2, 3):
        w = x[k, s].reshape(law.shape)
        soft = np.exp(w) / np.exp(w).sum(1, keepdims=True)
        total, slope = 0.0, np.zeros_like(w)
        for z in batch[s, :, 0]:
            a, b = divmod(int(np.searchsorted(ends, ndtr(z))), law.shape[1])
            total -= np.log(soft[a, b]) / 11
            slope[a] += soft[a] / 11
            slope[a, b] -= 1 / 11
        np.testing.assert_allclose(loss[k, s], total, rtol=1e-12)
        np.testing.assert_allclose(gradient[k, s], slope.reshape(-1), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", ["linear", "tanh", "relu", "sigmoid"])
def test_batches_of_the_outlier_network(activation):
    """Of a minibatch the closed form on its rows, of new samples that on what they are made of."""
    land, x, p = made(f"outlier_network {activation}")
    rng = np.random.default_rng(3)
    rows, normal = rng.integers(0, land.samples, (3, 7)), rng.standard_normal((3, 40, land.signals + 1))
    picked, fresh = land.value_and_grad(x, p, np, rows), land.value_and_grad(x, p, np, normal)
    np.testing.assert_array_equal(land.batch_value(x, p, np, normal), fresh[0])
    from statistics import NormalDist

    edge = NormalDist().inv_cdf(1 - land.rarity / 2)
    for k, s in np.ndindex(2, 3):
        q, last = rows_of(p, k, s), normal[s, :, -1]
        side = np.where(np.abs(last) > edge, np.sign(last), 0.0)
        for found, own in (
            (picked, {"signal": q["signal"][rows[s]], "side": q["side"][rows[s]]}),
            (fresh, {"signal": normal[s, :, :-1], "side": side}),
        ):
            wanted, slopes, _ = closed(land, x[k, s], {**q, **own})
            flat = np.concatenate([np.ravel(part) for part in slopes])
            np.testing.assert_allclose(found[0][k, s], wanted, rtol=1e-12)
            np.testing.assert_allclose(found[1][k, s], flat, rtol=1e-11, atol=1e-13)


def test_the_jacobian_of_the_outlier_network_gives_its_gradient_and_is_that_of_its_outputs():
    land, x, p = made("outlier_network tanh")
    assert land.has_jacobian
    jacobian, h = land.jacobian(x, p, np), 1e-6
    assert jacobian.shape == (2, 3, land.samples, land.size)

    def residuals(at, q):
        outlier = q["side"] * np.sqrt(q["alpha"] / land.rarity)
        inputs = np.column_stack([q["signal"], outlier])
        w1, w2 = at[:12].reshape(4, 3), at[12:]
        return (np.tanh(inputs @ w1) @ w2 - q["strength"] * q["signal"][:, 0] - q["kappa"] * np.abs(outlier)) / np.sqrt(land.samples)

    gradient = land.value_and_grad(x, p, np)[1]
    for k, s in np.ndindex(2, 3):
        q = rows_of(p, k, s)
        slopes = np.stack([(residuals(x[k, s] + h * e, q) - residuals(x[k, s] - h * e, q)) / (2 * h) for e in np.eye(land.size)], axis=-1)
        np.testing.assert_allclose(jacobian[k, s], slopes, atol=1e-8)
        np.testing.assert_allclose(jacobian[k, s].T @ residuals(x[k, s], q), gradient[k, s], rtol=1e-11, atol=1e-13)


def test_landscapes_without_residuals_have_no_jacobian():
    land, x, p = made("matrix_rosenbrock")
    assert not land.has_jacobian
    assert land.jacobian(x, p, np) is None


@pytest.mark.parametrize("name", CASES)
def test_kinks_and_zero_are_finite(name):
    """Norms at 0 have the slope 0, and so do their gradients' norms."""
    land, x, p = made(name)
    value, gradient = land.value_and_grad(0 * x, p, np)
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert all(np.isfinite(v).all() for v in land.observe(0 * x, p, np).values())


def test_a_deep_network_is_read_without_nesting():
    from thalweg.specs.landscapes.mlp import Mlp

    land = Mlp.model_validate({"data": {"builtin": "blobs", "test_fraction": 0.2}, "hidden": [2] * 100, "activation": "relu"})
    x = np.random.default_rng(0).normal(size=(1, 2, land.size))
    value, gradient = land.value_and_grad(x, {"l2": 0.1}, np)
    assert np.isfinite(value).all()
    assert gradient.shape == x.shape
    assert set(land.observe(x, {"l2": 0.1}, np)) == {"accuracy", "test_loss", "test_accuracy"}


def test_the_gallery_s_formulas_are_short():
    """A landscape says what it is in its class; none that is a formula writes arithmetic on arrays beside it, but for new samples."""
    for kind in LANDSCAPES.kinds():
        cls = LANDSCAPES.load(kind)
        if issubclass(cls, (ProgramLandscape, FormulaLandscape)):
            assert not {"value", "value_and_grad", "gradient_along", "observe", "jacobian"} & set(vars(cls)), kind
