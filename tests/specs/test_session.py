"""Optimizers and landscapes of a session: classes and functions that a decorator registers, run, stored with their source, and refused where they
cannot be."""

import json

import numpy as np
import pytest
import thalweg
from thalweg.optimizers.base import ElementwiseOptimizer
from thalweg.specs.base import Count, NonNegative
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.landscapes.base import FormulaLandscape
from thalweg.specs.session import forget
from thalweg.specs.sweep import Structural, Swept


@pytest.fixture(autouse=True)
def _own_session():
    yield
    forget()


def study(landscape, optimizer="sgd", **more):
    return {
        "name": "session",
        "landscape": landscape,
        "init": {"kind": "uniform", "low": -1.0, "high": 1.0},
        "optimizers": [optimizer],
        "seeds": 3,
        "steps": 8,
        **more,
    }


def bowl(x, steep=1.0):
    """A bowl: steep |x|^2."""
    return steep * np.sum(x**2, axis=-1)


def slope(x, steep=1.0):
    return 2 * np.asarray(steep)[..., None] * x


def heavy():
    class HeavyBall(ElementwiseOptimizer):
        """v <- beta v + g;  x <- x - lr v."""

        lr: Swept[NonNegative] = 0.01
        beta: Swept[NonNegative] = 0.9
        state = ("v",)

        @staticmethod
        def update(x, g, v, lr, beta):
            v = beta * v + g
            return x - lr * v, v

    return HeavyBall


def test_a_class_is_an_optimizer_with_the_bits_of_the_bundled_one():
    thalweg.optimizer(heavy())
    mine = thalweg.run(study("rosenbrock", {"kind": "heavy_ball", "lr": [0.001, 0.002], "beta": 0.9}))
    theirs = thalweg.run(study("rosenbrock", {"kind": "sgd", "lr": [0.001, 0.002], "momentum": 0.9}))
    np.testing.assert_array_equal(mine["heavy_ball"].params.values, theirs["sgd"].params.values)
    fused = thalweg.run(study("rosenbrock", {"kind": "heavy_ball", "lr": 0.001}), executor="fused")
    np.testing.assert_allclose(fused["heavy_ball"].loss, mine["heavy_ball"].loss.sel(lr=0.001), rtol=1e-9)


def test_a_class_is_a_landscape():
    @thalweg.landscape
    class Ripples(FormulaLandscape):
        """The sum of x_i^2 + a sin(x_i)^2."""

        dim: Structural[Count] = 3
        a: Swept[NonNegative] = 1.0
        formula = "sum(x[i]**2 + a*sin(x[i])**2)"

    made = thalweg.run(study({"kind": "ripples", "a": [0.0, 1.0], "dim": 2}))
    x = made["sgd"].params
    np.testing.assert_allclose(made["sgd"].loss, (x**2 + x.a * np.sin(x) ** 2).sum("dim"), rtol=1e-12)


def test_a_function_is_a_landscape_with_numbers_that_can_be_swept():
    assert thalweg.landscape(dim=3, grad=slope)(bowl) is bowl
    mine = thalweg.run(study({"kind": "bowl", "steep": [0.5, 2.0], "dim": 4}, {"kind": "sgd", "lr": [0.1, 0.2]}))["sgd"]
    assert mine.loss.dims == ("steep", "lr", "seed", "step")
    x0 = mine.params.isel(step=0)
    np.testing.assert_allclose(mine.params.isel(step=8), x0 * (1 - 2 * mine.lr * mine.steep) ** 8, rtol=1e-9)


def test_jax_derives_a_function_of_one_point():
    jnp = pytest.importorskip("jax.numpy")

    @thalweg.landscape(dim=2, grad="jax")
    def valley(x, b=100.0):
        return (1 - x[0]) ** 2 + b * (x[1] - x[0] ** 2) ** 2 + 0 * jnp.sin(x[0])

    for precision, rtol in (("float64", 1e-12), ("float32", 1e-4)):
        mine = thalweg.run(study({"kind": "valley", "b": [1.0, 100.0]}, {"kind": "adam", "lr": 0.01}, precision=precision))
        theirs = thalweg.run(
            study({"kind": "rosenbrock", "b": [1.0, 100.0]}, {"kind": "adam", "lr": 0.01}, precision=precision), executor="array"
        )
        np.testing.assert_allclose(mine["adam"].loss, theirs["adam"].loss, rtol=rtol)


def test_without_jax_it_is_said_what_is_missing(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *given, **named):
        if name == "jax":
            raise ImportError("no jax")
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)

    @thalweg.landscape(dim=2, grad="jax")
    def missing(x):
        return x[0] ** 2 + x[1] ** 2

    with pytest.raises(SpecError, match="needs the package jax, which is not installed; pip install jax, or give a gradient"):
        thalweg.run(study("missing"))


def test_the_store_has_the_source_and_is_not_finished_by_another(tmp_path):
    thalweg.landscape(dim=3, grad=slope)(bowl)
    thalweg.run(study("bowl"), tmp_path / "a.zarr")
    held = json.loads(thalweg.open_run(tmp_path / "a.zarr").attrs["session_units"])
    assert held["bowl"].startswith("def bowl(x, steep=1.0):")

    def changed(x, steep=1.0):
        return steep * np.sum(x**4, axis=-1)

    thalweg.landscape(changed, dim=3, grad=slope, kind="bowl")
    with pytest.raises(StoreError, match="was begun with different source code of bowl"):
        thalweg.run(study("bowl"), tmp_path / "a.zarr", resume=True)
    forget()
    assert thalweg.open_run(tmp_path / "a.zarr")["sgd"].loss.sizes["step"] == 9
    assert thalweg.compare(tmp_path / "a.zarr").sizes["optimizer"] == 1


def test_a_class_that_is_registered_again_takes_the_place_of_the_first():
    thalweg.landscape(dim=2, grad=slope)(bowl)

    def other(x):
        return np.sum(x, axis=-1)

    thalweg.landscape(other, dim=2, grad=lambda x: np.ones_like(x), kind="bowl")
    made = thalweg.run(study("bowl"))["sgd"]
    np.testing.assert_allclose(made.loss, made.params.sum("dim"))


def test_workers_are_refused(tmp_path):
    thalweg.landscape(dim=2, grad=slope)(bowl)
    with pytest.raises(SpecError, match="bowl: is defined only in this session, and other processes do not know it"):
        thalweg.run(study("bowl"), tmp_path / "w.zarr", workers=2)


def wrong_shape(x):
    return x


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: thalweg.optimizer(dict), "dict is not a subclass of thalweg.optimizers.base.Optimizer"),
        (lambda: thalweg.optimizer(bowl), "bowl is not a subclass"),
        (lambda: thalweg.landscape(dict), "dict is not a subclass of thalweg.specs.landscapes.base.Landscape"),
        (lambda: thalweg.landscape(3), "takes a class or a function, given 3"),
        (lambda: thalweg.landscape(bowl), "bowl is a function, and needs dim=N and grad=FUNCTION"),
        (lambda: thalweg.landscape(bowl, dim=2, grad="autograd"), "grad must be a function or 'jax', given 'autograd'"),
        (lambda: thalweg.landscape(lambda x, a: x, dim=2, grad=slope, kind="f"), "the argument a needs a number as its default"),
        (lambda: thalweg.landscape(lambda x: x, dim=2, grad=slope), "a kind consists of lowercase letters"),
        (lambda: thalweg.landscape(bowl, dim=2, grad=slope, kind="rosenbrock"), "there is a landscape 'rosenbrock' already"),
        (lambda: thalweg.landscape(bowl, dim=0, grad=slope), "dim must be a whole number of at least 1, given 0"),
        (
            lambda: thalweg.landscape(wrong_shape, dim=2, grad=slope) and thalweg.run(study("wrong_shape")),
            r"wrong_shape: the function of points .* has the shape",
        ),
    ],
)
def test_what_cannot_be_registered_is_refused(call, words):
    with pytest.raises(SpecError, match=words):
        call()
