"""Losses of formulas against JAX and optax: value, gradient and Hessian-vector product; and against exact numbers where arguments are large."""

import itertools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import given
from thalweg.specs.program.node import apply
from thalweg.specs.program.read import Reading

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

SHAPES = {"x": (5, 4), "z": (5, 4), "v": (4,), "s": ()}
CLASSES = np.array([0, 3, 1, 1, 2])


def picked(logits):
    return optax.softmax_cross_entropy_with_integer_labels(logits, CLASSES)


def focal(z, gamma):
    p = jnp.take_along_axis(jax.nn.softmax(z), CLASSES[:, None], -1)[:, 0]
    return -((1 - p) ** gamma) * jnp.log(p)


def comp_sum(z, tau):
    u = jnp.exp(z - jnp.take_along_axis(z, CLASSES[:, None], -1)).sum(-1) - 1
    return ((1 + u) ** (1 - tau) - 1) / (1 - tau)


def kl(p, q):
    logs = jax.nn.log_softmax(p)
    return (jnp.exp(logs) * (logs - jax.nn.log_softmax(q))).sum(-1)


def dpo(pc, pr, rc, rr, beta):
    return -jax.nn.log_sigmoid(beta * (pc - rc) - beta * (pr - rr))


def ensloss(m, z, lam):
    steep = jnp.exp(z) if lam == 0 else jnp.maximum(1 + lam * z, 0) ** (1 / lam)
    steep, order = jnp.sort(jnp.maximum(-steep.ravel(), -1)), jnp.argsort(m.ravel())
    placed = jnp.zeros(m.size).at[order].set(steep).reshape(m.shape)
    return jax.lax.stop_gradient(placed / jnp.maximum(m, 1) - 1e-6) * m


LOSSES = {
    "logistic(x)": lambda x, z, v, s: jnp.log(1 + jnp.exp(-x)),
    "logistic(x*z)": lambda x, z, v, s: optax.sigmoid_binary_cross_entropy(x * z, jnp.ones_like(x)),
    "hinge(x)": lambda x, z, v, s: optax.hinge_loss(x, jnp.ones_like(x)),
    "hinge(x*z)": lambda x, z, v, s: jnp.maximum(0, 1 - x * z),
    "exponential(x*v)": lambda x, z, v, s: jnp.exp(-x * v),
    "mse(x, z)": lambda x, z, v, s: ((x - z) ** 2).mean(),
    "mse(x @ v, y)": lambda x, z, v, s: ((x @ v - CLASSES) ** 2).mean(),
    "huber(x)": lambda x, z, v, s: optax.huber_loss(x),
    "huber(x - z, 0.3)": lambda x, z, v, s: optax.huber_loss(x, z, delta=0.3),
    "huber(x - z, delta=2)": lambda x, z, v, s: optax.huber_loss(x, z, delta=2.0),
    "huber(x*z, s)": lambda x, z, v, s: jnp.where(jnp.abs(x * z) <= s, (x * z) ** 2 / 2, s * (jnp.abs(x * z) - s / 2)),
    "comp_sum(x, y, 1)": lambda x, z, v, s: picked(x),
    "comp_sum(x, y, 0)": lambda x, z, v, s: comp_sum(x, 0.0),
    "comp_sum(x, y, tau=0.5)": lambda x, z, v, s: comp_sum(x, 0.5),
    "comp_sum(x*z, y, 2)": lambda x, z, v, s: 1 - jnp.take_along_axis(jax.nn.softmax(x * z), CLASSES[:, None], -1)[:, 0],
    "comp_sum(x, y, s)": lambda x, z, v, s: comp_sum(x, s),
    "focal(x, y)": lambda x, z, v, s: focal(x, 2.0),
    "focal(x*z, y, 0.5)": lambda x, z, v, s: focal(x * z, 0.5),
    "focal(x, y, gamma=0)": lambda x, z, v, s: picked(x),
    "focal(x, y, s)": lambda x, z, v, s: focal(x, s),
    "kl(x, z)": lambda x, z, v, s: optax.losses.kl_divergence_with_log_targets(jax.nn.log_softmax(z), jax.nn.log_softmax(x)),
    "kl(x*x, v)": lambda x, z, v, s: kl(x * x, v),
    "dpo(x, z, v, 0.3*v, 0.1)": lambda x, z, v, s: dpo(x, z, v, 0.3 * v, 0.1),
    "dpo(x, x*z, z, v, s)": lambda x, z, v, s: dpo(x, x * z, z, v, s),
    "ensloss(x*z, z)": lambda x, z, v, s: ensloss(x * z, z, 0),
    "ensloss(x, z, -0.5)": lambda x, z, v, s: ensloss(x, z, -0.5),
    "ensloss(x, z, s)": lambda x, z, v, s: ensloss(x, z, s),
}


def known():
    return {name: given(name, shape) for name, shape in SHAPES.items()} | {"y": given("y", (5,), "int")}


def numbers(seed):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) * 1.5 if shape else np.asarray(rng.uniform(0.2, 0.8)) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("text", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_value_gradient_and_hessian_product_are_those_of_jax(text, seed):
    inputs, data, along = known(), numbers(seed), numbers(seed + 100)
    made = Reading(inputs).read(text)
    weights = np.cos(np.arange(1.0, made.size + 1)).reshape(made.shape)
    y = apply("sum", made * weights)
    xs, directions = [inputs[name] for name in SHAPES], [given(f"d{name}", shape) for name, shape in SHAPES.items()]
    arrays = data | {f"d{name}": a for name, a in along.items()} | {"y": CLASSES}
    value, *rest = evaluate([made, *grad(y, xs), *hvp(y, xs, directions)], np, arrays)

    loss = LOSSES[text]
    points, tangents = tuple(data.values()), tuple(along.values())

    def number(*point):
        return (loss(*point) * weights).sum()

    slopes = jax.grad(number, argnums=range(len(points)))
    np.testing.assert_allclose(value, loss(*points), rtol=1e-10, atol=1e-13)
    for got, want in zip(rest, (*slopes(*points), *jax.jvp(slopes, points, tangents)[1]), strict=True):
        np.testing.assert_allclose(np.broadcast_to(got, want.shape), want, rtol=1e-10, atol=1e-10 * max(1.0, np.abs(want).max()))


def at(text, **data):
    """Value, gradient and second derivatives by x alone, of a loss of one entry or row."""
    x = np.asarray(data["x"], float)
    inputs = {name: given(name, np.shape(a), "int" if name == "y" else "float") for name, a in data.items()}
    made = Reading(inputs).read(text)
    dx = given("dx", x.shape)
    outputs = [made, *grad(apply("sum", made), [inputs["x"]]), *hvp(apply("sum", made), [inputs["x"]], [dx])]
    with np.errstate(over="ignore", invalid="ignore"):
        got = evaluate(outputs, np, {name: np.asarray(a) for name, a in data.items()} | {"dx": np.ones_like(x)})
    return [np.broadcast_to(a, n.shape) for a, n in zip(got, outputs, strict=True)]


@pytest.mark.parametrize("m", [-1e6, -800.0, -40.0, -1.5, 0.0, 1e-9, 30.0, 40.0, 700.0])
def test_logistic_and_dpo_keep_all_digits_where_margins_are_large(m):
    with localcontext() as context:
        context.prec = 400
        e = Decimal(-abs(m)).exp()
        value = (1 + e).ln() + max(Decimal(-m), Decimal(0))
        slope = -1 / (1 + e) if m < 0 else -e / (1 + e)
        curvature = e / (1 + e) ** 2
    for text, x in (("logistic(x)", m), ("dpo(x, 0, 0, 0, 0.5)", 2 * m)):
        scale = 1.0 if text[0] == "l" else 0.5
        got = at(text, x=x)
        for ours, exact, factor in zip(got, (value, slope, curvature), (1.0, scale, scale**2), strict=True):
            np.testing.assert_allclose(ours, float(exact) * factor, rtol=1e-12)


@pytest.mark.parametrize("m", [-1e300, 1.0, 1e300, np.inf, -np.inf])
def test_margins_at_the_joint_and_at_infinity(m):
    hinge = at("hinge(x)", x=m)
    assert [float(a) for a in hinge] == [max(0.0, 1 - m), -0.5 if m == 1 else -1.0 * (m < 1), 0.0]
    huber = at("huber(x)", x=m)
    assert [float(a) for a in huber] == [0.5 if m == 1 else abs(m) - 0.5, max(-1.0, min(1.0, m)), 1.0 * (m == 1)]
    assert [float(a) for a in at("exponential(x)", x=m)] == [
        s * np.exp(-m) if abs(m) == 1 else s * (np.inf if m < 0 else 0) for s in (1, -1, 1)
    ]


@pytest.mark.parametrize("gap", [30.0, 300.0, 800.0, 1e5])
def test_classes_far_apart(gap):
    """Rows that are sure of the right and of the wrong class: finite values and slopes, none of them NaN."""
    sure, wrong = [gap, 0.0, -gap], [0.0, gap, -gap]
    for text in ("focal(x, y)", "focal(x, y, 0.5)", "focal(x, y, s)", "comp_sum(x, y, 1)", "comp_sum(x, y, 1.7)", "comp_sum(x, y, 2)"):
        for row in (sure, wrong):
            got = at(text, x=[row], y=np.array([0]), s=0.5)
            assert all(np.isfinite(a).all() for a in got), (text, row)
    np.testing.assert_allclose(at("focal(x, y)", x=[wrong], y=np.array([0]))[0], [gap], rtol=1e-10)
    np.testing.assert_allclose(at("comp_sum(x, y, 2)", x=[wrong], y=np.array([0]))[0], [1.0], rtol=1e-10)
    value, slope, _ = at("kl(x, z)", x=[sure], z=[wrong])
    np.testing.assert_allclose(value, [gap], rtol=1e-10)
    assert np.isfinite(slope).all()


def test_a_logit_of_minus_infinity_is_a_class_that_is_not_there():
    rest = at("kl(x, z)", x=[[0.3, -1.0]], z=[[0.5, 0.2]])
    value, slope, curved = at("kl(x, z)", x=[[0.3, -1.0, -np.inf]], z=[[0.5, 0.2, -np.inf]])
    np.testing.assert_allclose(value, rest[0], rtol=1e-14)
    np.testing.assert_allclose(slope, [[*rest[1][0], 0.0]], rtol=1e-14)
    np.testing.assert_allclose(curved, [[*rest[2][0], 0.0]], atol=1e-14)
    assert at("kl(x, z)", x=[[0.0, 0.0]], z=[[0.0, -np.inf]])[0] == np.inf


@pytest.mark.parametrize("step", [0.0, 1e-13, 1e-9, 1e-5])
def test_comp_sum_goes_through_cross_entropy(step):
    """Also where tau is a parameter: no digits are lost close to 1."""
    x, y = [[0.2, -1.0, 3.0]], np.array([1])
    c = math.log(math.fsum(math.exp(a + 1.0) for a in x[0]))
    for sign in (1, -1):
        tau = 1 + sign * step
        t = 1 - tau
        want = math.fsum(c * (t * c) ** k / math.factorial(k + 1) for k in range(12))
        for text in (f"comp_sum(x, y, {tau!r})", "comp_sum(x, y, s)"):
            np.testing.assert_allclose(at(text, x=x, y=y, s=tau)[0], [want], rtol=1e-13)


def test_the_slope_of_comp_sum_by_tau_at_cross_entropy():
    inputs = {"x": given("x", (1, 3)), "y": given("y", (1,), "int"), "s": given("s")}
    slope = grad(apply("sum", Reading(inputs).read("comp_sum(x, y, s)")), [inputs["s"]])
    data = {"x": np.array([[0.2, -1.0, 3.0]]), "y": np.array([1]), "s": np.asarray(1.0)}
    c = evaluate([Reading(inputs).read("cross_entropy(x, y)")], np, data)[0]
    np.testing.assert_allclose(evaluate(slope, np, data)[0], -(c[0] ** 2) / 2, rtol=1e-12)


def test_kl_is_zero_of_one_distribution_and_positive_of_two():
    for a, b in itertools.pairwise(np.random.default_rng(0).normal(size=(6, 1, 5))):
        assert at("kl(x, z)", x=a, z=a + 3.0)[0] == pytest.approx(0.0, abs=1e-14)
        assert at("kl(x, z)", x=a, z=b)[0] > 0
