"""Landscapes of samples: sampled gradients are right on average, groups and links are what the formulas say, smoothing is a mean."""

import numpy as np
import pytest
from thalweg.engine import run
from thalweg.specs.errors import SpecError
from thalweg.specs.landscapes.single_index import coefficients, moments, response
from thalweg.specs.registry import LANDSCAPES

RNG = np.random.default_rng(0)


def make(kind, **fields):
    return LANDSCAPES.load(kind).model_validate({"kind": kind, **fields})


def columns(land, seeds=1, seed=7):
    made = {path[-1]: np.full((1, 1), float(v)) for path, v, structural in land.fields() if not structural}
    rng = np.random.default_rng(seed)
    return made | {name: v[None] for name, v in land.disorder(lambda count: rng.standard_normal((seeds, count))).items()}


ONLINE = {
    "bigram": {"tokens": 5, "vocabulary": 3, "zipf": 1.0},
    "single_index": {"dim": 4, "link": "he2"},
    "teacher_network": {"inputs": 3, "hidden": 2, "samples": 200_000, "activation": "relu"},
    "outlier_network": {"signals": 2, "samples": 200_000, "rarity": 0.1, "alpha": 2.0, "hidden": 2, "activation": "tanh"},
}


@pytest.mark.parametrize("kind", ONLINE)
def test_gradients_of_new_samples_are_right_on_average(kind):
    """Within five standard errors of the population's gradient, or of that on very many samples."""
    land = make(kind, **ONLINE[kind])
    p = columns(land)
    x = RNG.normal(size=(1, 1, land.size))
    if kind == "single_index":
        x /= np.linalg.norm(x)
    exact = land.value_and_grad(x, p, np)[1][0, 0]
    size, batches = 500, 400
    drawn = np.array([land.value_and_grad(x, p, np, RNG.normal(size=(1, size, land.sample_size)))[1][0, 0] for _ in range(batches)])
    if kind == "single_index":  # the population's f is that on the sphere: along it
        exact, drawn = exact - x[0, 0] * (exact @ x[0, 0]), drawn - x[0, 0] * (drawn @ x[0, 0])[:, None]
    finite = drawn.std(0) / np.sqrt(size) * (2 if "network" in kind else 0)  # the training samples are a sample too
    assert (np.abs(drawn.mean(0) - exact) < 5 * drawn.std(0) / np.sqrt(batches) + finite + 1e-12).all()


@pytest.mark.parametrize("kind", ["teacher_network", "outlier_network", "single_index"])
def test_a_minibatch_of_all_samples_is_the_whole(kind):
    fields = {**ONLINE[kind], "samples": 12}
    land = make(kind, **fields)
    p, x = columns(land, seeds=3), RNG.normal(size=(2, 3, land.size))
    batch = np.tile(np.arange(12), (3, 1))
    for a, b in zip(land.value_and_grad(x, p, np, batch), land.value_and_grad(x, p, np), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    one = land.value_and_grad(x, p, np, batch[:, :1])[1]
    assert one.shape == x.shape


def test_one_linear_unit_on_outliers_is_the_population_model():
    """Loss = opposing_signals' + kappa^2 alpha / 2, groups too, up to the sampling of the signal (4 standard errors)."""
    d, alpha, rarity, kappa = 4, 20.0, 0.1, 0.5
    net = make("outlier_network", signals=d, samples=400_000, alpha=alpha, rarity=rarity, kappa=kappa, strength=2.0)
    toy = make("opposing_signals", signals=d, alpha=alpha, rarity=rarity, kappa=kappa, strength=2.0)
    point = RNG.normal(size=d + 2)  # b, o, c
    x = point.reshape(1, 1, -1)
    p, q = columns(net), columns(toy)
    found, expected = net.observe(x, p, np), toy.observe(x, q, np)
    for name in ("loss_plus", "loss_minus"):
        assert found[name].item() == pytest.approx(expected[name].item(), rel=0.05)
    assert net.value(x, p, np).item() == pytest.approx(toy.value(x, q, np).item() + kappa**2 * alpha / 2, rel=0.02)
    gradient, wanted = net.value_and_grad(x, p, np)[1][0, 0], toy.value_and_grad(x, q, np)[1][0, 0]
    np.testing.assert_allclose(gradient, wanted, atol=0.03 * np.abs(wanted).max())


@pytest.mark.parametrize("link", ["he1", "he2", "he3", "he4", "tanh", "relu", "absolute", "cosine"])
def test_links_have_mean_square_one_and_their_coefficients(link):
    u = np.linspace(-12, 12, 400_001)[:-1] + 12 / 400_000
    weight = np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * (u[1] - u[0])
    s, slope = response(link, u, np)
    assert np.sum(s * weight) == pytest.approx(0, abs=1e-6)
    assert np.sum(s * s * weight) == pytest.approx(1, rel=1e-6)
    made = coefficients(link)
    assert sum(c * c for c in made) == pytest.approx(1, abs=0.02)
    assert made[1] == pytest.approx(np.sum(slope * weight), abs=1e-4)  # Stein
    exponent = {"he2": 2, "he3": 3, "he4": 4, "absolute": 2, "cosine": 2}.get(link, 1)
    assert next(j for j, c in enumerate(made) if j and abs(c) > 1e-6) == exponent
    if link == "tanh":
        assert moments(link)[1] ** 2 == pytest.approx(np.sum(np.tanh(u) ** 2 * weight), rel=1e-9)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_smoothing_is_the_mean_over_the_sphere_across_the_point(order):
    d, size = 4, 0.8
    smooth, plain = make("tensor_pca", dim=d, order=order, samples=5.0, smoothing=size), make("tensor_pca", dim=d, order=order, samples=5.0)
    p = columns(smooth)
    x = RNG.normal(size=d)
    x /= np.linalg.norm(x)
    z = RNG.normal(size=(200_000, d))
    z -= (z @ x)[:, None] * x
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    values = plain.value(((x + size * z) / np.sqrt(1 + size**2))[None], p | {"smoothing": np.zeros((1, 1))}, np)
    assert smooth.value(x[None, None], p, np).item() == pytest.approx(values.mean(), abs=5 * values.std() / np.sqrt(len(z)))


def test_the_bigram_s_laws_are_laws_and_in_turn():
    land = make("bigram", tokens=10, vocabulary=6, certain=0.3, zipf=1.0)
    law, often, certain = land.laws
    np.testing.assert_allclose(law.sum(1), 1)
    assert certain.sum() == 3
    assert (law[certain].max(1) == 1).all()
    assert often.sum() == pytest.approx(1)
    assert (np.diff(often) < 0).all()


def test_online_noise_needs_a_distribution_and_is_seen_by_the_optimizer_alone():
    with pytest.raises(SpecError, match="online needs a landscape with a distribution of samples, and rosenbrock has none"):
        run({"name": "s", "landscape": "rosenbrock", "noise": "online", "optimizers": ["sgd"], "steps": 1})
    study = {"name": "s", "landscape": "bigram", "optimizers": [{"kind": "sgd", "lr": 0.5}], "seeds": 3, "steps": 30}
    noisy = run({**study, "noise": {"kind": "online", "size": 4}})["sgd"]
    exact = run(study)["sgd"]
    assert (noisy.loss[:, 0] == exact.loss[:, 0]).all()
    assert (noisy.loss[:, 5:] != exact.loss[:, 5:]).all()
    np.testing.assert_allclose(noisy.loss[:, 1], noisy.certain_loss[:, 1] + noisy.uncertain_loss[:, 1], rtol=1e-12)
    again = run({**study, "noise": {"kind": "online", "size": 4}, "seeds": 2})["sgd"]
    np.testing.assert_array_equal(again.params, noisy.params[:2])


def test_feedback_alignment_turns_the_gradient_towards_the_exact_one():
    land = {"kind": "teacher_network", "inputs": 10, "hidden": 20, "backward": "alignment", "activation": "linear"}
    study = {"name": "s", "landscape": land, "optimizers": [{"kind": "sgd", "lr": 0.5}], "seeds": 20, "steps": 1000}
    made = run({**study, "init": {"kind": "fan_in", "gain": 0.05}})["sgd"]
    assert float(made.loss[:, -1].median()) < 0.1 * float(made.loss[:, 0].median())
    assert float(made.alignment[:, -1].mean()) > float(made.alignment[:, 0].mean()) + 0.1
