"""Values, gradients and Hessians of formulas against JAX, at smooth points, at kinks, at limits and beyond overflow."""

import numpy as np
import pytest
from thalweg.specs.calculus import calculus
from thalweg.specs.expression import FUNCTIONS, Formula

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

SAME = {"min": "minimum", "max": "maximum"}
# JAX's own |x| has slope 1 at 0, PyTorch's and ours 0
ELSEWHERE = {"abs": lambda x: x * jax.numpy.sign(x), "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "pi": np.pi, "e": np.e}
NAMES = {n: getattr(jax.numpy, SAME.get(n, n)) for n in FUNCTIONS if n not in ("sum", "prod", "sigmoid", "softplus")} | ELSEWHERE

POINTS = [(0.5, 1.5), (1.0, 1.0), (2.0, -0.5), (-1.5, 0.25), (0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (-2.0, -2.0), (40.0, -40.0), (800.0, 30.0)]
SMOOTH = [
    *("x*y + x**2 - 3*y**3", "sin(x)*cos(y)", "tan(x/4)*y", "sinh(x/9)*cosh(y/9)", "tanh(x*y)", "arctan(x - 2*y)", "exp(-x**2 - y**2)"),
    *(
        "1/(1 + x**2 + y**2)",
        "x/(2 + y**2)",
        "sqrt(1 + x**2 + y**2)",
        "(1 + x**2)**1.7",
        "(2 + x**2)**-0.5",
        "(1 + x**2)**(y/9)",
        "2**(x/9)",
    ),
    *(
        "log(1 + x**2)",
        "log(3 + y**2)*x",
        "log1p(x**2*y**2)",
        "expm1(-x**2)",
        "x**3/(1 + y**4)",
        "(x - y)**5",
        "x**-2 + y**2",
        "pi*x + e*y",
    ),
    *("softplus(x)", "softplus(-x) + softplus(y)", "sigmoid(x)*sigmoid(y)", "logaddexp(x, y)", "sigmoid(x)**2", "log1p(exp(-y**2))"),
]
KINKED = [
    *("abs(x)", "abs(x)*y", "abs(x - y)", "x*abs(y)", "max(x, y)", "min(x, y)", "max(0, x)*y", "max(x, 0)**2", "min(x, 1) + max(y, 2)"),
    *(
        "max(x, y)*min(x, y)",
        "sign(x)*y",
        "where(x > y, x**2, y)",
        "where(x <= 1, sin(x), 2*x)",
        "abs(sin(x))",
        "max(log(x), 0)",
        "max(0, log(x))",
    ),
    *("min(log(y), x)", "x**2.5", "abs(x)**3.5", "x**0.5", "sqrt(x)*y", "log(x) + y", "1/x", "x**-1.5", "abs(x)**y", "x**y"),
]


def ours(text, points, what):
    c = calculus(Formula(text, ("x", "y")))
    x = np.array(points)
    with np.errstate(all="ignore"):
        return {
            "value": lambda: c.value(x, {}, np),
            "gradient": lambda: c.value_and_grad(x, {}, np)[1],
            "hessian": lambda: c.hessian(x, {}, np),
        }[what]()


def theirs(text, points, what):
    code = compile(text, "formula", "eval")

    def f(p):
        return eval(code, NAMES, {"x": p[0], "y": p[1]}) + 0 * p[0]

    g = {"value": f, "gradient": jax.grad(f), "hessian": jax.hessian(f)}[what]
    return np.asarray(jax.vmap(g)(np.array(points)))


def where(holds, text, like):
    """Where this holds of JAX's value, in the shape of `like`."""
    held = holds(theirs(text, POINTS, "value"))
    return held.reshape(len(held), *(1,) * (like.ndim - 1)) & np.ones(like.shape, bool)


@pytest.mark.parametrize("text", SMOOTH)
@pytest.mark.parametrize("what", ["value", "gradient", "hessian"])
def test_smooth_formulas_are_as_in_jax(text, what):
    """Wherever the value is finite and JAX has a number, so have we: the same."""
    want, got = theirs(text, POINTS, what), ours(text, POINTS, what)
    known = np.isfinite(want) & where(np.isfinite, text, want)
    assert known.mean() > 0.6
    np.testing.assert_allclose(got[known], want[known], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("text", KINKED)
@pytest.mark.parametrize("what", ["value", "gradient"])
def test_kinks_are_as_in_jax(text, what):
    """At ties, at |0|, at the edges of domains: JAX's numbers, infinities included, and no value where it has none."""
    want, got = theirs(text, POINTS, what), ours(text, POINTS, what)
    known = ~np.isnan(want) & where(lambda v: ~np.isnan(v), text, want)
    np.testing.assert_allclose(got[known], want[known], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(np.isnan(ours(text, POINTS, "value")), np.isnan(theirs(text, POINTS, "value")))
