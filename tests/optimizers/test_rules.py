"""Every optimizer keeps its contract, and the simple ones follow the closed forms of their papers."""

import inspect
import sys

import numpy as np
import pytest
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.registry import OPTIMIZERS
from thalweg.specs.sweep import SweepMarker

KINDS = [kind for kind in OPTIMIZERS.kinds() if issubclass(OPTIMIZERS.load(kind), ElementwiseOptimizer)]
GIVEN = {"t", "xi", "lr"}
EVERY = pytest.mark.parametrize("kind", KINDS)


def flags(cls):
    """The names of the plain fields of a rule: flags and names, which are never arrays."""
    found = set()
    for name, info in cls.model_fields.items():
        marker = next((m for m in info.metadata if isinstance(m, SweepMarker)), None)
        if name in cls.inputs() and (marker is None or marker.structural):
            found.add(name)
    return found


def settings(cls):
    """The defaults, once with every flag off and once with each on."""
    return [cls(), *(cls(**{name: True}) for name in sorted(flags(cls)))]


def fields(optimizer, dtype=np.float64):
    """The rule's fields as the engine passes them: numbers as (1, 1) arrays, flags as they are."""
    plain = flags(type(optimizer))
    values = {name: getattr(optimizer, name) for name in type(optimizer).inputs() if name not in GIVEN - {"lr"}}
    return {name: value if name in plain else np.full((1, 1), value, dtype) for name, value in values.items()}


def begin(optimizer, x):
    """The rule's state before the first update."""
    return [np.full_like(x, getattr(optimizer, optimizer.initial.get(name, ""), 0.0)) for name in optimizer.state]


def walk(optimizer, grad, x, steps, given=None, rng=None):
    """[x_0, ..., x_steps] of one rule; `given` replaces the fields' values."""
    needs = optimizer.inputs()
    given = fields(optimizer, x.dtype) | (given or {})
    state, path = begin(optimizer, x), [x]
    for t in range(1, steps + 1):
        step = {"t": t} if "t" in needs else {}
        if rng is not None and "xi" in needs:
            step["xi"] = rng.standard_normal(x.shape).astype(x.dtype)
        x, *state = optimizer.update(x, grad(x), *state, **given, **step)
        path.append(x)
    return path


def bowl(x):
    """Gradient of a quadratic with curvatures 1, 2, ..., dim."""
    return x * np.arange(1, x.shape[-1] + 1, dtype=x.dtype)


@EVERY
def test_declares_what_the_contract_asks(kind):
    cls = OPTIMIZERS.load(kind)
    names = cls.inputs()
    assert all(name in GIVEN or name in cls.model_fields for name in names)
    assert set(cls.initial) <= set(cls.state)
    assert all(field in cls.model_fields for field in cls.initial.values())
    assert isinstance(inspect.getattr_static(cls, "update"), staticmethod)
    assert cls.__module__.rpartition(".")[2] == kind == cls().kind
    assert "Source:" in (cls.__doc__ or "")
    assert cls.source
    assert cls.describe()
    lines = inspect.getsource(sys.modules[cls.__module__]).splitlines()
    assert len(lines) <= 120


@EVERY
def test_uses_every_number_it_declares(kind):
    cls = OPTIMIZERS.load(kind)
    used = {*cls.inputs(), *cls.initial.values(), "lr"}
    assert {path[0] for path, _, _ in cls().fields() if len(path) == 1} <= used


@EVERY
def test_round_trips(kind):
    cls = OPTIMIZERS.load(kind)
    for optimizer in settings(cls):
        assert cls.model_validate(optimizer.model_dump()) == optimizer
        assert OPTIMIZERS.parse(optimizer.model_dump(mode="json")) == optimizer


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_is_pure_and_keeps_the_type(kind, dtype):
    rng = np.random.default_rng(1)
    for optimizer in settings(OPTIMIZERS.load(kind)):
        x, g = rng.standard_normal((2, 3, 2, 4)).astype(dtype)
        state = [part + np.abs(rng.standard_normal(x.shape).astype(dtype)) for part in begin(optimizer, x)]
        given = fields(optimizer, dtype)
        given |= {name: v for name, v in {"t": 7, "xi": g[::-1].copy()}.items() if name in optimizer.inputs()}
        arrays = [x, g, *state, *(v for v in given.values() if isinstance(v, np.ndarray))]
        before = [a.copy() for a in arrays]
        first = optimizer.update(x, g, *state, **given)
        again = optimizer.update(x, g, *state, **given)
        assert all(np.array_equal(a, b) for a, b in zip(before, arrays, strict=True))
        assert len(first) == 1 + len(state)
        for a, b in zip(first, again, strict=True):
            assert np.array_equal(a, b)
            assert a.dtype == dtype
            assert a.shape == x.shape


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stays_finite_on_a_zero_gradient(kind, dtype):
    for optimizer in settings(OPTIMIZERS.load(kind)):
        x = np.ones((1, 1, 3), dtype)
        path = walk(optimizer, np.zeros_like, x, 20, rng=np.random.default_rng(2))
        assert np.all(np.isfinite(path))


@EVERY
def test_zero_learning_rate_stays_put(kind):
    for optimizer in settings(OPTIMIZERS.load(kind)):
        x = np.array([[[1.5, -0.5]]])
        path = walk(optimizer, bowl, x, 5, {"lr": np.zeros((1, 1))}, np.random.default_rng(3))
        assert all(np.array_equal(at, x) for at in path)


@EVERY
def test_batch_equals_single_runs(kind):
    rng = np.random.default_rng(4)
    starts, rates = rng.standard_normal((5, 1, 3)), np.geomspace(1e-3, 1e-1, 5)
    for optimizer in settings(OPTIMIZERS.load(kind)):
        noise = {"rng": np.random.default_rng(5)}
        together = walk(optimizer, bowl, starts, 30, {"lr": rates.reshape(5, 1, 1)}, **noise)
        for k in range(5):
            draws = np.random.default_rng(5).standard_normal((30, 5, 1, 3))[:, k]
            alone = walk(optimizer, bowl, starts[k : k + 1], 30, {"lr": rates[k].reshape(1, 1, 1)}, Replay(draws))
            assert all(np.array_equal(a[k : k + 1], b) for a, b in zip(together, alone, strict=True))


class Replay:
    """Gives out draws made before."""

    def __init__(self, draws):
        self.draws = iter(draws)

    def standard_normal(self, shape):
        return next(self.draws).reshape(shape)


@EVERY
def test_float32_follows_float64(kind):
    for optimizer in settings(OPTIMIZERS.load(kind)):
        x = np.array([[[1.5, -0.7, 0.3]]])
        wide = walk(optimizer, bowl, x, 10, rng=np.random.default_rng(6))
        narrow = walk(optimizer, bowl, x.astype(np.float32), 10, rng=np.random.default_rng(6))
        moved = np.max(np.abs(wide[-1] - x))
        assert np.max(np.abs(wide[-1] - narrow[-1])) < 1e-3 * moved + 1e-6


def test_sgd_on_a_quadratic():
    k, lr, steps = 2.5, 0.03, 60
    path = walk(OPTIMIZERS.load("sgd")(lr=lr), lambda x: k * x, np.full((1, 1, 1), 1.7), steps)
    expected = 1.7 * (1 - lr * k) ** np.arange(steps + 1)
    np.testing.assert_allclose(np.ravel(path), expected, rtol=1e-13)


@pytest.mark.parametrize(("nesterov", "trace", "det"), [(False, 1 + 0.8 - 0.03 * 2.5, 0.8), (True, 1.8 * (1 - 0.075), 0.8 * (1 - 0.075))])
def test_momentum_on_a_quadratic(nesterov, trace, det):
    """The errors of heavy ball and of Nesterov (up to a change of variables) obey e'' = trace e' - det e."""
    k, lr, mu = 2.5, 0.03, 0.8
    optimizer = OPTIMIZERS.load("sgd")(lr=lr, momentum=mu, nesterov=nesterov)
    e = np.ravel(walk(optimizer, lambda x: k * x, np.full((1, 1, 1), 1.0), 40))
    np.testing.assert_allclose(e[2:], trace * e[1:-1] - det * e[:-2], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_sgld_reaches_its_stationary_variance(curvature):
    """Unadjusted Langevin on k x^2 / 2 has variance T / (k (1 - h k / 2)), exactly."""
    h, temperature, runs = 0.1, 0.7, 40_000
    optimizer = OPTIMIZERS.load("sgld")(lr=h, temperature=temperature)
    x = np.zeros((runs, 1, 1))
    end = walk(optimizer, lambda x: curvature * x, x, 150, rng=np.random.default_rng(7))[-1]
    expected = temperature / (curvature * (1 - h * curvature / 2))
    assert abs(np.mean(end**2) - expected) < 5 * expected * np.sqrt(2 / runs)


@pytest.mark.parametrize("kind", ["lion", "signum"])
def test_sign_steps_have_length_lr(kind):
    path = np.array(walk(OPTIMIZERS.load(kind)(lr=2.0**-7), lambda x: x - 0.3, np.array([[[1.0, -2.0]]]), 500))
    assert np.all(np.abs(np.diff(path, axis=0)) == 2.0**-7)


@pytest.mark.parametrize("kind", ["adam", "adamw", "amsgrad", "nadam"])
def test_first_step_forgets_the_size_of_the_gradient(kind):
    """With bias correction the first step of Adam is lr sign(g), whatever the gradient."""
    cls = OPTIMIZERS.load(kind)
    more = {"momentum_decay": 0.0} if kind == "nadam" else {}
    optimizer = cls(lr=0.01, eps=0.0, weight_decay=0.0, **more)
    step = np.diff(np.ravel(walk(optimizer, lambda x: 1e4 * x, np.full((1, 1, 1), 3.0), 1)))[0]
    # nadam with constant mu = b1/2: 1 - mu over 1 - mu, plus mu (1 - b1) / (1 - mu^2)
    factor = 1 + 0.45 * 0.1 / (1 - 0.45**2) if kind == "nadam" else 1
    assert step == pytest.approx(-0.01 * factor, rel=1e-12)


def test_radam_becomes_adaptive_when_the_paper_says():
    """Length of the approximated moving average, by its definition, at beta2 = 0.999: above 5 from the sixth update on."""
    optimizer = OPTIMIZERS.load("radam")(lr=1e-3, eps=0.0)
    for dtype in (np.float32, np.float64):
        path = np.ravel(walk(optimizer, np.ones_like, np.zeros((1, 1, 1), dtype), 8))
        plain = np.isclose(np.diff(path), -1e-3, rtol=1e-3)
        assert plain.tolist() == [True] * 5 + [False] * 3


def test_adagrad_starts_from_its_initial_accumulator():
    optimizer = OPTIMIZERS.load("adagrad")(lr=1.0, eps=0.0, initial_accumulator_value=3.0)
    path = np.ravel(walk(optimizer, np.ones_like, np.zeros((1, 1, 1)), 3))
    np.testing.assert_allclose(np.diff(path), -1 / np.sqrt([4.0, 5.0, 6.0]), rtol=1e-14)
