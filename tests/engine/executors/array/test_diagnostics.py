"""Diagnostics where differences of one step, or twins at one distance, are wrong: closed forms at any scale and in both precisions."""

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine import check
from thalweg.engine.executors.array import threads as split
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.outcome import Outcome
from thalweg.optimizers.base import RuleOptimizer
from thalweg.specs import dual
from thalweg.specs.diagnostics import _hessian
from thalweg.specs.diagnostics._linear_algebra import direction
from thalweg.specs.registry import OPTIMIZERS


def formula(value, *names, **parameters):
    return {"kind": "expression", "variables": list(names or "x"), "value": value, "parameters": parameters}


def recorded(land, at, variables, optimizer=None, precision="float64", steps=1, **more):
    init = at if isinstance(at, dict) else {"kind": "point", "at": at}
    spec = {"name": "d", "landscape": land, "init": init, "steps": steps, "precision": precision}
    spec |= {"record": {"last": True, "variables": variables}, "stop": {"diverge_above": None}}
    (made,) = thalweg.run({**spec, "optimizers": [optimizer or {"kind": "sgd", "lr": 0.0}], **more}, threads=1).children.values()
    return made


BARRIER = "x**2 + y**2 - 1e-6*(log(x) + log(y))"
TOPS = [
    ({"kind": "griewank", "dim": 2}, 600.0, "float32", 0.98848892),
    ({"kind": "ackley", "dim": 2}, 20.0, "float32", 53.658564),
    ({"kind": "ackley", "dim": 2}, 1e-3, "float64", 2053.2545),
    (formula(BARRIER, "x", "y"), [1e-6, 1.0], "float64", 1_000_002.0),
    (formula(BARRIER, "x", "y"), [1.0, 1e-5], "float64", 2 + 1e-6 / 1e-10),
    (formula("-log(x)"), 1e-6, "float64", 1e12),
    (formula("-log(x)"), 1e-6, "float32", 1e12),
    (formula("x**4"), 1e-9, "float64", 12e-18),
    (formula("sin(x)"), 1e6, "float64", -np.sin(1e6)),
    (formula("-(x - 1e8)**2 - 3*(y - 1e8)**2", "x", "y"), 1e8, "float32", -2.0),
    (formula("1e200*x**2 + y**2", "x", "y"), 1.0, "float64", 2e200),
]


@pytest.mark.parametrize(("land", "at", "precision", "top"), TOPS)
def test_the_top_of_the_hessian_at_any_scale(land, at, precision, top):
    made = recorded(land, at, ["hessian_top"], precision=precision)
    assert made.hessian_top.dtype == precision
    assert float(made.hessian_top[0, -1]) == pytest.approx(top, rel=1e-6)


SPECTRA = {
    "small": [3.0, -5.0, 1.0],
    "even": [2.0] * 50,
    "all below 0": [-1.0 - 0.01 * k for k in range(60)],
    "a large one below 0": [-1e6, 1e-3, *[0.0] * 60],
    "apart": [1e8, *np.linspace(0, 1, 99)],
    "close": [1.0, 1 - 1e-3, 1 - 2e-3, *np.linspace(-1, 0.9, 117)],
    "log": np.geomspace(1e-6, 1, 150).tolist(),
    "edge": np.linspace(-1, 1, 400).tolist(),
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("seed", [None, 1])
def test_the_largest_eigenvalue_of_a_known_spectrum(name, seed):
    land = {"kind": "quadratic", "spectrum": SPECTRA[name], "rotation_seed": seed}
    made = recorded(land, 1e6, ["hessian_top", "hessian_vector"])
    size, top = np.abs(SPECTRA[name]).max(), max(SPECTRA[name])
    assert float(made.hessian_top[0, -1]) == pytest.approx(top, rel=1e-9, abs=1e-12 * size)
    land = thalweg.load_study({"name": "d", "landscape": land, "optimizers": ["sgd"], "steps": 1}).landscape
    v = made.hessian_vector.values[0, -1][None, None]
    p = {"center": np.zeros((1, 1))}
    assert np.linalg.norm(v) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(land.hvp(0 * v, v, p, np), top * v, atol=2e-6 * abs(top) + 1e-11 * size)


@pytest.mark.parametrize("dim", [2, 40])
def test_a_hessian_of_zeros_has_no_direction(dim):
    land = {"kind": "expression", "vector": {"name": "x", "dim": dim}, "value": "sum(x[i])"}
    made = recorded(land, 1.0, ["hessian_top", "hessian_vector"])
    assert (made.hessian_top == 0).all()
    assert np.isnan(made.hessian_vector).all()
    assert "NaN where the Hessian is 0" in made.hessian_vector.attrs["long_name"]


def test_an_eigenvalue_that_was_not_found_is_not_reported(monkeypatch):
    land = {"kind": "quadratic", "spectrum": SPECTRA["edge"], "rotation_seed": 1}
    monkeypatch.setattr(_hessian, "CYCLES", 1)
    assert np.isnan(recorded(land, 1.0, ["hessian_top"]).hessian_top).all()


def test_norms_do_not_overflow():
    made = recorded(formula("1e200*(x + y)", "x", "y"), 1.0, ["gradient_norm"])
    assert float(made.gradient_norm[0, -1]) == pytest.approx(2**0.5 * 1e200)
    made = recorded(formula("1e30*(x + y)", "x", "y"), 1.0, ["gradient_norm"], precision="float32")
    assert float(made.gradient_norm[0, -1]) == pytest.approx(2**0.5 * 1e30)


def exponent(land, at, optimizer, steps=50, **more):
    return float(recorded(land, at, ["lyapunov"], optimizer, steps=steps, **more).lyapunov[0, -1])


MAPS = [(0.0, 0.5), (1e3, 0.1), (1e3, 0.5), (1e2, 2.2), (1e6, 0.05), (1e8, 0.5), (-1e12, 1.7)]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("center", "lr"), MAPS)
def test_the_exponent_of_a_linear_map_wherever_it_is(center, lr, precision):
    found = exponent(formula("(x - c)**2/2", c=center), center + 1, {"kind": "sgd", "lr": lr}, precision=precision)
    assert found == pytest.approx(np.log(abs(1 - float(np.dtype(precision).type(lr)))), rel=1e-6)


@pytest.mark.full
@pytest.mark.parametrize("precision", few(["float32", "float64"], keep=["float32"]))
@pytest.mark.parametrize(("lr", "beta"), few([(0.1, 0.5), (0.5, 0.05), (0.3, 0.9)], keep=[(0.3, 0.9)]))
def test_the_exponent_of_momentum_is_the_logarithm_of_its_spectral_radius(lr, beta, precision):
    land = {"kind": "quadratic", "spectrum": [1.0, 1.0], "center": 1e6}
    found = exponent(land, 1e6, {"kind": "sgd", "lr": lr, "momentum": beta}, steps=20_000, precision=precision)
    largest = np.abs(np.roots([1, -(1 - lr + beta), beta])).max()
    assert found == pytest.approx(np.log(largest), rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("shift", few([0.0, 1e3], keep=[1e3]))
def test_the_exponent_of_the_logistic_map_is_log_2_wherever_it_is(shift):
    land = formula("(x - s)**2/2 - 4*((x - s)**2/2 - (x - s)**3/3)", s=shift)
    init = {"kind": "uniform", "low": shift + 0.1, "high": shift + 0.9}
    made = recorded(land, init, ["lyapunov"], {"kind": "sgd", "lr": 1.0}, steps=1000, seeds=20)
    assert made.lyapunov[:, -1].mean() == pytest.approx(np.log(2), abs=0.02)


def test_distances_that_vanish():
    assert exponent(formula("x**2/2"), 3.0, {"kind": "sgd", "lr": 1.0}) == -np.inf
    assert exponent(formula("x**2/2"), 1e6, {"kind": "lion", "lr": 0.1, "weight_decay": 0.0}) == pytest.approx(0, abs=1e-15)


def test_a_run_that_stops_keeps_its_exponent_and_a_branch_begins_anew(tmp_path):
    land, optimizer = formula("x**2/2"), {"kind": "sgd", "lr": 0.5}
    stopped = exponent(land, 1.0, optimizer, steps=500, stop={"loss_below": 1e-9})
    assert stopped == pytest.approx(np.log(0.5), rel=1e-9)
    spec = {"name": "b", "landscape": land, "init": {"kind": "point", "at": 1.0}, "optimizers": [optimizer], "steps": 100}
    thalweg.run({**spec, "record": {"last": True, "state": [60]}}, out=tmp_path / "first.zarr")
    branch = {"store": str(tmp_path / "first.zarr"), "at": 60}
    made = thalweg.run({**spec, "branch": branch, "record": {"last": True, "variables": ["lyapunov"]}})["sgd"]
    assert float(made.lyapunov[0, -1]) == pytest.approx(np.log(0.5), rel=1e-9)


def test_clipping_and_noise_are_part_of_the_map():
    """Along a gradient that is clipped by value nothing approaches; by norm, the direction across it does."""
    land = formula("x**2/2 + y**2/2", "x", "y")
    noise = {"kind": "gaussian", "scale": 1e-9}
    clipped = {"kind": "sgd", "lr": 0.1, "clip": {"kind": "value", "at": 0.5}}
    assert exponent(land, 1e3, clipped, noise=noise) == 0
    turned = exponent(formula("y**2/2 - 1e3*x", "x", "y"), 0.0, {"kind": "sgd", "lr": 0.1, "clip": {"kind": "norm", "at": 1.0}}, steps=500)
    assert abs(turned) < 1e-3
    assert exponent(formula("x**2/2"), 1e3, {"kind": "sgd", "lr": 0.1}, noise=noise) == pytest.approx(np.log(0.9), rel=1e-9)


DECOMPOSED = ("fismo", "muon", "shampoo", "soap")
"""Optimizers that decompose matrices; the derivatives of their rules come from differences."""
SINGLE = [
    k for k in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(k), RuleOptimizer) and "particles" not in OPTIMIZERS.load(k).model_fields
]


@pytest.mark.parametrize("kind", SINGLE)
def test_a_tangent_is_what_two_near_runs_do(kind, monkeypatch):
    """Along the first steps, from a start of size 1, against runs 1e-6 away on both sides."""
    if kind not in DECOMPOSED:
        monkeypatch.setattr(dual, "differences", lambda *given: pytest.fail("by differences"))
    land = {"kind": "matrix_rosenbrock", "rows": 3}
    spec = {"name": "t", "landscape": land, "init": {"kind": "normal", "std": 0.6}, "steps": 5, "seeds": 2}
    more = {"eps": 1e-2} if kind == "soap" else {}  # its first step divides what is 0 but for rounding by eps
    spec |= {"optimizers": [{"kind": kind, "lr": 1e-3, **more}]}
    spec |= {"record": {"last": True, "variables": ["params", "lyapunov"]}}
    (shard,) = check(spec).groups[0].shards()
    plain = array_simulation(shard)
    x, h = plain.start(), 1e-6
    ends = []
    for sign in (1, -1, 0):
        moved = array_simulation(shard)
        v = direction(x, np)
        monkeypatch.setattr(moved, "start", lambda sign=sign, v=v: x + sign * h * v)
        ends.append(next(iter(moved.run())).data)
    rate = np.linalg.norm(ends[0]["params"] - ends[1]["params"], axis=-1)[..., -1] / (2 * h)
    assert np.isfinite(rate).all()
    np.testing.assert_allclose(ends[2]["lyapunov"][..., -1], np.log(rate) / 5, atol=2e-4)
    if "xi" in OPTIMIZERS.load(kind).inputs():
        return  # its noise is another in float32
    (shard,) = check({**spec, "precision": "float32"}).groups[0].shards()
    moved = array_simulation(shard)
    monkeypatch.setattr(moved, "start", lambda: x.astype("float32"))
    single = next(iter(moved.run())).data
    np.testing.assert_allclose(single["lyapunov"][..., -1], np.log(rate) / 5, atol=5e-4)


def test_the_curl_of_a_gradient_is_zero_at_any_scale_and_nan_where_nothing_moves():
    for precision in ("float32", "float64"):
        made = recorded(formula("(x - 1e6)**2*(y + 1)**2", "x", "y"), [1e6 - 3, 2.0], ["curl"], {"kind": "sgd", "lr": 0.1}, precision)
        assert float(made.curl[0, -1]) < 1e-15
    assert np.isnan(recorded(formula("x + y", "x", "y"), 1.0, ["curl"], {"kind": "sgd", "lr": 0.1}).curl).all()


def test_the_curl_of_a_clipped_gradient_is_the_closed_form():
    """Where it is clipped by norm, descent moves by -lr g/|g|: J = -lr (I - n n^T) H / |g|."""
    land, (x, y) = formula("x**2/2 + 3*y**2/2 + x*y**2", "x", "y"), (0.7, -0.4)
    made = recorded(land, [x, y], ["curl"], {"kind": "sgd", "lr": 1e-9, "clip": {"kind": "norm", "at": 1e-3}})
    g, hessian = np.array([x + y**2, 3 * y + 2 * x * y]), np.array([[1, 2 * y], [2 * y, 3 + 2 * x]])
    n = g / np.linalg.norm(g)
    jacobian = (np.eye(2) - np.outer(n, n)) @ hessian
    expected = np.linalg.norm(jacobian - jacobian.T) / 2 / np.linalg.norm(jacobian)
    assert float(made.curl[0, -1]) == pytest.approx(expected, rel=1e-6)


def test_bits_do_not_depend_on_how_runs_are_split(monkeypatch):
    monkeypatch.setattr(split, "LARGE", 1)
    land = {"kind": "outlier_network", "hidden": 4, "activation": "tanh", "signals": 9, "samples": 40}
    variables = ["hessian_top", "hessian_vector", "lyapunov", "gradient_norm", "curl"]
    spec = {
        "name": "s",
        "landscape": land,
        "init": {"kind": "fan_in"},
        "steps": 6,
        "seeds": 5,
        "record": {"every": 3, "variables": variables},
    }
    (shard,) = check({**spec, "optimizers": [{"kind": "adam", "lr": [0.01, 0.1]}]}).groups[0].shards()

    def whole(made):
        *blocks, end = made.run()
        assert isinstance(end, Outcome)
        return blocks[0].data

    one, several = whole(array_simulation(shard)), whole(simulation(shard, "array", threads=5))
    for name in variables:
        assert np.isfinite(one[name]).all()
        np.testing.assert_array_equal(several[name], one[name])
