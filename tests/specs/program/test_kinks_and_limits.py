"""What holds at kinks, ties, limits and beyond them: conventions that no difference quotient shows."""

import math
import warnings

import array_api_strict
import numpy as np
import pytest
from thalweg.specs.calculus import calculus
from thalweg.specs.errors import PlacedError
from thalweg.specs.expression import Formula
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import given
from thalweg.specs.program.read import Reading

inf, nan = np.inf, np.nan


def known(data):
    """Inputs shaped as these arrays."""
    kinds = {"f": "float", "i": "int", "b": "bool"}
    return {name: given(name, a.shape, kinds[a.dtype.kind]) for name, a in data.items()}


def value(text, dtype=np.float64, **data):
    """The value of the formula."""
    arrays = {name: np.asarray(a, dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for name, a in data.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(evaluate([Reading(known(arrays)).read(text)], np, arrays)[0])


def slope(text, dtype=np.float64, along=None, **data):
    """The gradient of the sum of the formula by x, or its Hessian times `along`."""
    arrays = {name: np.asarray(a, dtype) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for name, a in data.items()}
    inputs = known(arrays)
    y = Reading(inputs).read(f"sum({text})")
    if along is not None:
        inputs["d"], arrays["d"] = given("d", arrays["x"].shape), np.asarray(along, dtype)
    made = grad(y, [inputs["x"]]) if along is None else hvp(y, [inputs["x"]], [inputs["d"]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.broadcast_to(np.asarray(evaluate(made, np, arrays)[0]), arrays["x"].shape)


def same(got, want, rtol=1e-14):
    np.testing.assert_allclose(got, want, rtol=rtol, atol=0)


# masks: what is put out sends back 0, whatever is there

MASKED = [
    *("exp(x)", "exp(1000*x)", "log(x - x)", "sqrt(x - 3)", "1/(x - x)", "(x - D)**2", "x*D", "x**D", "abs(x*D)", "max(x*D, x)"),
    *("sinh(1000*x)", "cosh(1000*x)", "expm1(1000*x)", "log1p(-x)", "tan(x*D)", "sin(x*D)", "cos(x*D)", "arctan(x*D)", "sigmoid(x*D)"),
    *(
        "softplus(x*D)",
        "logaddexp(x*D, D)",
        "relu(x*D)",
        "leaky_relu(x*D)",
        "gelu(x*D)",
        "silu(x*D)",
        "erf(x*D)",
        "erfc(x*D)",
        "clip(x*D, 0, x)",
    ),
    *("norm(x*D)", "std(x*D)", "var(x*D)", "prod(x*D)", "max(x*D)", "min(x*D)", "logsumexp(x*D)", "logsumexp(log(x - x))", "softmax(x*D)"),
    *("softmax(log(x - x))", "log_softmax(x*D)", "cumsum(x*D)", "sort(x*D)", "sum(x*D)", "mean(x*D)", "square(x*D)", "floor(x*D)"),
]


@pytest.mark.parametrize("text", MASKED)
def test_the_branch_that_is_not_taken_sends_back_0(text):
    x, D = np.array([1.0, 3.0]), np.array([nan, inf])
    same(slope(f"where(x > 5, {text}, 2*x)", x=x, D=D), [2.0, 2.0])
    same(slope(f"where(x > 5, {text}, x**2)", x=x, D=D, along=[1.0, 1.0]), [2.0, 2.0])


def test_what_is_missing_is_left_out_of_a_sum():
    x, D = np.array([1.0, 2.0, 3.0]), np.array([0.5, nan, 1.0])
    same(slope("where(D == D, (x - D)**2, 0)", x=x, D=D), [1.0, 0.0, 4.0])


@pytest.mark.parametrize(
    ("text", "want"), [("max(sqrt(x))", [0.0, 0.25]), ("min(1/x)", [0.0, -1 / 16]), ("maximum(sqrt(x), 1)", [0.0, 0.25])]
)
def test_what_is_not_the_largest_sends_back_0(text, want):
    same(slope(text, x=[0.0, 4.0]), want)


def test_what_is_not_picked_sends_back_0():
    same(slope("pick(log(x), k)", x=[[0.0, 4.0]], k=[1]), [[0.0, 0.25]])


# kinks


@pytest.mark.parametrize(
    ("text", "at", "want"),
    [
        ("abs(x)", 0.0, 0.0),
        ("sign(x)", 0.0, 0.0),
        ("floor(x)", 2.0, 0.0),
        ("max(x, 0)", 0.0, 0.5),
        ("min(x, 1)", 1.0, 0.5),
        ("relu(x)", 0.0, 0.5),
        ("relu(-x)", 0.0, -0.5),
        ("leaky_relu(x, slope=0.5)", 0.0, 0.75),
        ("clip(x, -1, 1)", -1.0, 0.5),
        ("clip(x, -1, 1)", 1.0, 0.5),
        ("clip(0, x, 5)", 0.0, 0.5),
        ("logaddexp(x, 3)", 3.0, 0.5),
        ("sqrt(x)", 0.0, inf),
        ("log(x)", 0.0, inf),
        ("log1p(x)", -1.0, inf),
    ],
)
def test_slopes_at_kinks(text, at, want):
    same(slope(text, x=[at]), [want])


@pytest.mark.parametrize(("exponent", "want"), [(-1.0, -inf), (0.0, 0.0), (0.5, inf), (1.0, 1.0), (1.5, 0.0), (2.0, 0.0)])
def test_powers_of_0(exponent, want):
    for text in (f"x**({exponent})", "x**w"):
        same(value(text, x=[0.0], w=[exponent]), [np.inf if exponent < 0 else float(exponent == 0)])
        same(slope(text, x=[0.0], w=[exponent]), [want])
    same(slope("w**x", x=[exponent], w=[0.0]), [0.0 if exponent >= 0 else -inf])
    same(slope("x**w", x=[0.0], w=[0.0], along=[1.0]), [0.0])


def test_relu_is_the_larger_of_x_and_0_everywhere():
    x = [-inf, -2.0, -0.0, 0.0, 2.0, inf, nan]
    same(value("relu(x)", x=x), value("max(x, 0)", x=x))
    same(slope("relu(x)", x=x), slope("max(x, 0)", x=x))
    same(slope("max(0, x)", x=x), slope("max(x, 0)", x=x))


def test_equal_largest_and_smallest_entries_share_the_slope():
    x = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    same(slope("max(x, axis=1)", x=x), [[0.0, 0.5, 0.5], [1 / 3] * 3])
    same(slope("min(x, axis=1)", x=x), [[1.0, 0.0, 0.0], [1 / 3] * 3])


def test_a_norm_and_a_spread_of_0_have_the_slope_0():
    x = [[0.0, 0.0], [3.0, 4.0]]
    same(slope("norm(x, axis=1)", x=x), [[0.0, 0.0], [0.6, 0.8]])
    same(slope("norm(x, axis=1)", x=x, along=[[1.0, 2.0], [0.0, 0.0]]), [[0.0, 0.0], [0.0, 0.0]])
    same(slope("norm(sqrt(x), axis=1)", x=x)[0], [0.0, 0.0])
    same(value("std(x)", x=[2.0, 2.0]), 0.0)
    same(slope("std(x)", x=[2.0, 2.0]), [0.0, 0.0])


def test_the_first_of_equal_entries_counts_for_an_index():
    x = [[1.0, 3.0, 3.0], [2.0, 1.0, 1.0]]
    same(value("argmax(x, axis=1)", x=x), [1, 0])
    same(value("argmin(x, axis=1)", x=x), [0, 1])
    same(value("argmax(x)", x=x), 1)
    same(value("argmin(x)", x=x), 0)
    same(value("argmax(x)", x=[1.0, nan, 2.0, nan]), 1)
    same(slope("x * argmax(x)", x=[1.0, 2.0]), [1.0, 1.0])


def test_equal_entries_keep_their_order_in_a_sort():
    x = [3.0, 1.0, 3.0, nan, 1.0]
    same(value("sort(x)", x=x), [1.0, 1.0, 3.0, 3.0, nan])
    same(slope("sort(x) * w", x=x, w=[1.0, 2.0, 3.0, 4.0, 5.0]), [3.0, 1.0, 4.0, 5.0, 2.0])


@pytest.mark.parametrize("x", [[2.0, 0.0, 3.0, 5.0, 7.0], [2.0, 0.0, 3.0, 0.0, 7.0], [0.0, 0.0, 0.0, 1.0, 1.0], [4.0, 5.0, 6.0]])
def test_zeros_do_no_harm_to_a_product(x):
    n, d = len(x), np.arange(1.0, len(x) + 1)
    same(slope("prod(x)", x=x), [np.prod(np.delete(x, k)) for k in range(n)])
    second = [[0.0 if j == k else np.prod(np.delete(x, [j, k])) for j in range(n)] for k in range(n)]
    same(slope("prod(x)", x=x, along=d), np.array(second) @ d)


ALIKE = [
    *("abs(x)*y", "x*abs(y)", "max(x, y)*min(x, y)", "max(0, x)*y", "max(log(x), 0)", "max(0, log(x))", "min(log(y), x)", "sign(x)*y"),
    *(
        "where(x > y, x**2, y)",
        "abs(sin(x))",
        "x**2.5",
        "x**0.5",
        "log(x) + y",
        "1/x",
        "x**-1.5",
        "x**y",
        "softplus(x)*y",
        "logaddexp(x, y)",
    ),
    *("sigmoid(x*y)", "expm1(x)*log1p(y)", "sinh(x) + cosh(y)", "tan(x)*arctan(y)"),
    *("sqrt(x)", "sqrt(x)**2", "(x**3)**0.25", "sqrt(x*sqrt(x))"),
]
ROOTS = [
    *(
        "sqrt(x**2 + y**2)",
        "sqrt(x**2)",
        "sqrt(3*x**2)",
        "sqrt(abs(x))",
        "(x**2)**0.25",
        "abs(x)**abs(y)",
        "x*sqrt(abs(x))",
        "(x**2 + y**2)**0.5",
    ),
    *(
        "sin(sqrt(x**2))**2",
        "cos(sqrt(abs(x)))",
        "sqrt(x**2*y**2)",
        "sqrt(where(x > 0, x**2, abs(y)))",
        "sqrt(max(x**2, y**2))",
        "sqrt(exp(-x**2))",
    ),
    *(
        "1 - sqrt(x**2/(1 + y**2))",
        "0.5 + (sin(sqrt(x**2 + y**2))**2 - 0.5)/(1 + 0.001*(x**2 + y**2))**2",
        "sqrt(x**2 + max(y, 0))*(x + y)",
    ),
]
"""Roots of what can never be negative."""


@pytest.mark.parametrize("text", [*ALIKE, *ROOTS])
def test_kinks_and_limits_are_those_of_scalar_formulas(text):
    points = np.array([[a, b] for a in (-800.0, -1.0, 0.0, 0.5, 2.0, 800.0) for b in (-800.0, -1.0, 0.0, 0.5, 2.0, 800.0)])
    with np.errstate(all="ignore"):
        values, gradients = calculus(Formula(text, ("x", "y"))).value_and_grad(points, {}, np)
    x, y = points.T
    same(value(text, x=x, y=y), values, rtol=1e-12)
    same(slope(text, x=x, y=y), gradients[:, 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "scalar", "tensor"),
    [
        ("sqrt(max(x, 0))", inf, 0.0),
        ("sqrt(sqrt(x**2))", nan, 0.0),
        ("x*sqrt(x)", 0.0, nan),
        ("sqrt(x**3)", 0.0, nan),
        ("sqrt(1 - cos(x))", 0.0, nan),
    ],
)
def test_roots_at_zero_that_differ_from_those_of_scalar_formulas(text, scalar, tensor):
    """Scalar formulas look at the slope of what is inside; here it counts whether that can be negative, as far as its form says."""
    with np.errstate(all="ignore"):
        same(calculus(Formula(text, ("x",))).value_and_grad(np.zeros((1, 1)), {}, np)[1], scalar)
    same(slope(text, x=[0.0]), tensor)


@pytest.mark.parametrize("text", ["sqrt(sum(x**2))", "sqrt(x @ x)", "sum(x*x)**0.5", "sqrt(sum(square(x)))", 'sqrt(einsum("i,i->", x, x))'])
def test_the_root_of_a_sum_of_squares_is_a_norm(text):
    d = [1.0, -1.0, 2.0]
    for x in ([0.0, 0.0, 0.0], [1.0, 0.0, -2.0], [1e-3, 2e-3, 1e-3]):
        same(value(text, x=x), value("norm(x)", x=x))
        same(slope(text, x=x), slope("norm(x)", x=x))
        np.testing.assert_allclose(slope(text, x=x, along=d), slope("norm(x)", x=x, along=d), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", ROOTS)
def test_second_derivatives_of_roots_elsewhere_are_those_of_scalar_formulas(text):
    points = np.array([[a, b] for a in (-1.3, 0.5, 2.0) for b in (-0.9, 0.7, 1.9)])
    along = np.array([1.0, -0.5])
    wanted = calculus(Formula(text, ("x", "y"))).hvp(points, along, {}, np)
    inputs = {name: given(name, (9,)) for name in ("x", "y")}
    both = [inputs["x"], inputs["y"]]
    made = hvp(Reading(inputs).read(f"sum({text})"), both, [given(name, (9,)) for name in ("dx", "dy")])
    x, y = points.T
    found = evaluate(made, np, {"x": x, "y": y, "dx": np.full(9, along[0]), "dy": np.full(9, along[1])})
    np.testing.assert_allclose(np.stack([np.broadcast_to(a, (9,)) for a in found], axis=-1), wanted, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        *(
            ("x", 0),
            ("abs(x)", 1),
            ("x**2", 1),
            ("x**3", 0),
            ("x**10", 1),
            ("x*y", 0),
            ("abs(x)*exp(y)", 1),
            ("x**2 + 0.1", 2),
            ("x**2 - 0.1", 0),
        ),
        *(
            ("0.5 + mean(x**2)", 2),
            ("x**2/(1 + y**2)", 1),
            ("where(x > 0, x**2, 1)", 1),
            ("where(x > 0, 2, 1)", 2),
            ("max(x, 0)", 1),
            ("max(x, 1e-6)", 2),
        ),
        *(
            ("max(x, 1e-60)", 1),
            ("min(x**2, 1)", 1),
            ("min(x, 1)", 0),
            ("x @ x", 1),
            ("x @ y", 0),
            ("x @ (2*x)", 0),
            ("abs(x) @ abs(y)", 1),
            ("sort(x**2)", 1),
        ),
        *(
            ("stack(x**2, abs(y))", 1),
            ("stack(x, abs(y))", 0),
            ("-abs(x)", 0),
            ("sqrt(1 + x**2)", 2),
            ("sum(x == y)", 1),
            ("outer(x, x)", 0),
            ("var(x)", 1),
        ),
    ],
)
def test_what_is_known_of_the_sign_of_entries(text, least):
    made = Reading({name: given(name, (3,)) for name in ("x", "y")}).read(text)
    assert made.least == least
    rng = np.random.default_rng(0)
    found = evaluate([made], np, {"x": rng.normal(size=3), "y": rng.normal(size=3)})[0]
    assert not least or np.min(found) >= 0


# one entry, and none


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "logsumexp"])
def test_of_one_number_it_is_that_number(name):
    for x in (3.0, [3.0]):
        same(value(f"{name}(x)", x=x), 3.0)
        same(slope(f"{name}(x)", x=x), np.ones(np.shape(x)))


def test_of_one_number():
    same(value("norm(x)", x=-3.0), 3.0)
    same(slope("norm(x)", x=-3.0), -1.0)
    same(value("argmax(x)", x=-3.0), 0)
    for name in ("var", "std", "log_softmax"):
        same(value(f"{name}(x)", x=[3.0]), np.zeros_like(value(f"{name}(x)", x=[3.0])))
        same(slope(f"{name}(x)", x=[3.0]), [0.0])
    for name in ("cumsum", "sort"):
        same(value(f"{name}(x)", x=[3.0]), [3.0])
    same(value("softmax(x)", x=[3.0]), [1.0])


@pytest.mark.parametrize(
    ("text", "want"), [("sum(x)", 0.0), ("prod(x)", 1.0), ("norm(x)", 0.0), ("any(x > 0)", False), ("all(x > 0)", True)]
)
def test_of_nothing(text, want):
    assert value(text, x=np.zeros(0)) == want
    same(value(f"{text[:-1]}, axis=0)", x=np.zeros((0, 2))), [want, want])


# large, small, infinite


@pytest.mark.parametrize(
    ("text", "x", "want", "slopes"),
    [
        (
            "sigmoid(x)",
            [-inf, -1000.0, -40.0, 40.0, 1000.0, inf],
            [0, 0, math.exp(-40), 1, 1, 1],
            [0, 0, math.exp(-40), math.exp(-40), 0, 0],
        ),
        ("softplus(x)", [-inf, -1000.0, -40.0, 40.0, 1000.0, inf], [0, 0, math.exp(-40), 40, 1000, inf], [0, 0, math.exp(-40), 1, 1, 1]),
        ("logaddexp(x, 1000)", [-inf, -1000.0, 1000.0, 3000.0, inf], [1000, 1000, 1000 + math.log(2), 3000, inf], [0, 0, 0.5, 1, 1]),
        ("relu(x)", [-inf, -1e300, 1e300, inf], [0, 0, 1e300, inf], [0, 0, 1, 1]),
        ("leaky_relu(x, slope=0.5)", [-inf, -1e300, 1e300, inf], [-inf, -5e299, 1e300, inf], [0.5, 0.5, 1, 1]),
        ("gelu(x)", [-1e200, -1000.0, 1000.0, 1e200], [0, 0, 1000, 1e200], [0, 0, 1, 1]),
        ("gelu(x)", [-10.0], [-5 * math.erfc(10 * math.sqrt(0.5))], None),
        ("silu(x)", [-1000.0, -40.0, 1000.0], [0, -40 * math.exp(-40), 1000], [0, -39 * math.exp(-40), 1]),
        ("expm1(x)", [-inf, -40.0, 1e-20, 800.0], [-1, -1, 1e-20, inf], [0, math.exp(-40), 1, inf]),
        ("log1p(x)", [-1.0, 1e-20, inf], [-inf, 1e-20, inf], [inf, 1, 0]),
        ("arctan(x)", [-inf, 1e300, inf], [-math.pi / 2, math.pi / 2, math.pi / 2], [0, 0, 0]),
        ("tanh(x)", [-inf, 1000.0, inf], [-1, 1, 1], [0, 0, 0]),
        ("erf(x)", [-inf, 1e300, inf], [-1, 1, 1], [0, 0, 0]),
        ("erfc(x)", [-inf, 1e300, inf], [2, 0, 0], [0, 0, 0]),
        ("sinh(x)", [800.0, -800.0], [inf, -inf], [inf, inf]),
        ("clip(x, -1, 1)", [-inf, inf, nan], [-1, 1, nan], None),
        ("floor(x)", [-0.5, 1e300, -inf], [-1, 1e300, -inf], [0, 0, 0]),
        ("softmax(x)", [1000.0, -1000.0, -inf], [1, 0, 0], None),
        ("log_softmax(x)", [1000.0, -1000.0, -inf], [0, -2000, -inf], None),
        ("logsumexp(x, axis=0, keepdims=True) + 0*x", [1000.0, 1000.0], [1000 + math.log(2)] * 2, None),
    ],
)
def test_values_and_slopes_in_the_far(text, x, want, slopes):
    same(value(text, x=x), want, rtol=1e-13)
    if slopes is not None:
        same(slope(text, x=x), slopes, rtol=1e-13)


def test_a_norm_neither_overflows_nor_vanishes():
    same(value("norm(x)", x=[3e300, 4e300]), 5e300)
    same(value("norm(x)", x=[3e-300, 4e-300]), 5e-300)
    same(slope("norm(x)", x=[3e300, 4e300]), [0.6, 0.8])
    same(value("norm(x)", np.float32, x=[3e30, 4e30]), np.float32(5e30), rtol=1e-6)
    same(value("norm(x)", x=[-inf, 1.0]), inf)
    same(value("norm(x)", x=[nan, 1.0]), nan)


def test_a_shift_leaves_log_softmax_as_it_is():
    x = np.array([0.5, 0.0, -1.0])
    same(value("log_softmax(x)", x=x + 2.0**40), value("log_softmax(x)", x=x), rtol=1e-12)


@pytest.mark.parametrize(
    "text", ["max(x)", "min(x)", "maximum(x, 0)", "relu(x)", "norm(x)", "std(x)", "prod(x)", "sum(x)", "clip(x, 0, 1)"]
)
def test_nan_stays_nan(text):
    assert np.isnan(value(text, x=[1.0, nan, 2.0])).any()


def test_isfinite_finds_what_is_missing():
    same(value("isfinite(x)", x=[1.0, nan, inf, -inf]), [True, False, False, False])
    same(slope("where(isfinite(x*D), x*D, 0)", x=[1.0, 2.0], D=[nan, 3.0]), [0.0, 3.0])


# precision of what is written out


@pytest.mark.parametrize("text", ["x*log(2)", "x + sqrt(2)/3", "broadcast(1, [2])*x", "x*max(1, 2)"])
def test_a_number_that_is_written_out_has_the_precision_of_the_inputs(text):
    assert value(text, np.float32, x=[1.0, 2.0]).dtype == np.float32
    assert slope(text, np.float32, x=[1.0, 2.0]).dtype == np.float32


# what is no call


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sum(x, axsi=0)", "sum takes no 'axsi'; did you mean 'axis'? (it takes axis, keepdims)"),
        ("exp(x, axis=0)", "exp takes no 'axis' (it takes no options)"),
        ("sum(x, x)", "sum takes 1 argument, 2 given"),
        ("max(x, x, x)", "max takes 1 or 2 arguments, 3 given"),
        ("where(x > 0, x)", "where takes 3 arguments, 2 given"),
        ("T()", "T takes 1 argument, 0 given"),
        (
            "logical_and(x, x > 0)",
            "logical_and takes truth values, and x is numbers",
        ),
        ("logical_or(x > 0, 2*x)", "logical_or takes truth values, and 2 * x is numbers"),
        ("where(x > 0, 1, F)", "x > 0 and F do not go together"),
        ("clip(x, 0, F)", "`clip(x, 0, F)`: x is (2, 3), F is (2,): x and F do not go together"),
        ("not x", "logical_not takes truth values, and x is numbers"),
        ("any(x)", "any takes truth values, such as a comparison, and x is something else"),
        ("cumsum(x)", "one axis is needed, and x has 2"),
        ("sort(x, axis=[0, 1])", "one axis is needed: one number or name"),
        ("argmax(x, axis=2)", "x has no axis 2; it has 2"),
        ("softmax(x, axis='n')", "x has no axis named 'n'"),
        ("var(x, axis=0, ddof=2)", "var with ddof=2 needs more than 2 entries, and x has 2 there"),
        ("std(x, ddof=0.5)", "ddof must be a whole number"),
        ("leaky_relu(x, slope='a')", "slope must be a number"),
        ("clip(x, 0)", "clip takes 3 arguments, 2 given"),
        ("max(E)", "the largest of nothing: E has no entries there"),
        ("argmin(E)", "the smallest of nothing: E has no entries there"),
        ("logsumexp(E)", "logsumexp of nothing: E has no entries there"),
        ("mean(E)", "the mean of nothing: E has no entries there"),
        ("var(E)", "var with ddof=0 needs more than 0 entries, and E has 0 there"),
    ],
)
def test_a_wrong_call_is_told(text, said):
    with pytest.raises(PlacedError) as told:
        Reading(known({"x": np.ones((2, 3)), "E": np.ones(0), "F": np.ones(2)})).read(text)
    assert said in str(told.value)


# accuracy where digits are easily lost


def test_the_error_function_is_exact_in_every_namespace():
    x = np.concatenate([np.linspace(-6.5, 26, 3001), np.logspace(-300, 0, 100)])
    strict = array_api_strict.asarray(x)
    for name, of in (("erf", math.erf), ("erfc", math.erfc)):
        for got in evaluate([Reading(known({"x": x})).read(f"{name}(x)")], array_api_strict, {"x": strict}):
            same(np.asarray(got), [of(a) for a in x], rtol=2e-15)
        ends = array_api_strict.asarray([inf, -inf, nan, 0.0])
        (got,) = evaluate([Reading(known({"x": np.ones(4)})).read(f"{name}(x)")], array_api_strict, {"x": ends})
        same(np.asarray(got), [of(a) for a in (inf, -inf, nan, 0.0)])
