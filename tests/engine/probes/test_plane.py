"""Planes against the quadratic form that they are on, and axes against NumPy's and SciPy's of matrices written out."""

import numpy as np
import pytest
import scipy.linalg
import thalweg
from thalweg.engine.probes._lanczos import ritz
from thalweg.engine.results.principal import principal
from thalweg.specs.errors import SpecError

RNG = np.random.default_rng(3)
DIM = 5
A = RNG.normal(size=(DIM, DIM))
A = A @ A.T / DIM + 0.1 * np.eye(DIM)
B = RNG.normal(size=DIM)
FORM = {
    "kind": "expression",
    "variables": {"x": [DIM]},
    "arrays": {"A": A.tolist(), "B": B.tolist()},
    "value": "sum(x * (A @ x))/2 + sum(B * x)",
}
BASE = {
    "name": "form",
    "landscape": FORM,
    "init": {"kind": "normal"},
    "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}],
    "seeds": 3,
    "steps": 12,
    "record": {"every": 3},
}
ADAM = {**BASE, "optimizers": [{"kind": "adam", "lr": 0.05, "beta2": [0.9, 0.99]}], "record": {"every": 3, "state": [6, 12]}}


def form(x):
    return (x * (x @ A)).sum(axis=-1) / 2 + x @ B


def planes(study=BASE, **fields):
    tree = thalweg.run({**study, "probes": [{"kind": "plane", "vectors": True, "size": 7, **fields}]}, executor="array")
    name = study["optimizers"][0]["kind"]
    return tree[name], tree[f"{name}/probe/plane"].load()


def points(group, block="params"):
    """(sweep, seed, step, dim)."""
    return group[block].values


@pytest.mark.parametrize("axes", ["random", "hessian", "pca", [0, 6], "adam"])
def test_the_plane_of_a_quadratic_is_that_quadratic(axes):
    group, found = planes(ADAM if axes == "adam" else BASE, axes=axes, at=[6, 12] if axes != [0, 6] else [12], reach=2)
    at = list(group.step.values)
    x = points(group)[:, :, [at.index(t) for t in found.probe_step.values]][..., None, None, :]
    e = found.axes.values * found.unit.values[..., None]
    a, b = np.meshgrid(found.plane_x.values, found.plane_y.values)
    where = x + a[..., None] * e[..., None, None, 0, :] + b[..., None] * e[..., None, None, 1, :]
    np.testing.assert_allclose(found.loss.values, form(where), rtol=1e-12, atol=1e-12)
    assert found.plane_x.values.tolist() == np.linspace(-2, 2, 7).tolist()
    np.testing.assert_allclose(np.linalg.norm(found.axes.values, axis=-1), 1, rtol=1e-12)


def test_the_path_is_projected_by_least_squares():
    group, found = planes(axes="random", at=9)
    x = points(group)
    for point, seed in ((0, 0), (1, 2)):
        axes = found.axes.values[point, seed, 0]
        wanted = [np.linalg.lstsq(axes.T, y - x[point, seed, 3], rcond=None)[0] for y in x[point, seed]]
        np.testing.assert_allclose(found.trajectory.values[point, seed, 0], wanted, rtol=1e-9, atol=1e-12)


def test_principal_axes_are_numpys_and_hold_the_whole_trajectory():
    group, found = planes(axes="pca")
    for point, seed in ((0, 1), (1, 2)):
        x = points(group)[point, seed]
        _, sizes, vectors = np.linalg.svd(x - x.mean(axis=0))
        axes = found.axes.values[point, seed, 0]
        np.testing.assert_allclose(np.abs((axes * vectors[:2]).sum(axis=-1)), 1, rtol=1e-9)
        np.testing.assert_allclose(found.explained.values[point, seed, 0], (sizes**2 / (sizes**2).sum())[:2], rtol=1e-9)
        on_plane = (x - x[-1]) @ axes.T
        np.testing.assert_allclose(found.unit.values[point, seed, 0], np.abs(on_plane).max(axis=0), rtol=1e-8)
        np.testing.assert_allclose(found.trajectory.values[point, seed, 0] * found.unit.values[point, seed, 0], on_plane, atol=1e-9)


def test_a_plane_through_steps_has_them_where_they_are_said_to_be():
    _, found = planes(axes=[0, 6], reach=1.5)
    steps = list(found.trajectory_step.values)
    np.testing.assert_allclose(found.trajectory.values[:, :, 0, steps.index(0)], np.broadcast_to([1.0, 0.0], (2, 3, 2)), atol=1e-9)
    np.testing.assert_allclose(found.trajectory.values[:, :, 0, steps.index(6), 1], 1, rtol=1e-9)


def test_top_axes_are_eigenvectors_of_the_matrix():
    _, found = planes(axes="hessian")
    values, vectors = np.linalg.eigh(A)
    np.testing.assert_allclose(found.curvature.values, np.broadcast_to(values[::-1][:2], (2, 3, 1, 2)), rtol=1e-10)
    for k in (0, 1):
        np.testing.assert_allclose(np.abs(found.axes.values[..., k, :] @ vectors[:, -1 - k]), 1, rtol=1e-10)


def test_axes_of_adam_solve_the_generalized_problem():
    """H u = lambda P u with P = sqrt(v/(1 - beta2^t)) + eps."""
    group, found = planes(ADAM, axes="adam", at=[6, 12])
    for point, beta2 in enumerate((0.9, 0.99)):
        for k, t in enumerate((6, 12)):
            v = group.state.values[point, 1, k, 2 * DIM : 3 * DIM]
            p = np.sqrt(v / (1 - beta2**t)) + 1e-8
            values, vectors = scipy.linalg.eigh(A, np.diag(p))
            one = found.isel(beta2=point, seed=1, probe_step=k)
            np.testing.assert_allclose(one.curvature.values, values[::-1][:2], rtol=1e-9)
            for j in (0, 1):
                u = vectors[:, -1 - j]
                assert abs(one.axes.values[j] @ u / np.linalg.norm(u)) == pytest.approx(1, rel=1e-9)


def test_lanczos_finds_the_axes_of_a_large_matrix():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(300, 300)))
    values = np.concatenate([np.linspace(0, 1, 298), [2.0, 3.0]])
    a = q * values @ q.T
    start = rng.normal(size=(2, 3, 300))
    found, vectors = ritz(lambda v: v @ a, start / np.linalg.norm(start, axis=-1, keepdims=True), 60, 2)
    np.testing.assert_allclose(found, np.broadcast_to([3.0, 2.0], (2, 3, 2)), rtol=1e-12)
    np.testing.assert_allclose(np.abs(vectors @ q[:, [299, 298]]), np.broadcast_to(np.eye(2), (2, 3, 2, 2)), atol=1e-7)


NET = {
    **BASE,
    "landscape": {"kind": "mlp", "data": {"builtin": "blobs", "test_fraction": 0.25}, "hidden": [4]},
    "init": {"kind": "fan_in"},
    "optimizers": [{"kind": "sgd", "lr": 0.1}],
}


def test_filters_and_layers_have_the_lengths_of_the_parameters():
    land = thalweg.load_study(NET).landscape
    for how in ("filter", "layer"):
        group, found = planes(NET, axes="random", normalize=how, size=3, at=[0, 12])
        for k, t in enumerate((0, -1)):
            for name, where in land.block_slices.items():
                shape = land.blocks[name]
                d = found.axes.values[0, k][:, where].reshape(2, *shape)
                x = group[f"params_{name}"].values[0, t]
                if how == "layer":
                    np.testing.assert_allclose(np.linalg.norm(d.reshape(2, -1), axis=1), np.linalg.norm(x), rtol=1e-12)
                elif len(shape) == 2:
                    np.testing.assert_allclose(
                        np.linalg.norm(d, axis=1), np.broadcast_to(np.linalg.norm(x, axis=0), (2, shape[1])), rtol=1e-12
                    )
                else:
                    assert (d == 0).all()


def test_random_axes_are_a_seeds_own_and_the_same_at_all_its_steps():
    _, found = planes(axes="random", at="all")
    axes = found.axes.values
    assert (axes == axes[:1, :, :1]).all()
    assert not np.isclose(axes[:, 0], axes[:, 1]).any()


def test_the_loss_of_the_test_part_is_the_observable():
    study = {**NET, "record": {"every": 3, "variables": ["loss", "params", "test_loss"]}}
    group, found = planes(study, on="test", size=3)
    assert found.loss.values[0, 0, 1, 1] == pytest.approx(float(group.test_loss[0, -1]), rel=1e-12)


def test_a_run_that_stood_still_has_no_principal_axes_and_one_that_diverged_nothing():
    still = {**BASE, "init": {"kind": "point", "at": (-np.linalg.solve(A, B)).tolist()}, "optimizers": [{"kind": "sgd", "lr": 0.0}]}
    _, found = planes(still, axes="pca")
    assert np.isnan(found.axes.values).all()
    lost = {**BASE, "landscape": {"kind": "quadratic", "dim": 3}, "optimizers": [{"kind": "sgd", "lr": [0.1, 1e200]}]}
    tree = thalweg.run({**lost, "probes": [{"kind": "plane", "axes": "pca", "size": 3}]}, executor="array")
    found = tree["sgd/probe/plane"]
    assert np.isfinite(found.loss.values[0]).all()
    assert np.isnan(found.loss.values[1]).all()


def test_diverged_steps_are_left_out_of_principal_axes():
    path = np.random.default_rng(1).normal(size=(1, 1, 6, 4))
    path[0, 0, 4:] = np.nan
    axes, share = principal(path, 2)
    kept = path[0, 0, :4]
    _, sizes, vectors = np.linalg.svd(kept - kept.mean(axis=0))
    np.testing.assert_allclose(np.abs((axes[0, 0] * vectors[:2]).sum(axis=-1)), 1, rtol=1e-10)
    np.testing.assert_allclose(share[0, 0], (sizes**2)[:2] / (sizes**2).sum(), rtol=1e-10)


WRONG = [
    (BASE, {"axes": "randm"}, "axes"),
    (BASE, {"axes": [0]}, r"takes random, hessian, pca, adam, or two different stored steps, given \[0\]"),
    (BASE, {"axes": [3, 3]}, "two different stored steps"),
    (BASE, {"axes": [0, 4]}, r"axes: sgd has no stored parameters of step 4 \(stored: 0, 3, 6, 9, 12\)"),
    (BASE, {"axes": [0, 12]}, "axes: step 12 is the point itself"),
    (BASE, {"axes": "pca", "normalize": "layer"}, "normalize: layer is for random axes; leave it out"),
    ({**BASE, "record": {"last": True}}, {"axes": "pca"}, "axes: pca needs at least three stored steps, and sgd has 1"),
    (BASE, {"axes": "adam"}, "axes: adam: needs a rule that divides by the root of a second moment, such as adam, and sgd does not"),
    (ADAM, {"axes": "adam", "at": 3}, "axes: adam: needs the second moment of step 3; add 3 to record.state"),
    ({**ADAM, "record": {"every": 3, "state": [0]}}, {"axes": "adam", "at": 0}, "the second moment begins at the first update"),
    (BASE, {"normalize": "filter"}, "normalize: filter needs blocks that are matrices, and expression has none; take layer"),
    (BASE, {"on": "test"}, "on: test: needs a landscape made of data, and expression is not"),
    ({**BASE, "landscape": {"kind": "quadratic", "dim": 1}}, {}, "a plane needs at least 2 components"),
    (BASE, {"size": 402}, "size"),
    (BASE, {"reach": 0}, "reach"),
]


@pytest.mark.parametrize(("base", "fields", "message"), WRONG, ids=[str(case[1]) for case in WRONG])
def test_wrong_planes_are_refused_before_anything_runs(base, fields, message):
    with pytest.raises(SpecError, match=message) as error:
        thalweg.load_study({**base, "probes": [{"kind": "plane", **fields}]})
    assert len(error.value.problems) == 1
