"""What holds at kinks, ties, limits and beyond them: conventions that no difference quotient shows."""

import math
import warnings

import array_api_strict
import numpy as np
import pytest
from thalweg.specs.errors import PlacedError
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


# precision of what is written out


@pytest.mark.parametrize("text", ["x*log(2)", "x + sqrt(2)/3", "broadcast(1, [2])*x", "x*max(1, 2)"])
def test_a_number_that_is_written_out_has_the_precision_of_the_inputs(text):
    assert value(text, np.float32, x=[1.0, 2.0]).dtype == np.float32
    assert slope(text, np.float32, x=[1.0, 2.0]).dtype == np.float32


# what is no call


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sum(x, axsi=0)", "sum has no option 'axsi'; did you mean 'axis'? (its options are axis, keepdims)"),
        ("exp(x, axis=0)", "exp has no option 'axis' (it has none)"),
        ("sum(x, x)", "sum takes 1 argument, 2 given"),
        ("max(x, x, x)", "max takes 1 or 2 arguments, 3 given"),
        ("where(x > 0, x)", "where takes 3 arguments, 2 given"),
        ("T()", "T takes 1 argument, 0 given"),
    ],
)
def test_a_wrong_call_is_told(text, said):
    with pytest.raises(PlacedError) as told:
        Reading(known({"x": np.ones((2, 3))})).read(text)
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
