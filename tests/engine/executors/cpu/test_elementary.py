"""The elementary functions against mpmath, special cases against the C library through NumPy, and what LLVM makes of them."""

import os
import re
from itertools import product

import mpmath
import numpy as np
import pytest
from helpers.repetitions import few
from helpers.whole_arrays import apply
from thalweg.engine.executors.cpu.elementary import float32 as single
from thalweg.engine.executors.cpu.elementary import float64 as double

BOUNDS = {
    "exp": 1.5,
    "expm1": 2,
    "log": 1.5,
    "log1p": 2,
    "sin": 2,
    "cos": 2,
    "sin_with_cos": 2,
    "cos_with_sin": 2,
    "sin_pi": 2.5,
    "cos_pi": 2.5,
    "tan": 4,
    "sinh": 4,
    "cosh": 4,
    "tanh": 3,
    "arctan": 2,
    "sqrt": 0.51,
}
"""Largest error in ulp."""
RANGES = {
    "exp": ((-105.0, 89.0), (-750.0, 710.0)),
    "expm1": ((-105.0, 89.0), (-750.0, 710.0)),
    "sin": ((-1.3e5, 1.3e5), (-1e9, 1e9)),
    "cos": ((-1.3e5, 1.3e5), (-1e9, 1e9)),
    "tan": ((-1.3e5, 1.3e5), (-1e9, 1e9)),
    "sinh": ((-89.0, 89.0), (-710.0, 710.0)),
    "cosh": ((-89.0, 89.0), (-710.0, 710.0)),
    "tanh": ((-12.0, 12.0), (-25.0, 25.0)),
    "arctan": ((-100.0, 100.0), (-100.0, 100.0)),
}
RANGES |= dict.fromkeys(("sin_with_cos", "cos_with_sin", "sin_pi", "cos_pi"), RANGES["sin"])
NAMES = {"sin_with_cos": "sin", "cos_with_sin": "cos", "sin_pi": "sinpi", "cos_pi": "cospi"}
"""What NumPy or mpmath call it."""


def sin_pi(x):
    """sin(pi x) of as many digits as x has."""
    n = np.rint(x)
    return np.where(n % 2 == 0, 1, -1).astype(x.dtype) * np.sin(np.pi * (x - n))


def cos_pi(x):
    """cos(pi x), likewise."""
    return np.sin(np.pi * (0.5 - np.abs(x - 2 * np.rint(x / 2)))).astype(x.dtype)


def in_numpy(name):
    return {"sin_pi": sin_pi, "cos_pi": cos_pi}.get(name) or getattr(np, NAMES.get(name, name))


POSITIVE = ("log", "sqrt", "log1p")
PRECISIONS = [np.float32, np.float64]


def points(name, dtype, count=1500):
    """Points all over the range, near 0, near the places where a reduction changes, and over all magnitudes."""
    rng = np.random.default_rng(1)
    if name in POSITIVE:
        low, high = (-103.0, 88.0) if dtype == np.float32 else (-744.0, 709.0)
        x = np.concatenate(
            [np.exp(rng.uniform(low, high, count)), 1 + rng.normal(0, 0.3, count) ** 3, np.sqrt(0.5) * (1 + rng.normal(0, 1e-6, 50))]
        )
        return np.concatenate([x, -np.exp(-rng.uniform(0.01, 30, count))] if name == "log1p" else [x]).astype(dtype)
    low, high = RANGES[name][dtype == np.float64]
    x = [
        rng.uniform(low, high, count),
        rng.uniform(-2, 2, count),
        10.0 ** rng.uniform(-30, 0, count // 3),
        -(10.0 ** rng.uniform(-9, 0, 99)),
    ]
    if name.endswith("_pi"):
        x.append(np.round(rng.uniform(-1e4, 1e4, count)) / 2)
        x.append(10.0 ** rng.uniform(6, 37 if dtype == np.float32 else 300, 200))  # beyond the reach
    elif NAMES.get(name, name) in ("sin", "cos", "tan"):
        x.append(np.round(rng.uniform(low, high, count) / (np.pi / 2)) * (np.pi / 2))
        x.append(10.0 ** rng.uniform(6, 37 if dtype == np.float32 else 300, 200))  # beyond the reach: the library's
    if name in ("exp", "expm1"):
        x.append(np.log(2) * (np.round(rng.uniform(low, high, count) / np.log(2)) + 0.5))
    return np.concatenate(x).astype(dtype)


def errors(found, exact, dtype):
    """Distance to the exact values in units in the last place."""
    largest, made = mpmath.mpf(float(np.finfo(dtype).max)), []
    for f, e in zip(found, exact, strict=True):
        if abs(e) > largest:
            made.append(0.0 if np.isinf(f) or abs(f) == np.finfo(dtype).max else np.inf)
        else:
            made.append(
                float(abs(mpmath.mpf(float(f)) - e) / mpmath.mpf(float(np.spacing(np.abs(dtype(float(e))))))) if np.isfinite(f) else np.inf
            )
    return np.array(made)


def exactly(name, x):
    """The function in 60 digits."""
    with mpmath.workdps(60):
        return [getattr(mpmath, {"arctan": "atan", **NAMES}.get(name, name))(mpmath.mpf(float(v))) for v in x]


@pytest.mark.parametrize(
    ("name", "dtype"),
    few(
        product(BOUNDS, PRECISIONS),
        keep=lambda name, dtype: name in (("log1p", "sin_pi", "tan") if dtype == np.float32 else ("exp", "log", "sin", "tanh")),
    ),
)
def test_every_function_is_accurate(name, dtype):
    """`test_all_of_single_precision` sees to the others, too."""
    x = points(name, dtype)
    x = x[x > (-1 if name == "log1p" else 0)] if name in POSITIVE else x
    found = errors(apply(name, x), exactly(name, x), dtype)
    assert found.max() <= BOUNDS[name], f"{found.max():.2f} ulp at {x[found.argmax()]!r}"


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_pow_is_accurate(dtype):
    rng = np.random.default_rng(2)
    x = np.concatenate([np.exp(rng.uniform(-20, 20, 2000)), 1 + rng.uniform(-0.1, 0.1, 1000), rng.uniform(0.4, 0.99999, 1000)]).astype(
        dtype
    )
    y = np.concatenate([rng.uniform(-4, 4, 2000), rng.uniform(-3000, 3000, 1000), rng.uniform(0, 50, 1000)]).astype(dtype)
    with mpmath.workdps(60):
        exact = [mpmath.power(mpmath.mpf(float(a)), mpmath.mpf(float(b))) for a, b in zip(x, y, strict=True)]
    found = errors(apply("pow", x, y), exact, dtype)
    assert found.max() <= 2, f"{found.max():.2f} ulp at {x[found.argmax()]!r} ** {y[found.argmax()]!r}"


def same(found, wanted):
    """Equal within 4 ulp, with the same signs, infinities and NaN."""
    with np.errstate(all="ignore"):
        close = (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | (np.abs(found - wanted) <= 4 * np.spacing(np.abs(wanted)))
    return close & (np.isnan(wanted) | (np.signbit(found) == np.signbit(wanted)))


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("name", [*BOUNDS, "sign", "absolute"])
def test_special_values(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    given = [0.0, -0.0, np.inf, -np.inf, np.nan, tiny, -tiny, 100 * tiny, 1.0, -1.0, 1e30, -1e30, 88.9, -103.9, 709.9, -745.0]
    x = np.array(given, dtype)
    with np.errstate(all="ignore"):
        wanted = in_numpy(name)(x)
    found = apply(name, x)
    assert same(found, wanted).all(), [(a, b, c) for a, b, c in zip(x, found, wanted, strict=True) if not same(b, c)]


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(("name", "reference"), [("pow", np.power), ("maximum", np.maximum), ("minimum", np.minimum)])
def test_special_values_of_two(name, reference, dtype):
    given = [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 0.5, -2, 3, -3, 2, -2.5, 1e30, 1e-30, np.finfo(dtype).smallest_subnormal * 50]
    x, y = (a.ravel() for a in np.meshgrid(np.array(given, dtype), np.array(given, dtype)))
    with np.errstate(all="ignore"):
        wanted = reference(x, y)
    found = apply(name, x, y)
    if name != "pow":
        found, wanted = found + dtype(0), wanted + dtype(0)  # which zero of two is not said
    assert same(found, wanted).all(), [(x[i], y[i], found[i], wanted[i]) for i in np.nonzero(~same(found, wanted))[0][:5]]


@pytest.mark.parametrize("name", BOUNDS)
def test_all_of_single_precision(name):
    """Bit patterns of float32 against NumPy in float64: every 4099th, all of them where THALWEG_VERIFY is set."""
    stride = 1 if os.environ.get("THALWEG_VERIFY") else 4099
    piece = 2**24 * (1 if stride == 1 else stride)
    worst = 0.0
    for first in range(0, 2**32, piece):
        x = np.arange(first, min(first + piece, 2**32), stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            wanted = in_numpy(name)(x.astype(np.float64))
            found = apply(name, x).astype(np.float64)
            rounded = wanted.astype(np.float32)
            off = np.abs(found - wanted) / np.spacing(np.abs(rounded)).astype(np.float64)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
        limit = np.isinf(rounded)
        assert (np.isinf(found[limit]) | (np.abs(found[limit]) >= 3.4e38)).all()
        worst = max(worst, float(off[finite].max(initial=0.0)))
    assert worst <= BOUNDS[name], f"{worst:.2f} ulp"


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_box_muller_s_functions(dtype):
    from numba import njit

    rng = np.random.default_rng(3)
    functions, count = (single if dtype == np.float32 else double), 3000
    u = np.concatenate([rng.uniform(0, 1, count), 1 - 2.0 ** -rng.uniform(1, 23, 500), 2.0 ** -rng.uniform(1, 24, 500)]).astype(dtype)
    u = u[(u > 0) & (u < 1)]
    found = errors(apply("log_unit", u), exactly("log", u), dtype)
    assert found.max() <= 1.5
    turn, v = functions.turn, u[:1000]

    @njit(error_model="numpy")
    def turns(v, sine, cosine):
        for k in range(v.size):
            sine[k], cosine[k] = turn(v[k])

    sine, cosine = np.empty_like(v), np.empty_like(v)
    turns(v, sine, cosine)
    for turned, s, c in zip(v, sine, cosine, strict=True):
        with mpmath.workdps(60):
            angle = 2 * mpmath.pi * mpmath.mpf(float(turned))
            assert abs(float(mpmath.sin(angle) - float(s))) <= 2 * np.finfo(dtype).eps
            assert abs(float(mpmath.cos(angle) - float(c))) <= 2 * np.finfo(dtype).eps


def estimated(function, *given):
    """The function in a loop that takes the processor's estimates, as an optimizer's rule does."""
    from numba import njit
    from thalweg.engine.executors.cpu.llvm import estimates, vectorised

    @njit(error_model="numpy")
    def one(x, out):
        vectorised()
        estimates()
        for l in range(x.size):
            out[l] = function(x[l])

    @njit(error_model="numpy")
    def two(x, y, out):
        vectorised()
        estimates()
        for l in range(x.size):
            out[l] = function(x[l], y[l])

    out = np.empty_like(given[0])
    (one if len(given) == 1 else two)(*given, out)
    return out


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_roots_from_estimates_and_quotients(dtype):
    """Over all magnitudes, subnormal numbers too, which the quotient of two normal ones or the reciprocal of a large one may be."""
    functions, rng, info = (single if dtype == np.float32 else double), np.random.default_rng(4), np.finfo(dtype)
    low, high = np.log(float(info.smallest_normal)), np.log(float(info.max))
    x = np.concatenate([np.exp(rng.uniform(low, high, 2**16)), float(info.smallest_subnormal) * rng.integers(1, 2**22, 2**12)]).astype(
        dtype
    )
    assert (np.abs(estimated(functions.root, x) - np.sqrt(x.astype(np.longdouble))) <= 2 * np.spacing(np.sqrt(x))).all()
    a, b = (rng.permutation(x) * rng.choice([-1, 1], x.size).astype(dtype) for _ in range(2))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(estimated(functions.divide, a, b), a / b)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_special_values_of_roots_and_quotients(dtype):
    functions, tiny = (single if dtype == np.float32 else double), np.finfo(dtype).smallest_subnormal
    x = np.ones(64, dtype)
    x[:8] = [0, np.nan, -1, 4, np.inf, -np.inf, np.finfo(dtype).max, 4 * tiny]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(estimated(functions.root, x), np.sqrt(x), rtol=4 * np.finfo(dtype).eps)
        given = np.array([0, -0.0, 1, -3, np.inf, -np.inf, np.nan, tiny, -7 * tiny, 1e30, 1e-30, np.finfo(dtype).max], dtype)
        a, b = (np.concatenate([v.ravel(), np.ones(-v.size % 64, dtype)]) for v in np.meshgrid(given, given))
        np.testing.assert_array_equal(estimated(functions.divide, a, b), a / b)


CALL = re.compile(r"\b(callq?|jmp)\s+\*?.*\b(sin|cos|tan|exp|expm1|log|log1p|pow|sinh|cosh|tanh|atan)f?\b")


@pytest.mark.parametrize(
    ("name", "dtype"),
    few(product(BOUNDS, PRECISIONS), keep=lambda name, dtype: (dtype == np.float64) == (name in ("exp", "log", "sin", "sqrt", "tanh"))),
)
def test_a_loop_becomes_vector_code_without_library_calls(name, dtype):
    from numba import njit

    function = getattr(single if dtype == np.float32 else double, name)

    @njit(error_model="numpy")
    def loop(x, out):
        for k in range(64):
            out[k] = function(x[k])

    loop(np.ones(64, dtype), np.ones(64, dtype))
    (text,) = loop.inspect_asm().values()
    if "xmm" not in text and "ymm" not in text:
        pytest.skip("not an x86 processor")
    assert re.search(r"\bv?(sqrt|mul|add|fmadd\d+|vfmadd\d+)" + ("ps" if dtype == np.float32 else "pd") + r"\b", text)
    assert not CALL.search(text)
