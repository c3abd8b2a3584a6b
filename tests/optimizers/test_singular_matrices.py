"""Matrices of low rank, zero, huge and tiny: null directions stay null, and a minimum is left alone."""

import numpy as np
import pytest
import scipy.linalg
from thalweg.engine import run
from thalweg.optimizers._matrix import newton_schulz, polar, powers
from thalweg.optimizers.fismo import Fismo
from thalweg.optimizers.muon import Muon
from thalweg.optimizers.shampoo import Shampoo
from thalweg.specs.functions.newton_schulz import frobenius

RNG = np.random.default_rng(3)
SHAPES = [(3, 3), (5, 3), (3, 7), (20, 12)]
PRECISIONS = ["float64", "float32"]


def rotation(n):
    return scipy.linalg.qr(RNG.normal(size=(n, n)))[0]


def of_rank(rank, shape, precision="float64"):
    """A matrix with `rank` singular values within [1/2, 2], and its polar factor over them."""
    left, right = rotation(shape[0])[:, :rank], rotation(shape[1])[:, :rank]
    return ((left * RNG.uniform(0.5, 2, rank)) @ right.T).astype(precision), left @ right.T


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_polar_factor_is_that_of_the_singular_values_that_are_not_zero(shape, precision):
    tolerance = 1e-4 if precision == "float32" else 1e-12
    for rank in range(min(shape) + 1):
        for size in (1.0, 1e-30, 1e30):
            g, wanted = of_rank(rank, shape, precision)
            found = polar((g * np.asarray(size, g.dtype))[None])[0]
            assert found.dtype == g.dtype
            np.testing.assert_allclose(found, wanted, atol=tolerance)
            np.testing.assert_allclose(np.linalg.svd(found, compute_uv=False)[rank:], 0, atol=tolerance)


def test_the_polar_factor_of_a_regular_matrix_is_scipy_s():
    g = RNG.normal(size=(4, 6, 3))
    for found, each in zip(polar(g), g, strict=True):
        np.testing.assert_allclose(found, scipy.linalg.polar(each)[0], atol=1e-12)


def test_an_ill_conditioned_matrix_keeps_its_rank():
    """The threshold is that of matrix_rank: what is above it is a direction like any other."""
    g = np.diag([1.0, 1e-6, 1e-12, 1e-15, 1e-17])
    np.testing.assert_array_equal(np.diag(polar(g)), [1, 1, 1, 0, 0])
    assert np.linalg.matrix_rank(g) == 3


def test_matrices_that_are_not_finite_are_nan_and_leave_their_neighbours_alone():
    g = np.stack([np.eye(3), np.full((3, 3), np.nan), np.diag([np.inf, 1, 1]), np.zeros((3, 3))])
    with np.errstate(all="ignore"):
        for found in (polar(g), newton_schulz(g, 5), powers(g, -0.5)[0]):
            assert np.isfinite(found[[0, 3]]).all()
            assert np.isnan(found[1]).all()
            assert np.isnan(found[2]).any()


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("eps", [1e-7, 0.0])
def test_newton_schulz_of_zero_is_zero(eps, clamp):
    np.testing.assert_array_equal(newton_schulz(np.zeros((2, 3, 4)), 5, eps=eps, clamp=clamp), 0)


@pytest.mark.parametrize(("precision", "sizes"), [("float64", (1e-300, 1e-160, 1e160, 1e300)), ("float32", (1e-37, 1e-25, 1e25, 1e37))])
def test_newton_schulz_does_not_depend_on_the_size(precision, sizes):
    g = RNG.normal(size=(4, 6)).astype(precision)
    wanted = newton_schulz(g, 5, eps=0.0)
    for size in sizes:
        with np.errstate(all="ignore"):
            found = newton_schulz(g * np.asarray(size, g.dtype), 5, eps=0.0)
            norm = frobenius(np, g * np.asarray(size, g.dtype))[0, 0]
        np.testing.assert_allclose(found, wanted, atol=1e-4 if precision == "float32" else 1e-10)
        np.testing.assert_allclose(norm / np.asarray(size, g.dtype), np.linalg.norm(g), rtol=1e-5 if precision == "float32" else 1e-12)


def test_powers_are_scipy_s_and_hidden_eigenvalues_have_a_floor():
    a = RNG.normal(size=(5, 5))
    p = a @ a.T + 0.1 * np.eye(5)
    for found, e in zip(powers(p, -0.25, -0.5, -1.0, 0.5), (-0.25, -0.5, -1.0, 0.5), strict=True):
        np.testing.assert_allclose(found, scipy.linalg.fractional_matrix_power(p, e), rtol=1e-9, atol=1e-12)
    q = rotation(6)[:, :2]
    (found,) = powers(q @ q.T, -0.5)
    assert np.abs(found).max() < 1.1 / np.sqrt(6 * np.finfo(float).eps)
    np.testing.assert_allclose(found @ q, q, atol=1e-7)
    np.testing.assert_allclose(powers(q @ q.T, 0.5)[0], q @ q.T, atol=1e-7)


LAND = {"kind": "matrix_quadratic", "rows": 3, "cols": 3}
RULES = [{"kind": "muon", "lr": 0.1, "method": "polar", "label": "polar"}, {"kind": "fismo", "lr": 0.1}, {"kind": "muon", "lr": 0.1}]
RULES += [{"kind": "muon", "lr": 0.1, "eps": 0.0, "label": "no_eps"}, {"kind": "fismo", "gamma": 0.0, "mu": 0.0, "label": "no_memory"}]
RULES += [
    {"kind": "fismo", "method": "newton_schulz", "label": "fismo_ns"},
    "shampoo",
    "soap",
    {"kind": "shampoo", "decay": 0.5, "label": "forgets"},
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_minimum_is_left_alone(precision):
    study = {
        "name": "still",
        "landscape": LAND,
        "init": {"kind": "point", "at": 0},
        "optimizers": RULES,
        "steps": 12,
        "precision": precision,
    }
    tree = run(study)
    for name, group in tree.children.items():
        np.testing.assert_array_equal(group.loss.values, 0, err_msg=name)
        np.testing.assert_array_equal(group.params.values, 0, err_msg=name)


def test_the_step_of_diag_1_0_0_is_diag_lr_0_0():
    g, o = np.diag([1.0, 0, 0])[None], np.zeros((1, 3, 3))
    fields = Muon(method="polar")
    given = {name: getattr(fields, name) for name in fields.inputs() if name in Muon.model_fields}
    moved, _ = Muon.update(o, g, o, t=1, **(given | {"lr": 0.1}))
    np.testing.assert_array_equal(moved[0], np.diag([-0.1, 0, 0]))
    f, eye = Fismo(), np.eye(3)[None]
    moved = Fismo.update(o, g, o, eye, eye, 0.1, f.beta, 1.0, f.mu, "polar")[0]
    np.testing.assert_allclose(moved[0], np.diag([-0.1, 0, 0]), atol=1e-15)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_low_rank_move_the_matrix_within_their_span(shape, precision):
    """300 updates by gradients of rank 1 in fixed, turned directions: no update has a second singular value."""
    left, right = rotation(shape[0])[:, :1], rotation(shape[1])[:, :1]
    one, f = np.dtype(precision).type, Fismo()
    state = [np.zeros((1, *shape), precision), *(np.eye(n, dtype=precision)[None] for n in shape)]
    left_of, right_of = (1e-4 * np.eye(n, dtype=precision)[None] for n in shape)
    worst = {"fismo": 0.0, "shampoo": 0.0}
    for t in range(1, 301):
        g = (RNG.uniform(0.5, 2) * left @ right.T).astype(precision)[None]
        new, *state = Fismo.update(np.zeros_like(g), g, *state, one(0.1), one(f.beta), one(f.gamma), one(f.mu), "polar")
        moved, _, left_of, right_of = Shampoo.update(
            np.zeros_like(g), g, np.zeros_like(g), left_of, right_of, t + 1, one(0.1), one(0), one(0.5), one(1e-4)
        )
        for name, step in (("fismo", new), ("shampoo", moved)):
            s = np.linalg.svd(step[0], compute_uv=False)
            worst[name] = max(worst[name], float(s[1] / s[0]))
    assert max(worst.values()) < (1e-2 if precision == "float32" else 1e-6), worst
