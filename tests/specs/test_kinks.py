"""Formulas at kinks, limits and the edges of where they have a value: the convention of derivative.py, against closed forms."""

import numpy as np
import pytest
from thalweg.specs.calculus import calculus
from thalweg.specs.errors import SpecError
from thalweg.specs.expression import Formula, parse
from thalweg.specs.tree import ordered

INF, NAN = np.inf, np.nan


def scalar(text, parameters=()):
    return calculus(Formula(text, ("x", "y"), None, parameters))


def vector(text, dim=3):
    return calculus(Formula(text, vector=("x", dim)))


def at(c, *x, **p):
    """(value, gradient) at one point."""
    with np.errstate(all="ignore"):
        value, gradient = c.value_and_grad(np.array([x], float), {name: np.asarray(v) for name, v in p.items()}, np)
    return value.item(), gradient[0].tolist()


def hessian(c, *x, dtype=float, **p):
    with np.errstate(all="ignore"):
        return c.hessian(np.array(x, dtype), {name: np.asarray(v, dtype) for name, v in p.items()}, np)


BROWN = "sum((x[i]**2)**(x[i+1]**2+1) + (x[i+1]**2)**(x[i]**2+1))"
SCHAFFER = "0.5 + (sin(sqrt(x**2+y**2))**2 - 0.5)/(1 + 0.001*(x**2+y**2))**2"


def test_powers_have_gradients_at_base_zero():
    assert at(vector("sum(x[i]**i)"), 0, 0, 0) == (1, [0, 1, 0])
    assert at(scalar("x**n + 0*y", ("n",)), 0, 0, n=0.0) == (1, [0, 0])
    assert at(vector(BROWN), 0, 0, 0) == (0, [0, 0, 0])
    assert at(scalar(SCHAFFER), 0, 0) == (0, [0, 0])
    assert at(vector("sum(abs(x[i])**(i + 1))"), 0, 0, 0) == (0, [0, 0, 0])
    assert at(vector("prod(x[i]**i)"), 0, 2, 3) == (18, [0, 9, 12])
    assert at(scalar("0**0 + x**0"), 0, 0) == (2, [0, 0])


@pytest.mark.parametrize(
    ("x", "y", "value", "gradient"),
    [
        (0, 0, 1, [0, 0]),
        (0, 1, 0, [1, 0]),
        (0, 2, 0, [0, 0]),
        (0, 0.5, 0, [INF, 0]),
        (0, 3.5, 0, [0, 0]),
        (2, 0, 1, [0, np.log(2)]),
        (1, 0, 1, [0, 0]),
        (3, 2, 9, [6, 9 * np.log(3)]),
        (-2, 2, 4, [-4, NAN]),
        (0, -1, INF, [-INF, -INF]),
    ],
)
def test_x_to_the_y(x, y, value, gradient):
    found = at(scalar("x**y"), x, y)
    assert found[0] == value
    np.testing.assert_allclose(found[1], gradient, rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "x", "slope"),
    [
        ("abs(x)", 0, 0),
        ("sign(x)", 0, 0),
        ("x*abs(x)", 0, 0),
        ("max(0, x)", 0, 0.5),
        ("max(x, 0)", 0, 0.5),
        ("min(x, 0)", 0, 0.5),
        ("min(0, x)", 0, 0.5),
        ("max(x, 0)", -0.0, 0.5),
        ("maximum(2*x, x)", 0, 1.5),
        ("max(x, x)", 1, 1),
        ("max(x**2, x)", 1, 1.5),
        ("where(x > 0, x, -2*x)", 0, -2),
        ("where(x >= 0, x, -2*x)", 0, 1),
        ("where(x > 0, log(x), 0)", 0, 0),
        ("where(x > 0, sqrt(x), 3*x)", -1, 3),
        ("sqrt(x**2)", 0, 0),
        ("sqrt(3*x**2)", 0, 0),
        ("sqrt(abs(x))", 0, 0),
        ("(x**2)**0.25", 0, 0),
        ("sqrt(x**3)", 0, 0),
        ("x*sqrt(x)", 0, 0),
        ("x**1.5", 0, 0),
        ("x*sqrt(abs(x))", 0, 0),
        ("sin(sqrt(x**2))**2", 0, 0),
        ("cos(sqrt(abs(x)))", 0, 0),
        ("sqrt(1 - cos(x))", 0, 0),
        ("sqrt(x)", 0, INF),
        ("x**0.25", 0, INF),
        ("2*sqrt(x) + x", 0, INF),
        ("log(x)", 0, INF),
        ("sqrt(sqrt(x))", 0, INF),
        ("-sqrt(x)", 0, -INF),
        ("1/x", 0, -INF),
    ],
)
def test_slopes_at_kinks(text, x, slope):
    assert at(scalar(text), x, 0)[1] == [slope, 0]


@pytest.mark.parametrize(
    "text",
    ["sqrt(x)**2", "x**0.25*x**0.25", "sin(sqrt(x))**2", "x**0.3*x**0.5", "sqrt(x*sqrt(x))", "exp(log(x))", "x*log(x)", "(x**3)**0.25"],
)
def test_a_slope_that_is_not_known_is_no_number(text):
    """Where a product of a zero and an infinite slope may be anything, a zero would be a wrong answer: the true slopes here are 1, or infinite."""
    assert np.isnan(at(scalar(text), 0, 0)[1][0])


@pytest.mark.parametrize(
    "pair", [("max(log(x), 0)", "max(0, log(x))"), ("min(log(x), 0)", "min(0, log(x))"), ("max(x/y, 1)", "max(1, x/y)")]
)
def test_an_operand_that_is_nan_is_not_ignored(pair):
    for text in pair:
        assert np.isnan(at(scalar(text), *((0, 0) if "/" in text else (-1, 0)))[0])


@pytest.mark.parametrize(
    ("text", "x"),
    [
        ("exp(log(x))", -1),
        ("sqrt(x)**2", -1),
        ("x**0.5*x**0.5", -1),
        ("x/x", 0),
        ("x**2/x", 0),
        ("x*x**-1", 0),
        ("log(x) - log(x)", -1),
        ("log(x) + x - log(x)", -1),
        ("0*log(x)", -1),
        ("log(x)/log(x)", -1),
        ("1/x - 1/x", 0),
        ("0/x", 0),
        ("(x**0.5)**4", -1),
        ("abs(sqrt(x))", -1),
        ("log(x**3) - 3*log(x)", -1),
    ],
)
def test_no_simplification_gives_a_value_where_there_is_none(text, x):
    assert np.isnan(at(scalar(text), x, 0)[0])


@pytest.mark.parametrize(
    ("text", "x", "value", "slope"),
    [
        ("log(1 + exp(x))", 1000, 1000, 1),
        ("log(exp(x) + 1)", -1000, 0, 0),
        ("softplus(x)", 50, 50, 1),
        ("exp(x)/(1 + exp(x))", 1000, 1, 0),
        ("exp(x)/(exp(x) + 1)", -1000, 0, 0),
        ("3*exp(x)/(1 + exp(x))", 1000, 3, 0),
        ("1/(1 + exp(-x))", -1000, 0, 0),
        ("1/(exp(-x) + 1)", 1000, 1, 0),
        ("1/(1 + e**-x)", 1000, 1, 0),
        ("1 - 1/(1 + exp(-x))", 40, np.exp(-40) / (1 + np.exp(-40)), -np.exp(-40)),
        ("-log(1/(1 + exp(-x)))", -1000, 1000, -1),
        ("log(exp(x) + exp(2*x))", 1000, 2000, 2),
        ("log(exp(x) + exp(x + y))", 1000, 1000 + np.log(2), 1),
        ("log(3 + exp(x))", 1000, 1000, 1),
        ("log(2*exp(x) + exp(-x))", 800, 800 + np.log(2), 1),
        ("log(1 + exp(x) + exp(2*x))", 500, 1000, 2),
        ("log(1 + x)", 1e-20, 1e-20, 1),
        ("log(x + 1)", 1e-20, 1e-20, 1),
        ("log(1 - x)", 1e-20, -1e-20, -1),
        ("log1p(x)", 1e-20, 1e-20, 1),
        ("exp(x) - 1", 1e-20, 1e-20, 1),
        ("-1 + exp(x)", 1e-20, 1e-20, 1),
        ("1 - exp(x)", 1e-20, -1e-20, -1),
        ("expm1(x)", 1e-20, 1e-20, 1),
        ("logaddexp(x, y)", 1000, 1000, 1),
        ("sigmoid(x)", 0, 0.5, 0.25),
        ("log(exp(x))", 1000, 1000, 1),
    ],
)
def test_stable_forms(text, x, value, slope):
    found = at(scalar(text), x, 0)
    assert found[0] == pytest.approx(value, rel=1e-14, abs=1e-300)
    assert found[1][0] == pytest.approx(slope, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize(
    ("text", "x", "want"),
    [
        (SCHAFFER, (0, 0), [[2.002, 0], [0, 2.002]]),
        ("sin(sqrt(x**2 + y**2))**2", (0, 0), [[2, 0], [0, 2]]),
        ("cos(sqrt(x**2 + y**2))", (0, 0), [[-1, 0], [0, -1]]),
        ("max(x**2, 0) + y**2", (0, 0), [[2, 0], [0, 2]]),
        ("abs(x) + abs(y)**3", (0, 0), [[0, 0], [0, 0]]),
        ("max(x, y)", (1, 1), [[0, 0], [0, 0]]),
        ("x**y", (2, 0), [[0, 0.5], [0.5, np.log(2) ** 2]]),
        ("x*abs(x)", (0, 1), [[NAN, 0], [0, 0]]),
        ("max(x, 0)**2", (0, 1), [[NAN, 0], [0, 0]]),
        ("x/x", (0, 0), [[NAN, 0], [NAN, 0]]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hessians_at_kinks_are_limits(text, x, want, dtype):
    """Where all sides agree, that; else NaN."""
    np.testing.assert_allclose(hessian(scalar(text), *x, dtype=dtype), want, atol=2e-6)


def test_hessian_of_browns_function_at_its_minimum():
    np.testing.assert_allclose(hessian(vector(BROWN), 0, 0, 0), np.diag([2.0, 4.0, 2.0]), atol=1e-6)
    assert np.isnan(hessian(vector("sqrt(sum(x[i]**2))"), 0, 0, 0)).all()
    np.testing.assert_allclose(hessian(vector("sin(sqrt(sum(x[i]**2)))**2"), 0, 0, 0), 2 * np.eye(3), atol=1e-6)


def test_a_tie_that_does_not_end_is_no_kink():
    """In sum(|x_0 - x_i|) the term of i = 0 is 0 everywhere."""
    assert (hessian(vector("sum(abs(x[0] - x[i])) + sum(x[i]**2)"), 1, 2, 3) == 2 * np.eye(3)).all()
    assert (hessian(vector("sum(max(x[0], x[i])*x[i])"), 1, 2, 3) == 2 * np.eye(3)).all()


def test_reductions_pass_zero_slopes_on():
    assert at(vector("sqrt(sum(x[i]**2))"), 0, 0, 0) == (0, [0, 0, 0])
    assert at(vector("sum(sqrt(abs(x[i])))**2"), 0, 0, 4) == (4, [0, 0, 1])
    assert at(vector("sqrt(prod(x[i]))"), 0, 0, 1) == (0, [0, 0, 0])
    assert at(vector("sqrt(sum(x[i]))"), 0, 0, 0) == (0, [INF, INF, INF])
    assert at(vector("x[0]*sqrt(sum(x[i]**2))"), 0, 3, 4) == (0, [5, 0, 0])


def test_what_is_written_twice_is_computed_once():
    """25 definitions, each of the one before twice: 2**25 terms, in as many parts as there are definitions."""
    define = tuple((f"a{k}", f"a{k - 1} + a{k - 1}" if k else "x + y") for k in range(26))
    formula = Formula("a25", ("x", "y"), define=define)
    assert at(calculus(formula), 1, 2) == (3 * 2.0**25, [2.0**25, 2.0**25])
    assert len(ordered([parse(formula).value])) < 60


@pytest.mark.parametrize("opening", ["(", "sin(", "exp(", "-", "x**", "max(y, ", "(1 + ", "tanh(2*", "where(x < 1, ", "abs(-"])
@pytest.mark.parametrize("depth", [60, 80])
def test_deep_nesting_works(opening, depth):
    close = ", y)" if opening.startswith("where") else ")" if "(" in opening else ""
    value, gradient = at(scalar(opening * depth + "x" + close * depth), 0.5, 0.25)
    assert not np.isnan([value, *gradient]).any()


@pytest.mark.parametrize(
    "text",
    [
        *("x*9**9**9**9", "x + 2**(2**40)", "x**(2**40)", "x + 9" + "9" * 4300, "x + 0x" + "f" * 4000, "x*1e400", "-" * 800 + "x"),
        *("x**" * 450 + "x", "(" * 250 + "x" + ")" * 250, "x" + " + x" * 2000, "sin(" * 210 + "x" + ")" * 210, "x**-(10**300)"),
    ],
)
def test_what_is_too_much_is_refused_with_one_line(text):
    with pytest.raises(SpecError) as caught:
        parse(Formula(text, ("x", "y")))
    assert "\n" not in str(caught.value)


def test_long_sums_and_huge_vectors_are_fine():
    assert at(scalar("x" + " + x" * 490), 1, 0) == (491, [491, 0])
    assert parse(Formula("sum(x[i]**2) + prod(x[i])", vector=("x", 10**9))).reductions[0].stop == 10**9


def test_deep_towers_of_exponentials_derive_quickly():
    c = scalar("exp(-" * 60 + "x" + ")" * 60)
    value, gradient = at(c, 0.5, 0)
    assert 0 < value < 1
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian(c, 0.5, 0)).all()


@pytest.mark.parametrize("name", ["softplus", "sigmoid", "log1p", "expm1", "logaddexp", "maximum", "minimum"])
def test_newer_functions_may_also_be_names(name):
    """A study that used one as a parameter's name before it was a function keeps working."""
    arguments = "x, 1" if name in ("logaddexp", "maximum", "minimum") else "x"
    c = calculus(Formula(f"{name}*x + 0*{name}({arguments})", ("x",), None, (name,)))
    assert at(c, 2.0, **{name: 3.0}) == (6, [3])
