"""NaN and infinities go where the array executor has them go."""

import numpy as np
import pytest
from helpers.compiled import compiled_once
from helpers.repetitions import few
from thalweg.specs.program.arrays import evaluate
from thalweg.specs.program.derivative import grad
from thalweg.specs.program.function import given
from thalweg.specs.program.node import apply
from thalweg.specs.program.read import Reading

SHAPES = {"x": (3, 11), "z": (3, 11), "v": (11,), "b": (3,), "s": ()}
TEXTS = [
    *(f"{name}({of})" for name in ("max", "min", "argmax", "argmin", "sum", "mean", "prod", "logsumexp", "norm", "var") for of in ("x", "v")),
    *(f"{name}(x, axis={axis})" for name in ("max", "min", "argmax", "argmin", "sum", "prod", "logsumexp", "norm", "std") for axis in (0, 1)),
    *(f"{name}(x > 0, axis={axis})" for name in ("any", "all") for axis in (0, 1)),
    *(f"{name}(x)" for name in ("isfinite", "relu", "abs", "sign", "softmax", "log_softmax", "softplus", "sigmoid", "tanh", "exp", "log", "sqrt", "floor", "arctan", "silu", "gelu", "erf", "sin", "sinh", "log1p", "expm1", "hinge", "logistic", "huber", "leaky_relu")),
    "maximum(x, z)", "minimum(x, z)", "max(x, 0)", "min(x, b[1])", "clip(x, -1, 1)", "clip(x, s, 1)", "where(x > 0, x, z)", "where(isfinite(x), x, 0)",
    "where(x > z, 1, v)", "x == z", "x != z", "x < z", "x <= z", "not x > z", "x > 0 and z > 0", "x > 0 or z > 0", "x / z", "1 / x", "x*z", "x - x",
    "x**2", "x**3", "x**s", "abs(x)**v", "2**x", "logaddexp(x, z)", "cross_entropy(x, y)", "pick(x, y)", "one_hot(y, 11)*x", "x @ v", "b @ x",
    "x @ z.T", "max(x @ z.T, axis=1)", "x[::-1]", "concat(x, z)", "take(v, y)", "cos(x)", "tan(z)", "cos(sin(x))*sin(2*z)", "sum(sin(x)*v, axis=1)", "cos(x) + sin(s)", "tan(v)*sin(z)", "cumsum(x, axis=0)", "cumsum(v)", "outer(b, v)", "diag(v)", "roll(v, 2)",
]  # fmt: skip
DIFFERENTIABLE = ["max(x)", "max(x, axis=0)", "min(x, axis=1)", "logsumexp(x, axis=1)", "where(x > 0, x*z, z)", "where(isfinite(x), x, 0)", "maximum(x, z)", "relu(x)",
                  "abs(x)", "clip(x, -1, 1)", "cross_entropy(x, y)", "pick(x, y)", "softmax(x)", "prod(v)", "norm(x)", "norm(v)", "sqrt(abs(x))", "log(x)", "x / z", "cumsum(x, axis=1)",
                  "where(x > 0, log(x), 0)", "where(x > 0, sqrt(x), 0)", "sum(where(z > 0, 1/z, 0), axis=0)"]  # fmt: skip
INPUTS = {name: given(name, shape) for name, shape in SHAPES.items()} | {"y": given("y", (3,), "int")}
NAN, INFINITY = float("nan"), float("inf")


def numbers(case):
    rng = np.random.default_rng(0)
    made = {name: rng.normal(size=shape) for name, shape in SHAPES.items()} | {"y": np.array([10, 0, 3])}
    x, z, v = made["x"], made["z"], made["v"]
    match case:
        case "missing":
            x[0, 0] = x[1, 10] = z[2, 3] = v[10] = made["b"][0] = NAN
        case "all missing":
            x[1], x[:, 2], v[:] = NAN, NAN, NAN
        case "infinite":
            x[0, 10], x[1, 0], x[2, 1:4], z[0, 10], v[9] = INFINITY, -INFINITY, [INFINITY, -INFINITY, NAN], INFINITY, -INFINITY
        case "all infinite":
            x[0], x[1], v[:], z[1] = INFINITY, -INFINITY, -INFINITY, -INFINITY
        case "zeros":
            x[0, ::2], x[1, ::3], z[0], v[:] = 0.0, -0.0, 0.0, 0.0
        case "ties":
            x[:, 3:6], v[[0, 4, 10]], z[:] = 3.0, 2.5, 3.0
        case "far":  # where sines are no vectors any more
            x[1, 4], x[2, 10], z[0], v[3] = 1e12, -3e9, 2e10, 1e11
        case "large":
            x[0], x[1], v[:], v[3] = 1e300, -1e200, 1e200, -3e200
    return made


CASES = ["missing", "all missing", "infinite", "all infinite", "zeros", "ties", "far", "large"]


@pytest.mark.parametrize("every", few([4, 1], keep=[4]))
def test_values(every):
    """Of every formula, or of each fourth."""
    texts = TEXTS[::every]
    nodes = [Reading(INPUTS).read(text) for text in texts]
    check(nodes, texts, {case: numbers(case) for case in CASES})


def test_gradients():
    nodes = [grad(apply("sum", Reading(INPUTS).read(text)), [INPUTS["x"], INPUTS["v"], INPUTS["z"]]) for text in DIFFERENTIABLE]
    texts = [f"{text} by {name}" for text in DIFFERENTIABLE for name in "xvz"]
    check([n for some in nodes for n in some], texts, {case: numbers(case) for case in ("missing", "infinite", "zeros", "ties")})


def check(nodes, texts, cases, precision="float64", rtol=1e-9, atol=1e-12):
    """That all of these, compiled once, are what arrays say at the numbers of every case."""
    wrong = []
    for (case, data), values in zip(cases.items(), compiled_once(nodes, list(cases.values()), precision), strict=True):
        with np.errstate(all="ignore"):
            expected = evaluate(nodes, np, data)
        for n, text, found, other in zip(nodes, texts, values, expected, strict=True):
            other = np.broadcast_to(np.asarray(other, dtype=float), n.shape)
            if not np.allclose(found, other, rtol=rtol, atol=atol, equal_nan=True):
                wrong.append(f"{case}, {text}: {found.ravel()} and not {other.ravel()}")
    assert not wrong, "\n".join(wrong)


DECOMPOSED = [
    *('svd(M, part="left")**2', 'svd(M, part="values")', "svdvals(M)", 'eigh(M, part="values")', "eigh(M, lower=True)**2", "eigvalsh(M)"),
    *("qr(M)**2", 'qr(M, part="r")**2', "inv(M)", "solve(M, b)", "solve(M, L)", "solve(L, M)", "cholesky(M @ T(M))", "cholesky(M)", "logdet(M)", "expm(M)"),
    *("renewed_eigenvectors(M, L, s > 0)**2", "renewed_eigenvectors(M, L, s < 0)"),
]  # fmt: skip


EACH = [
    *('svd(M, part="left")**2', "svdvals(M)", "eigh(M, lower=True)**2", "qr(M)**2", "inv(M)", "solve(M, b)", "cholesky(M)", "logdet(M)", "expm(M)"),
    "renewed_eigenvectors(M, L, s > 0)**2",
]  # fmt: skip
"""One of every decomposition."""


@pytest.mark.parametrize(
    ("precision", "texts"),
    few([("float64", EACH), ("float64", DECOMPOSED), ("float32", DECOMPOSED)], keep=lambda precision, texts: texts is EACH),
    ids=["each, float64", "all, float64", "all, float32"],
)
def test_decompositions_of_what_is_not_finite_or_singular(precision, texts):
    """One matrix of a stack spoils no other: a sound one, one with a NaN, one with an infinity, one of zeros, one that is not positive definite."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(6, 3, 3))
    stack[:2] = stack[:2] @ np.swapaxes(stack[:2], 1, 2)
    stack[2, 1, 2], stack[3, 2, 2], stack[4] = NAN, -INFINITY, 0.0
    data = {"M": stack, "L": rng.normal(size=(6, 3, 3)), "b": rng.normal(size=(6, 3, 1)), "s": np.array(0.5)}
    known = {name: given(name, values.shape) for name, values in data.items()}
    nodes = [Reading(known).read(text) for text in texts]
    check(nodes, texts, {"a stack": data}, precision, *((1e-9, 1e-12) if precision == "float64" else (2e-3, 2e-3)))
