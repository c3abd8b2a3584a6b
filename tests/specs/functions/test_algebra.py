"""Functions of matrices and of structure: limits and conventions, axes for runs that only some operands have, derivatives of any order."""

import itertools
import re

import array_api_strict
import numpy as np
import pytest
from helpers.battery import inputs, numbers, scalar
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad, hvp
from thalweg.specs.program.function import given
from thalweg.specs.program.node import apply
from thalweg.specs.program.read import Reading

nan, inf = np.nan, np.inf
SINGULAR = np.stack([np.eye(3), np.ones((3, 3)), 2 * np.eye(3), np.full((3, 3), nan)])


def known(data):
    return {name: given(name, np.shape(a), {"f": "float", "i": "int"}[np.asarray(a).dtype.kind]) for name, a in data.items()}


def value(text, **data):
    (made,) = evaluate([Reading(known(data)).read(text)], np, {name: np.asarray(a) for name, a in data.items()})
    return np.asarray(made)


def slope(text, by="x", **data):
    of = known(data)
    (made,) = evaluate(grad(scalar(Reading(of).read(text)), [of[by]]), np, {name: np.asarray(a) for name, a in data.items()})
    return np.broadcast_to(np.asarray(made), np.shape(data[by]))


# one run's matrix does not take the others down


@pytest.mark.parametrize(
    ("text", "good", "refused"),
    [
        ("inv(A)", [np.eye(3), np.eye(3) / 2], nan),
        ("solve(A, b)", [np.ones(3), np.ones(3) / 2], nan),
        ("logdet(A)", [0.0, 3 * np.log(2)], -inf),
        ("cholesky(A - 0.5)", None, nan),
        ("eigvalsh(A)", [np.ones(3), 2 * np.ones(3)], [0, 0, 3]),
        ("svdvals(A)", [np.ones(3), 2 * np.ones(3)], [3, 0, 0]),
        ("expm(A)", [np.e * np.eye(3), np.e**2 * np.eye(3)], np.eye(3) + (np.e**3 - 1) / 3),
    ],
)
@pytest.mark.parametrize("xp", [np, array_api_strict], ids=lambda xp: xp.__name__)
def test_a_matrix_that_is_refused_is_nan_in_its_own_run_alone(xp, text, good, refused):
    made = Reading({"A": given("A", (3, 3)), "b": given("b", (3,))}).read(text)
    with np.errstate(all="ignore"):
        (stack,) = evaluate([made], xp, {"A": xp.asarray(SINGULAR), "b": xp.ones(3)})
    stack = np.asarray(stack)
    if good is not None:
        np.testing.assert_allclose(stack[[0, 2]], good, rtol=1e-14, atol=1e-14)
        np.testing.assert_allclose(stack[1], np.broadcast_to(refused, stack[1].shape), rtol=1e-14, atol=1e-14)
    else:
        assert np.isfinite(stack[2]).all()
        assert np.isnan(stack[:2]).all()
    assert np.isnan(stack[3]).all()


# axes for runs


@pytest.mark.parametrize(
    "text", ["take(W, i)", "W[i] @ V.T", "concat(W, V)", "stack(V[0], W[1], V[-1])", 'einsum("rk,jk,j->rj", W, V, V[:, 0])']
)
def test_some_operands_have_axes_for_runs_and_others_none(text):
    rng, shapes = np.random.default_rng(0), {"W": (5, 3), "V": (2, 3), "i": (2, 4)}
    names = {"W": given("W", (5, 3)), "V": given("V", (2, 3)), "i": given("i", (2, 4), "int")}
    made = Reading(names).read(text)
    outputs = [made, *grad(scalar(made * made), [names["W"], names["V"]])]
    for leads in itertools.product([(), (3,), (2, 3), (2, 1)], repeat=3):
        data = {
            name: rng.integers(-5, 5, (*lead, *shape)) if name == "i" else rng.normal(size=(*lead, *shape))
            for (name, shape), lead in zip(shapes.items(), leads, strict=True)
        }
        runs = np.broadcast_shapes(*leads)
        every = {name: np.broadcast_to(a, (*runs, *shapes[name])) for name, a in data.items()}
        together = evaluate(outputs, np, data)
        strict = evaluate(outputs, array_api_strict, {name: array_api_strict.asarray(a) for name, a in data.items()})
        for a, b, output in zip(together, strict, outputs, strict=True):
            np.testing.assert_allclose(np.asarray(b), a, rtol=1e-12, atol=1e-13)
            for at in np.ndindex(*runs):
                (alone,) = evaluate([output], np, {name: a[at] for name, a in every.items()})
                np.testing.assert_allclose(np.broadcast_to(a, (*runs, *output.shape))[at], alone, rtol=1e-12, atol=1e-13)


def test_the_exponential_of_a_run_does_not_depend_on_its_neighbours():
    A = np.random.default_rng(0).normal(size=(4, 3, 3)) * np.array([1e-8, 0.1, 3.0, 100.0])[:, None, None]
    made = apply("expm", given("A", (3, 3)))
    (together,) = evaluate([made], np, {"A": A})
    for k in range(4):
        np.testing.assert_array_equal(together[k], evaluate([made], np, {"A": A[k]})[0])


# structure


def test_rows_are_taken_from_either_end_and_beyond_them_there_is_nan():
    W = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(value("take(W, i)", W=W, i=[2, -1, -3, 3, -4]), [[4, 5], [4, 5], [0, 1], [nan, nan], [nan, nan]])
    np.testing.assert_array_equal(value("take(k, i)", k=[7, 8, 9], i=[0, 3]), [7, -1])
    np.testing.assert_array_equal(value("W[i[1]]", W=W, i=[0, 1]), [2, 3])
    small = evaluate([Reading(known({"W": W, "i": [0]})).read("W[i]")], np, {"W": W, "i": np.array([254], np.uint8)})[0]
    assert np.isnan(small).all()


def test_what_comes_back_to_one_row_adds_up():
    weights = np.cos(np.arange(1, 9)).reshape(4, 2)
    want = np.stack([weights[1], weights[0] + weights[2] + weights[3], [0, 0]])
    np.testing.assert_allclose(slope("take(x, i)", x=np.ones((3, 2)), i=[1, 0, 1, -2]), want, rtol=1e-15)
    np.testing.assert_array_equal(slope("take(x, i)", x=np.ones((3, 2)), i=[3, 4]), np.zeros((3, 2)))


def test_one_hot_of_what_is_no_class_is_zero():
    np.testing.assert_array_equal(value("one_hot(y, 3)", y=[0, 2, 3, -1]), [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "x[::-1]",
            "x[:, ::-2]",
            "x[-1:0:-1, 1]",
            "x[2:2]",
            "x[-2:, -3]",
            "x[:-1]",
            "x[3:0:-1]",
            "x[1, 2]",
            "x[0:3:2, -1::-3]",
            "x[-4::3]",
        ),
        *("x[4:]", "x[:, 5:1:-2]", "x[:]", "x[0:0, 0]"),
    ],
)
def test_slices_are_those_of_numpy(text):
    x = np.random.default_rng(0).normal(size=(4, 5))
    want = eval(text, {"x": x})
    np.testing.assert_array_equal(value(text, x=x), want)
    back = np.zeros_like(x)
    back[eval(f"places{text[1:]}", {"places": np.s_})] = np.cos(np.arange(1, want.size + 1)).reshape(want.shape) if want.shape else 1.0
    np.testing.assert_array_equal(slope(text, x=x), back)


def test_what_is_not_indexed_sends_back_0():
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(slope("sqrt(x)[1]", x=[0.0, 4.0]), [0.0, 0.25])
        np.testing.assert_allclose(slope("sum(take(log(x), i))", x=[0.0, 4.0], i=[1]), [0.0, 0.25])


def test_infinite_entries_stay_on_the_diagonal():
    np.testing.assert_array_equal(value("diag(x)", x=[inf, nan]), [[inf, 0], [0, nan]])


@pytest.mark.parametrize(
    "text", ["zeros([2])", "ones([3, 1])", "eye(2)", "one_hot(y, 4)", "zeros_like(y)", "ones_like(x)", "stack(1, 2)", "concat(y, v[:1])"]
)
def test_new_arrays_have_the_precision_of_the_inputs(text):
    data = {name: a.astype(np.float32) if a.dtype.kind == "f" else a for name, a in numbers().items()}
    (made,) = evaluate([Reading(inputs()).read(text)], np, data)
    assert made.dtype == np.float32


# accuracy and derivatives


@pytest.mark.parametrize("size", [1e-12, 0.01, 0.7, 5.0, 40.0])
def test_the_exponential_is_that_of_scipy(size):
    from scipy.linalg import expm

    for seed in range(5):
        A = np.random.default_rng(seed).normal(size=(6, 6))
        A *= size / np.linalg.norm(A, 1)
        want = expm(A)
        np.testing.assert_allclose(value("expm(A)", A=A), want, rtol=0, atol=2e-14 * max(1, size) * np.max(np.abs(want)))


def test_exponentials_known_exactly():
    np.testing.assert_array_equal(value("expm(A)", A=np.zeros((3, 3))), np.eye(3))
    np.testing.assert_allclose(value("expm(A)", A=[[1.0, 1e6], [0.0, 1.0]]), np.e * np.array([[1, 1e6], [0, 1]]), rtol=1e-9)
    np.testing.assert_allclose(value("expm(A)", A=[[0.0, -3.0], [3.0, 0.0]]), [[np.cos(3), -np.sin(3)], [np.sin(3), np.cos(3)]], rtol=1e-14)
    np.testing.assert_allclose(value("expm(A)", A=-1000 * np.eye(2)), np.zeros((2, 2)))


def test_a_steep_function_of_the_exponential_has_an_accurate_gradient():
    A = np.random.default_rng(0).normal(size=(4, 4))
    steep, plain = (slope(f"{factor} * expm(x)", x=A) for factor in (1e12, 1.0))
    np.testing.assert_allclose(steep / 1e12, plain, rtol=1e-12)
    np.testing.assert_array_equal(slope("0 * expm(x)", x=A), np.zeros((4, 4)))


SAME = [
    ("sum(eigvalsh(A)**3)", "trace(matrix_power((A + A.T)/2, 3))"),
    ("sum(svdvals(x)**4)", "trace(matrix_power(x @ x.T, 2))"),
    ("sum(svdvals(x.T)**4)", "trace(matrix_power(x @ x.T, 2))"),
    ("sum(svdvals(x @ A)**2)", "sum((x @ A)**2)"),
    ("sum(log(svdvals(A - 3*B)))", "logdet(A - 3*B)"),
    ("2*sum(log(diag(cholesky(A + B))))", "logdet((A + A.T + B + B.T)/2)"),
    ("trace(expm((A + A.T)/20))", "sum(exp(eigvalsh(A/10)))"),
    ("logdet(expm(A/10 + outer(v, w)))", "trace(A)/10 + v @ w"),
    ("w @ solve(A, v)", "w @ inv(A) @ v"),
    ("trace(matrix_power(A, -2) @ B)", "trace(solve(A, solve(A, B)))"),
    ('einsum("ab,cb,cd,da->", A, A, B, B/9)', "trace(A @ A.T @ B @ B)/9"),
    ("trace(kron(A, B))", "trace(A)*trace(B)"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_two_ways_to_one_number_agree_up_to_the_third_derivative(first, second):
    """The Hessian-vector product of the number and of the square of its gradient."""
    names, data = inputs(), numbers()
    by = [name for name in ("x", "v", "w", "A", "B") if re.search(rf"\b{name}\b", first + second)]
    xs, rng = [names[name] for name in by], np.random.default_rng(0)
    along = {f"d{name}": rng.normal(size=data[name].shape) for name in by}
    steps = [given(name, a.shape) for name, a in along.items()]
    ends = []
    for text in (first, second):
        y = Reading(names).read(text)
        steep = apply("sum", apply("stack", *(apply("sum", g * g) for g in grad(y, xs))))
        ends.append(evaluate([y, *grad(y, xs), *hvp(y, xs, steps), *hvp(steep, xs, steps)], np, data | along))
    for got, want in zip(*ends, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-9 * max(1.0, float(np.max(np.abs(want)))))


def test_equal_values_have_the_slope_of_some_vectors_and_no_second_derivative():
    made = slope("eigvalsh(x)", x=np.eye(3))
    np.testing.assert_allclose(np.linalg.eigvalsh(made), np.sort(np.cos([1, 2, 3])), atol=1e-14)
    made = slope("svdvals(x)", x=np.zeros((2, 3)))
    np.testing.assert_allclose(np.linalg.svd(made)[1], np.sort(np.abs(np.cos([1, 2])))[::-1], atol=1e-14)
    x, d = given("x", (2, 2)), given("d", (2, 2))
    with np.errstate(all="ignore"):
        (second,) = evaluate(hvp(scalar(apply("eigvalsh", x)), [x], [d]), np, {"x": np.eye(2), "d": np.array([[1.0, 2.0], [2.0, 5.0]])})
    assert not np.isfinite(second).all()
