"""Rules of other people: what a program takes, what it refuses in one line, and that a refused rule runs all the same."""

import re
from pathlib import Path
from typing import Literal

import array_api_strict
import numpy as np
import pytest
from thalweg.engine.api import check, run
from thalweg.engine.cli import app
from thalweg.engine.executors.array.rule import Update, why_called
from thalweg.engine.executors.choose import array_simulation
from thalweg.optimizers._rule import traced
from thalweg.optimizers.base import ElementwiseOptimizer, VectorOptimizer
from thalweg.specs.base import NonNegative
from thalweg.specs.errors import SpecError
from thalweg.specs.program.numpy_functions import FUNCTIONS_OF_NUMPY, UFUNCS, VIEWS, Untraceable
from thalweg.specs.sweep import Swept
from typer.testing import CliRunner


def optimizer(update, base=VectorOptimizer, **more):
    """An optimizer with this rule."""

    class Own(base):
        """A rule of a test."""

        kind: Literal["own"] = "own"
        lr: Swept[NonNegative] = 0.1
        beta: Swept[NonNegative] = 0.9

    for name, value in more.items():
        setattr(Own, name, value)
    Own.update = staticmethod(update)
    return Own()


def writes(x, g, lr):
    x -= lr * g
    return x


def writes_out(x, g, lr):
    return np.subtract(x, lr * g, out=x)


def writes_a_part(x, g, lr):
    new = x - lr * g
    new[..., 0] = 0.0
    return new


def writes_a_view(x, g, lr):
    new = x - lr * g
    new[..., :1] *= 2
    return new


def branches(x, g, lr):
    if np.max(np.abs(g)) > 1:
        g = g / np.max(np.abs(g))
    return x - lr * g


def loops(x, g, lr):
    return x - lr * np.stack(list(g))


def many(x, g, m, lr):
    return x - lr * g


WRONG = [
    (writes, "writes into its argument x; make a new array: write x = x - lr*g instead of x -= lr*g"),
    (writes_out, "writes into its argument x; make a new array: write x = x - lr*g instead of x -= lr*g"),
    (writes_a_part, "writes into a part of an array; use np.where, np.concatenate or np.stack"),
    (writes_a_view, "writes into a view of another array; make a new array: write x = x - lr*g instead of x -= lr*g"),
    (branches, "decides with `if`, `and` or `not` on the values of an array; use np.where, and &, | and ~"),
    (loops, "loops over the entries of an array; use functions of arrays"),
    (lambda x, g, lr: x - lr * np.fft.fft(g).real, "calls np.fft.fft; use what docs/howto/own_optimizer.md lists"),
    (lambda x, g, lr: x - lr * np.nextafter(g, 0.0), "calls np.nextafter; use what docs/howto/own_optimizer.md lists"),
    (lambda x, g, lr: x - lr * np.add.reduce(g, -1), "calls np.add.reduce; use a function of arrays such as np.sum"),
    (lambda x, g, lr: x - lr * g.dot(g), "uses .dot of an array; use what docs/howto/own_optimizer.md lists"),
    (lambda x, g, lr: x - float(lr) * g, "turns an array into a Python number; use NumPy's functions, not those of math"),
    (
        lambda x, g, lr: x - lr * np.asarray(g),
        "makes a new array from an array (np.array, np.asarray, or a function from outside NumPy); use the array as it is",
    ),
    (lambda x, g, lr: x - lr * g / len(g), "counts the rows of an array by len(); use .shape[-1] and the like"),
    (
        lambda x, g, lr: x - lr * np.sum(g, axis=0),
        "counts an axis from the front (0), where those of the runs stand; count from the end: axis=-1",
    ),
    (lambda x, g, lr: x - lr * g[0], "indexes an array from the front, where the axes of the runs stand; begin with ...: x[..., 0]"),
    (lambda x, g, lr: x - lr * g[..., g > 0], "indexes an array by another, or by ... twice; use np.where, numbers and slices"),
    (lambda x, g, lr: x - lr * g.astype(int), "turns an array into another type; numbers stay numbers"),
    (
        lambda x, g, lr: x - lr * np.sum(g, axis=-1, keepdims=True, dtype=float),
        "gives a NumPy function an option other than axis and keepdims, such as dtype",
    ),
    (lambda x, g, lr: x - lr * np.linalg.norm(g, ord=3, axis=-1, keepdims=True), "calls np.linalg.norm with ord 3"),
    (lambda x, g, lr: x - lr * np.swapaxes(g, -1, -2), "names axis -2 of an array that has 1 besides those of the runs"),
    (lambda x, g, lr: x - lr * np.ones((3, 2)), "returns x of shape (3, 2); it was given with shape (2,)"),
    (lambda x, g, lr: x - lr * np.ones(3), "has arrays that do not go together: (2,) and (3,) do not go together"),
    (lambda x, g, lr: (x - lr * g, x), "returns 2 arrays; it must return x and its states (x)"),
]


@pytest.mark.parametrize(("update", "message"), WRONG)
def test_what_no_program_can_is_one_line_that_names_the_optimizer(update, message):
    with pytest.raises(Untraceable) as error:
        traced(optimizer(update), {"x": (2,)})
    assert str(error.value).startswith("own: its rule ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def study(rule, precision="float64", **more):
    return {
        "name": "t",
        "landscape": "rosenbrock",
        "init": {"kind": "normal"},
        "optimizers": [rule],
        "seeds": 3,
        "steps": 6,
        "precision": precision,
        **more,
    }


def by_where(x, g, m, t, lr, beta):
    m = beta * m + (1 - beta) * np.where(np.max(np.abs(g), axis=-1, keepdims=True) > 1, np.sign(g), g)
    return x - lr * m / (1 - beta**t), m


def by_hand(x, g, m, t, lr, beta):
    m *= beta  # the engine's array, if it were not a copy
    for k in np.ndindex(*g.shape[:-1]):
        m[k] += (1 - beta) * (np.sign(g[k]) if max(abs(g[k])) > 1 else g[k])
    if t > 1:
        x -= lr * m / (1 - beta**t)
    else:
        x = x - lr * m / (1 - beta)
    return x, m


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_rule_that_is_no_program_is_called_as_it_stands(precision):
    """Point by point on copies, with Python's own numbers, and so to rounding as one that is."""
    swept = {"lr": [0.01, 0.1], "beta": [0.5, 0.9999999999]}
    made = []
    for update in (by_where, by_hand):
        rule = type(optimizer(update, state=("m",))).model_validate(swept)
        plan = check(study(rule, precision))
        assert ("writes into its argument m" in why_called(next(plan.groups[0].shards()))) == (update is by_hand)
        made.append(run(study(rule, precision))["own"])
    for name in ("loss", "params"):
        assert made[0][name].dtype == made[1][name].dtype
        np.testing.assert_allclose(made[0][name].values, made[1][name].values, rtol=1e-4 if precision == "float32" else 1e-12)


def test_exponents_are_those_of_a_rule_that_is_no_program_too():
    """Its derivative is taken by differences, where dual numbers do not pass."""
    made = []
    for update in (by_where, by_hand):
        rule = optimizer(update, state=("m",))
        made.append(run(study(rule, record={"variables": ["loss", "lyapunov"]}))["own"].lyapunov.values)
    np.testing.assert_allclose(made[0], made[1], rtol=1e-5, atol=1e-7)


def test_on_other_arrays_than_numpys_it_is_refused():
    shard = next(check(study(optimizer(branches))).groups[0].shards())
    with pytest.raises(SpecError, match=r"own: its rule decides with .* it runs only on the CPU"):
        list(array_simulation(shard, array_api_strict).run())


def test_check_says_how_a_rule_runs(monkeypatch, tmp_path):
    monkeypatch.setattr("thalweg.engine.executors.array.rule.why_called", lambda shard: "own: its rule calls np.fft.fft; use another")
    (tmp_path / "s.yaml").write_text("name: t\nlandscape: rosenbrock\noptimizers: [sgd]\nseeds: 2\nsteps: 5\n")

    shown = " ".join(CliRunner().invoke(app, ["check", str(tmp_path / "s.yaml")], env={"COLUMNS": "300"}).stdout.split())
    assert "the rule is called directly on NumPy arrays, one sweep point after another: own: its rule calls np.fft.fft" in shown


RIGHT = {
    "reductions": lambda x, g: (
        np.mean(g, axis=-1, keepdims=True) + np.std(x) + np.var(g, axis=-1, keepdims=True) + x.max() - g.min(-1)[..., None]
    ),
    "products": lambda x, g: (
        np.einsum("...i,...i->...", x, g)[..., None] * np.outer(np.ones(1), np.ones(3))[0] + np.vecdot(x, g)[..., None]
    ),
    "shapes": lambda x, g: np.concatenate([x[..., 1:], x[..., :1]], axis=-1) + np.flip(g, axis=-1) + np.squeeze(g[..., None], axis=-1),
    "more shapes": lambda x, g: (
        np.stack([x, g], axis=-2)[..., 1, :] + np.moveaxis(x[..., None], -1, -2)[..., 0, :] + g.reshape(g.shape)[..., ::-1]
    ),
    "in place": lambda x, g: in_place(x, g),
    "elementary": lambda x, g: (
        np.arctan(x) + np.log1p(abs(g)) * np.expm1(-abs(x)) + np.floor(3 * x) + g % 2 + g // 2 + np.reciprocal(1 + g * g)
    ),
    "truth": lambda x, g: np.where((x > 0) & ~(g > 0) | np.isnan(g), x, -x) + np.clip(g, -0.5, 0.5) + (x > g) * 1.0 + np.isfinite(x),
    "matrices": lambda x, g: np.matmul(np.linalg.inv(np.eye(3) + x[..., None] * x[..., None, :]), g[..., None])[..., 0],
    "norms": lambda x, g: g / np.linalg.norm(g, axis=-1, keepdims=True) + np.cumsum(x, axis=-1) + np.sort(g, axis=-1),
    "filled": lambda x, g: np.zeros_like(x) + np.ones_like(g) * np.full_like(x, 2.0) + x.dtype.type(1.5) + np.finfo(x.dtype).eps,
    "factors": lambda x, g: np.matmul(np.linalg.qr(x[..., None] * x[..., None, :] + np.eye(3))[1], g[..., None])[..., 0],
}


def in_place(x, g):
    a = x + g
    b = a
    b *= 2.0
    view = a[..., ::-1]
    a += 1.0
    np.multiply(a, g, out=a)
    return a + view + b


@pytest.mark.parametrize("what", RIGHT)
def test_what_a_rule_may_use_is_what_it_is_in_numpy(what):
    own = optimizer(lambda x, g, lr: x - lr * RIGHT[what](x, g), ElementwiseOptimizer)
    rule, rng = traced(own, {"x": (3,)}).parts[0], np.random.default_rng(0)
    x, g, lr = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 3)), np.array([[0.1], [0.2]])
    (made,) = Update(rule.outputs, {}, np.float64, np)({"x": x, "g": g, "lr": lr}, 1)
    alone = [[own.update(x[k, s], g[k, s], lr[k]) for s in range(4)] for k in range(2)]
    np.testing.assert_allclose(made, alone, rtol=1e-13, atol=1e-14)


def test_the_page_on_rules_lists_every_function_that_is_known():
    page = (Path(__file__).parents[2] / "docs" / "howto" / "own_optimizer.md").read_text()
    listed = set(
        re.findall(r"`((?:linalg\.)?[a-z_0-9]+)`", page[page.index("- Elementwise, as") : page.index("A rule that uses anything else")])
    )
    known = {f"{f.__module__}.{f.__name__}".removeprefix("numpy.") for f in (*FUNCTIONS_OF_NUMPY, *VIEWS)} | {*UFUNCS, "abs"}
    assert listed - {"scipy.special"} == known
