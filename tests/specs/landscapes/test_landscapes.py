"""Every registered landscape: exact derivatives, declared minima, shapes, dtypes, batches; published formulas as independent oracles."""

import itertools

import numpy as np
import pytest
import sympy
from pydantic import ValidationError
from thalweg.specs.landscapes.base import SymbolicLandscape
from thalweg.specs.registry import LANDSCAPES

KINDS = LANDSCAPES.kinds()


def make(kind, **fields):
    cls = LANDSCAPES.load(kind)
    return cls.model_validate({"kind": kind, **(cls.example() if hasattr(cls, "example") else {}), **fields})


def numbers(land):
    return {path[-1]: value for path, value, structural in land.fields() if not structural}


def columns(land, dtype=np.float64, xp=np, seeds=3):
    """The landscape's numbers and, if it is a random one, what is random in it for these seeds."""
    made = {name: np.full((1, 1), value, dtype=dtype) for name, value in numbers(land).items()}
    rng = np.random.default_rng(7)
    made |= {name: v.astype(dtype)[None] for name, v in land.disorder(lambda count: rng.standard_normal((seeds, count))).items()}
    return {name: xp.asarray(v) for name, v in made.items()}


def of_run(p, one):
    """The numbers as the run at index `one` sees them."""
    return {name: v if v.ndim == 2 else v[:, one[1]] for name, v in p.items()}


def points(land, count=6, seed=0):
    low, high = land.domain
    return np.random.default_rng(seed).uniform(low, high, (2, count // 2, land.size))


def differences(f, x, eps):
    """Central differences of f along every component; a new last axis."""
    made = []
    for k in range(x.shape[-1]):
        e = np.zeros(x.shape[-1])
        e[k] = eps
        made.append((f(x + e) - f(x - e)) / (2 * eps))
    return np.stack(made, axis=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_against_finite_differences(kind):
    land = make(kind)
    x, p = points(land), columns(land)
    value, gradient = land.value_and_grad(x, p, np)
    assert gradient.shape == x.shape
    np.testing.assert_allclose(value, land.value(x, p, np), rtol=1e-12, atol=1e-14)
    eps = 1e-6 * (land.domain[1] - land.domain[0])
    scale = abs(gradient).max() + 1e-3
    np.testing.assert_allclose(differences(lambda z: land.value(z, p, np), x, eps), gradient, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("kind", [k for k in KINDS if issubclass(LANDSCAPES.load(k), SymbolicLandscape)])
def test_hessian_and_hessian_vector_product(kind):
    land = make(kind)
    x, p = points(land), columns(land)
    hessian = land.calculus.hessian(x, p, np)
    scale = abs(hessian).max()
    np.testing.assert_allclose(hessian, np.swapaxes(hessian, -1, -2), rtol=1e-9, atol=1e-12 * scale)
    eps = 1e-6 * (land.domain[1] - land.domain[0])
    measured = differences(lambda z: land.value_and_grad(z, p, np)[1], x, eps)
    np.testing.assert_allclose(measured, hessian, rtol=1e-4, atol=1e-5 * scale)
    v = np.random.default_rng(1).standard_normal(x.shape)
    np.testing.assert_allclose(land.calculus.hvp(x, v, p, np), (hessian @ v[..., None])[..., 0], rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("kind", KINDS)
def test_declared_minima(kind):
    land = make(kind)
    p = columns(land, seeds=1)
    low, high = land.domain
    best = min((m.value for m in land.minima(numbers(land)) if not m.local), default=-np.inf)
    x = np.random.default_rng(0).uniform(low, high, (1, 2000, land.size))
    assert best == -np.inf or land.value(x, p, np).min() >= best
    for minimum in land.minima(numbers(land)):
        at = np.asarray(minimum.at).reshape(1, 1, -1)
        with np.errstate(all="raise" if minimum.smooth else "ignore"):
            value, gradient = land.value_and_grad(at, p, np)
        assert value.item() == pytest.approx(minimum.value, abs=1e-8)
        near = at + 1e-3 * np.random.default_rng(1).standard_normal((1, 500, land.size))
        assert (land.value(near, p, np) >= minimum.value - 1e-12).all()
        if minimum.smooth:
            assert abs(gradient).max() < 1e-6
        if minimum.smooth and isinstance(land, SymbolicLandscape):
            assert np.linalg.eigvalsh(land.calculus.hessian(at, p, np)).min() > -1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_batches_equal_single_runs_bit_for_bit(kind, dtype):
    land = make(kind)
    x, p = points(land).astype(dtype), columns(land, dtype)
    value, gradient = land.value_and_grad(x, p, np)
    assert value.dtype == gradient.dtype == dtype
    assert all(o.dtype == dtype for o in land.observe(x, p, np).values())
    for index in np.ndindex(x.shape[:2]):
        one = tuple(slice(k, k + 1) for k in index)
        alone, slope = land.value_and_grad(x[one], of_run(p, one), np)
        np.testing.assert_array_equal(alone, value[one])
        np.testing.assert_array_equal(slope, gradient[one])


@pytest.mark.parametrize("kind", KINDS)
def test_swept_numbers_equal_each_value_alone(kind):
    land = make(kind)
    x, p = points(land), columns(land)
    for name, value in numbers(land).items():
        many = {**p, name: np.array([[value * 1.0], [value * 1.1 + 0.01]])}
        both = land.value(x, many, np)
        for k in range(2):
            np.testing.assert_array_equal(both[k : k + 1], land.value(x[k : k + 1], {**p, name: many[name][k : k + 1]}, np))


@pytest.mark.parametrize("kind", KINDS)
def test_array_api_strict_agrees(kind):
    strict = pytest.importorskip("array_api_strict")
    land = make(kind)
    x = points(land)
    want = land.value_and_grad(x, columns(land), np)
    got = land.value_and_grad(strict.asarray(x), columns(land, xp=strict), strict)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-12, atol=1e-12 * (1 + abs(b).max()))


@pytest.mark.parametrize("kind", KINDS)
def test_documented_and_round_trips(kind):
    land = make(kind)
    assert "Source:" in (type(land).__doc__ or "") or kind == "expression"
    assert LANDSCAPES.parse(land.model_dump(mode="json", exclude_none=True)) == land
    assert set(land.observe(points(land), columns(land), np)) == set(land.observable_names)


def published(kind, x, xp):
    """The formulas as published, in other words than ours: x a list of three components, xp numpy or sympy."""
    n, pi = len(x), xp.pi
    match kind:
        case "rosenbrock":
            return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))
        case "rastrigin":
            return 10 * n + sum(a**2 - 10 * xp.cos(2 * pi * a) for a in x)
        case "ackley":
            e = xp.exp(1)
            return -20 * xp.exp(-xp.sqrt(sum(a**2 for a in x) / n) / 5) - xp.exp(sum(xp.cos(2 * pi * a) for a in x) / n) + 20 + e
        case "griewank":
            product = 1
            for k, a in enumerate(x):
                product = product * xp.cos(a / xp.sqrt(k + 1))
            return sum(a**2 for a in x) / 4000 - product + 1
        case "levy":
            w = [1 + (a - 1) / 4 for a in x]
            middle = sum((a - 1) ** 2 * (1 + 10 * xp.sin(pi * a + 1) ** 2) for a in w[:-1])
            return xp.sin(pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + xp.sin(2 * pi * w[-1]) ** 2)
        case "styblinski_tang":
            return sum(a**4 - 16 * a**2 + 5 * a for a in x) / 2
        case "schwefel":
            return sympy.Float("418.9828872724337", 17) * n - sum(a * xp.sin(xp.sqrt(abs(a))) for a in x)
    raise LookupError(kind)


@pytest.mark.parametrize("kind", ["rosenbrock", "rastrigin", "ackley", "griewank", "levy", "styblinski_tang", "schwefel"])
def test_against_the_published_formula_and_its_sympy_gradient(kind):
    land = make(kind, dim=3)
    x = points(land)
    symbols = sympy.symbols("a b c", real=True)
    formula = published(kind, list(symbols), sympy)
    value, gradient = land.value_and_grad(x, columns(land), np)
    for index in np.ndindex(x.shape[:2]):
        at = dict(zip(symbols, map(sympy.Float, x[index]), strict=True))
        assert value[index] == pytest.approx(float(formula.evalf(25, subs=at)), rel=1e-10, abs=1e-9)
        slopes = [float(sympy.diff(formula, s).evalf(25, subs=at)) for s in symbols]
        np.testing.assert_allclose(gradient[index], slopes, rtol=1e-8, atol=1e-8)


def test_quadratic_has_the_spectrum_it_says():
    land = make("quadratic", dim=5, condition=100.0, sharpness=2.0, center=0.0, rotation_seed=3)
    x, p = points(land), columns(land)
    a = land.hessian(x, p, np)[0, 0]
    np.testing.assert_allclose(np.linalg.eigvalsh(a), np.geomspace(0.02, 2, 5), rtol=1e-12)
    assert abs(a - np.diag(np.diag(a))).max() > 0.01
    value, gradient = land.value_and_grad(x, p, np)
    np.testing.assert_allclose(value, np.einsum("...i,ij,...j->...", x, a, x) / 2, rtol=1e-12)
    np.testing.assert_allclose(gradient, x @ a, rtol=1e-10, atol=1e-12)


def test_vector_formulas_cost_the_same_code_in_ten_thousand_dimensions():
    for kind in ("rosenbrock", "griewank", "river_valley_nd"):
        land = make(kind, dim=10_000)
        x = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 2, 10_000))
        value, gradient = land.value_and_grad(x, columns(land), np)
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", ["ackley", "schwefel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_at_the_origin_is_zero_where_the_formula_as_published_divides_by_zero(kind, dtype):
    land = make(kind)
    value, gradient = land.value_and_grad(np.zeros((1, 1, 2), dtype), columns(land, dtype), np)
    assert np.isfinite(value).all()
    assert abs(gradient).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_default_start_is_not_a_stationary_point(kind):
    land = make(kind)
    at = getattr(land.start(), "at", None)
    if at is not None and kind != "expression":
        x = np.broadcast_to(np.asarray(at, dtype=float), (1, 1, land.size))
        assert abs(land.value_and_grad(x, columns(land), np)[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("fields", "spectrum"),
    [
        ({"dim": 3, "condition": 4, "sharpness": 4}, [1, 2, 4]),
        ({"dim": 3, "condition": 4, "sharpness": 4, "spacing": "linear", "rotation_seed": 7}, [1, 2.5, 4]),
        ({"dim": 1}, [1]),
        ({"spectrum": [1, -2, 3], "rotation_seed": 4}, [-2, 1, 3]),
    ],
)
def test_quadratic_spectra(fields, spectrum):
    land = LANDSCAPES.load("quadratic").model_validate(fields)
    hessian = land.hessian(points(land), columns(land), np)[0, 0]
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), spectrum, rtol=1e-12)
    assert bool(land.minima(numbers(land))) == (min(spectrum) >= 0)
    assert type(land).model_validate(land.model_dump(mode="json")) == land


@pytest.mark.parametrize(
    "fields",
    [
        {"spectrum": [1, 2], "dim": 3},
        {"spectrum": [1, 2], "condition": 5},
        {"spectrum": [1, 2], "condition": [5, 6]},
        {"spectrum": []},
        {"condition": 0.5},
        {"rotation_seed": -1},
        {"spacing": "geometric"},
    ],
)
def test_quadratic_refuses(fields):
    with pytest.raises(ValidationError):
        LANDSCAPES.load("quadratic").model_validate(fields)


def test_minima_are_stated_only_where_they_hold():
    assert make("himmelblau", a=10.0).minima({"a": 10.0, "b": 7.0}) == []
    assert make("rosenbrock").minima({"a": 2.0, "b": 1.0})[0].at == (2.0, 4.0)
    assert make("rosenbrock", dim=3).minima({"a": 2.0, "b": 1.0}) == []
