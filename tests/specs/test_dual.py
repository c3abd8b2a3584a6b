"""Dual numbers against central differences and closed forms, through every landscape and every optimizer's rule."""

import numpy as np
import pytest
from thalweg.specs import dual
from thalweg.specs.dual import Dual, Unknown, derivative, differences, namespace
from thalweg.specs.registry import LANDSCAPES


def placed(kind, more=None, seed=0):
    """(landscape, point, p, direction) of the example of this kind, two seeds."""
    land = LANDSCAPES.load(kind)
    land = land.model_validate((land.example() if hasattr(land, "example") else {}) | (more or {}))
    rng = np.random.default_rng(seed)
    p = {
        path[-1]: np.full((1, 1), float(value)) for path, value, structural in land.fields() if isinstance(value, float) and not structural
    }
    p |= {name: v[None] for name, v in land.disorder(lambda count: rng.standard_normal((2, count))).items()}
    low, high = land.domain
    x, v = rng.uniform(low, high, (1, 2, land.size)) / 2 + high / 7, rng.standard_normal((1, 2, land.size))
    return land, x, p, v


def sloped(land, x, v, p, h=1e-4):
    """The derivative of the gradient along v, by differences of fourth order."""
    at = lambda k: land.value_and_grad(x + k * h * v, p, np)[1]
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


@pytest.mark.parametrize("kind", sorted(LANDSCAPES.kinds()))
def test_hessian_vector_products_of_every_landscape_are_exact(kind, monkeypatch):
    monkeypatch.setattr(dual, "differences", lambda *given: pytest.fail("by differences"))
    land, x, p, v = placed(kind)
    expected, scale = sloped(land, x, v, p), np.abs(land.value_and_grad(x, p, np)[1]).max()
    np.testing.assert_allclose(land.hvp(x, v, p, np), expected, rtol=1e-6, atol=1e-7 * (scale + np.abs(expected).max()))
    gradient, turn = land.gradient_along(x, v, p, np)
    np.testing.assert_allclose(gradient, land.value_and_grad(x, p, np)[1], rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(turn, land.hvp(x, v, p, np), rtol=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "teacher_network", "single_index", "linear_teacher"])
def test_of_minibatches_too(kind, monkeypatch):
    monkeypatch.setattr(dual, "differences", lambda *given: pytest.fail("by differences"))
    land, x, p, v = placed(kind)
    rng, h = np.random.default_rng(1), 1e-5
    batch = rng.integers(0, land.batch_count(), (2, 3)) if land.batch_count() else None
    at = lambda k: land.value_and_grad(x + k * h * v, p, np, batch)[1]
    expected = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    np.testing.assert_allclose(land.gradient_along(x, v, p, np, batch)[1], expected, rtol=1e-5, atol=1e-7)


def test_the_hessian_of_softmax_regression_is_the_closed_form():
    """sum_i x_i x_i^T (x) (diag q_i - q_i q_i^T) / n, with q the classes' probabilities."""
    land, x, p, v = placed("softmax_regression")
    features, classes = land.blocks["W"]
    data = np.concatenate([land.dataset.x, np.ones((len(land.dataset.x), 1))], axis=1)
    for s in range(2):
        z = data @ x[0, s].reshape(features + 1, classes)
        q = np.exp(z - z.max(1, keepdims=True))
        q /= q.sum(1, keepdims=True)
        moved = data @ v[0, s].reshape(features + 1, classes)
        turned = q * moved - q * (q * moved).sum(1, keepdims=True)
        expected = data.T @ turned / len(data)
        expected[:-1] += land.l2 * v[0, s].reshape(features + 1, classes)[:-1]
        np.testing.assert_allclose(land.hvp(x, v, p, np)[0, s], expected.reshape(-1), rtol=1e-11, atol=1e-14)


def test_the_hessian_is_of_the_loss_and_the_derivative_of_what_optimizers_get():
    """Feedback alignment follows no gradient; the loss has a symmetric Hessian all the same."""
    land, x, p, _ = placed("teacher_network", {"backward": "alignment"})
    exact = placed("teacher_network")[0]
    eye = np.eye(land.size)
    hessian = np.stack([land.hvp(x, eye[j] + 0 * x, p, np) for j in range(land.size)], axis=-1)
    np.testing.assert_allclose(hessian, np.swapaxes(hessian, -1, -2), atol=1e-14)
    np.testing.assert_array_equal(hessian[..., 0], exact.hvp(x, eye[0] + 0 * x, p, np))
    jacobian = np.stack([land.gradient_along(x, eye[j] + 0 * x, p, np)[1] for j in range(land.size)], axis=-1)
    assert np.abs(jacobian - np.swapaxes(jacobian, -1, -2)).max() > 1e-3
    np.testing.assert_allclose(jacobian[..., 0], sloped(land, x, eye[0] + 0 * x, p), atol=1e-9)


FUNCTIONS = {
    "power": lambda xp, a: a**3 + a**0.5 + 2.0**a + a**a + a**0 + a**-1,
    "elementary": lambda xp, a: xp.sqrt(a) * xp.exp(-a) + xp.log1p(a) / xp.log(1 + a * a) + xp.sin(a) * xp.cos(a) - xp.tanh(a) + xp.sinh(a),
    "reductions": lambda xp, a: (
        a * xp.mean(a, axis=-1, keepdims=True) + xp.max(a, axis=-1, keepdims=True) * xp.sum(a * a, axis=-1, keepdims=True)
    ),
    "shapes": lambda xp, a: xp.concat([a[..., 1:], 2 * a[..., :1]], axis=-1) * xp.reshape(xp.stack([a, a * a], axis=-1)[..., 1], a.shape),
    "choices": lambda xp, a: xp.where(a > 1, a * a, xp.abs(-a)) + xp.maximum(a, 1 / a) * xp.minimum(a, 1.0) + xp.clip(a, 0.5, 0.9),
    "products": lambda xp, a: (a[..., None] * a[..., None, :]) @ a[..., None] * xp.einsum("...i,...i->...", a, a)[..., None, None],
    "filled": lambda xp, a: filled(xp, a),
}


def filled(xp, a):
    made = xp.zeros(a.shape, dtype=a.dtype)
    made[..., 0] = a[..., 1] * 3
    made[..., 1:] += a[..., 1:] ** 2
    made *= a
    return made


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rules_against_differences(name):
    rng = np.random.default_rng(0)
    a, d = rng.uniform(0.2, 1.8, (3, 2, 4)), rng.standard_normal((3, 2, 4))
    function = lambda xp, at: (FUNCTIONS[name](xp, at),)
    exact, measured = derivative(function, (a,), (d,), np), differences(function, (a,), (d,), np)
    np.testing.assert_array_equal(exact[0][0], measured[0][0])
    np.testing.assert_allclose(exact[1][0], measured[1][0], rtol=1e-7, atol=1e-7)


def test_roots_at_zero_have_no_slope_where_nothing_moves():
    with np.errstate(divide="ignore"):
        root = namespace(np).sqrt(Dual(np.zeros(2), np.array([0.0, 1.0]), np))
    np.testing.assert_array_equal(root.slope, [0, np.inf])


def test_nothing_loses_its_derivative_without_a_word():
    a = Dual(np.ones(3), np.ones(3), np)
    for lost in (lambda: np.asarray(a), lambda: float(a[0]), lambda: np.sin(a), lambda: namespace(np).linalg.svd(a), lambda: bool(a[0])):
        with pytest.raises((Unknown, TypeError)):
            lost()


def test_where_no_rule_is_known_differences_are_taken_in_steps_that_fit_every_component():
    """An inverse of a matrix, of numbers from 1e-6 to 1e6: d(A^-1) = -A^-1 dA A^-1."""
    a = np.diag([1e-6, 1.0, 1e6]).reshape(1, 1, 9)
    invert = lambda xp, at: (xp.reshape(xp.linalg.inv(xp.reshape(at, (1, 1, 3, 3))), at.shape),)
    for k, exact in ((0, -1e12), (4, -1.0), (8, -1e-12)):
        d = np.eye(9)[k].reshape(1, 1, 9)
        assert derivative(invert, (a,), (d,), np)[1][0][0, 0, k] == pytest.approx(exact, rel=1e-8)
