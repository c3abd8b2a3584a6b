"""Lines through points of a quadratic, where all is known: f(x + s d) = f + s g.d + s^2 d.A d/2."""

import numpy as np
import pytest
import thalweg
from thalweg.specs.errors import SpecError

RNG = np.random.default_rng(5)
DIM = 4
A = RNG.normal(size=(DIM, DIM))
A = A @ A.T / DIM + 0.1 * np.eye(DIM)
BASE = {
    "name": "form",
    "landscape": {"kind": "expression", "variables": {"x": [DIM]}, "arrays": {"A": A.tolist()}, "value": "sum(x * (A @ x))/2"},
    "init": {"kind": "normal"},
    "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}],
    "seeds": 3,
    "steps": 6,
    "record": {"every": 2},
}


def form(x):
    return (x * (x @ A)).sum(axis=-1) / 2


def looked(study=BASE, **fields):
    tree = thalweg.run({**study, "probes": [{"kind": "interval", **fields}]}, executor="array")
    return tree["sgd"], tree["sgd/probe/interval"].load()


def line(x, d, pushes):
    return form(x[..., None, :] + pushes[:, None] * d[..., None, :])


def test_sams_ascent_has_its_closed_form():
    """f(x + r g/|g|) - f = r |g| + r^2/2 g.A g/|g|^2, and with A positive no push within r is worse."""
    group, found = looked(along="gradient", reach=0.3, points=7, at="all")
    x = group["params"].values
    g = x @ A
    size = np.linalg.norm(g, axis=-1)
    wanted = 0.3 * size + 0.045 * (g * (g @ A)).sum(axis=-1) / size**2
    np.testing.assert_allclose(found.ascent.values, wanted, rtol=1e-10)
    np.testing.assert_allclose(found.sharpness.values, wanted, rtol=1e-10)
    assert (found.worst.values == 0.3).all()
    pushes = np.linspace(-0.3, 0.3, 7)
    assert found.push.values.tolist() == pushes.tolist()
    np.testing.assert_allclose(found.loss.values, line(x, g / size[..., None], pushes), rtol=1e-12)


def test_the_top_eigenvector_has_the_largest_curvature():
    group, found = looked(along="top", reach=[-0.5, 0.0, 0.5])
    x = group["params"].values[:, :, -1:]
    values, vectors = np.linalg.eigh(A)
    second = found.loss.values[..., 0] - 2 * found.loss.values[..., 1] + found.loss.values[..., 2]
    np.testing.assert_allclose(second, 0.25 * values[-1], rtol=1e-10)
    top = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    np.testing.assert_allclose(found.loss.values, line(x, np.broadcast_to(top, x.shape), np.array([-0.5, 0.0, 0.5])), rtol=1e-10)


def test_updates_are_differences_of_stored_steps():
    group, found = looked(along="update", reach=1.0, points=5, at="all")
    x = group["params"].values
    d = np.diff(x, axis=2)
    assert found.probe_step.values.tolist() == [2, 4, 6]
    wanted = line(x[:, :, 1:], d / np.linalg.norm(d, axis=-1, keepdims=True), np.linspace(-1, 1, 5))
    np.testing.assert_allclose(found.loss.values, wanted, rtol=1e-10)
    rise = wanted - form(x[:, :, 1:])[..., None]
    np.testing.assert_allclose(found.sharpness.values, np.maximum(rise.max(axis=-1), 0), rtol=1e-9)
    np.testing.assert_array_equal(found.worst.values, np.linspace(-1, 1, 5)[rise.argmax(axis=-1)])


def test_random_vectors_are_a_seeds_own_and_their_rise_has_its_mean():
    """Over unit vectors, the mean of f(x + s d) + f(x - s d) - 2 f is s^2 tr(A)/dim."""
    _, found = looked({**BASE, "seeds": 40}, along="random", draws=50, reach=0.5, points=3, at=[0, 6])
    second = found.loss.values[..., 0] - 2 * found.loss.values[..., 1] + found.loss.values[..., 2]
    np.testing.assert_allclose(second[0, :, 0], second[1, :, 1], rtol=1e-9)  # of any step and point of the sweep
    assert not np.isclose(second[0, 0, 0], second[0, 1, 0]).any()
    one = second[0, :, 0]
    assert one.mean() == pytest.approx(0.25 * np.trace(A) / DIM, abs=3 * one.std() / one.size**0.5)


def test_where_there_is_no_way_up_the_worst_push_is_none():
    bowl = {**BASE["landscape"], "value": "-sum(x * (A @ x))/2"}
    still = {**BASE, "landscape": bowl, "init": {"kind": "point", "at": 0.0}}
    _, found = looked(still, along="top", reach=0.1)
    assert (found.sharpness.values == 0).all()
    assert (found.worst.values == 0).all()
    _, found = looked(still, along="gradient")
    assert np.isnan(found.sharpness.values).all()
    assert np.isnan(found.ascent.values).all()


def test_the_test_part_is_judged_along_training_gradients():
    land = {"kind": "mlp", "data": {"builtin": "blobs", "test_fraction": 0.25}, "hidden": [3]}
    study = {**BASE, "landscape": land, "init": {"kind": "fan_in"}, "record": {"every": 2, "variables": ["loss", "params", "test_loss"]}}
    group, found = looked(study, reach=[0.0, 0.1], on="test")
    np.testing.assert_allclose(found.loss.values[..., 0, 0], group.test_loss.values[..., -1], rtol=1e-12)


WRONG = [
    ({"along": "up"}, "along"),
    ({"reach": 0}, "reach"),
    ({"reach": []}, "takes a positive number, or a list of 1 to 10,001 different pushes"),
    ({"reach": [0.1, 0.1]}, "different pushes"),
    ({"reach": [-0.2, -0.1]}, "reach: along the gradient the largest push is SAM's radius and must be positive, given -0.1"),
    ({"draws": 3}, "draws: is for random vectors; leave it out along gradient"),
    ({"along": "update", "at": 0}, "along: update begins at the second stored step, 2; no step is stored before 0"),
    ({"on": "test"}, "on: test: needs a landscape made of data, and expression is not"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_wrong_lines_are_refused_before_anything_runs(fields, message):
    with pytest.raises(SpecError, match=message):
        thalweg.load_study({**BASE, "probes": [{"kind": "interval", **fields}]})


def test_one_stored_step_has_no_update():
    with pytest.raises(SpecError, match="along: update needs two stored steps, and sgd has 1; record params more often"):
        thalweg.load_study({**BASE, "record": {"last": True}, "probes": [{"kind": "interval", "along": "update"}]})
