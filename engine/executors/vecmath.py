"""Elementary functions without branches or library calls, so that LLVM vectorises a loop that calls them.

single.py and double.py have them for float32 and float64; this file has what both need, and `apply`, any of them over a whole array.
Largest errors in units in the last place (ulp), as the tests check them against mpmath:

    exp 2   expm1 2   log 2   log1p 3   sin, cos (alone or together) 2, of pi x 2.5   tan 4   sinh, cosh 4   tanh 4   arctan 2   pow 2   sqrt 1   root, divide 2

Special cases are those of C99: signed zeros, subnormal numbers, infinities, NaN. sin, cos and tan hold while magnitude(x) <= REACH;
beyond, the caller takes the library's function (math.sin), as `apply` does; sin_pi and cos_pi, of what is left after whole turns. `log_unit` and `turn` serve Box-Muller: the logarithm of a
normal number in (0, 1), and sine and cosine of 2 pi v for v in [0, 1).

Methods: reduction to a small interval (Cody and Waite 1980, with fused multiply-add), then a polynomial that is near-minimax there
(weighted least squares iterated to equal ripples); pow carries the logarithm in two numbers (Dekker 1971, doi:10.1007/BF01397083).
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from .hints import INNER

INLINE: dict[str, Any] = {"forceinline": True, "error_model": "numpy", **INNER}


# What Numba lacks: a fused multiply-add, and the bits of a number


@intrinsic
def fma(context, a, b, c):
    """a b + c with one rounding."""

    def generate(context, builder, signature, args):
        return builder.fma(*args)

    return a(a, a, a), generate


def _reinterpret(source: Any, target: Any, llvm: Any) -> Any:
    def cast(context, x):
        def generate(context, builder, signature, args):
            return builder.bitcast(args[0], llvm)

        return target(source), generate

    return intrinsic(cast)


bits_f32 = _reinterpret(types.float32, types.int32, ir.IntType(32))
from_bits_f32 = _reinterpret(types.int32, types.float32, ir.FloatType())
bits_f64 = _reinterpret(types.float64, types.int64, ir.IntType(64))
from_bits_f64 = _reinterpret(types.int64, types.float64, ir.DoubleType())


# An estimate of 1 / sqrt(x): the quotient itself, unless the function it is used in asks for `estimates()` (hints.py)


@intrinsic
def reciprocal_root(context, x):
    """1 / sqrt(x), as good as the processor's estimate."""

    def generate(context, builder, signature, args):
        function = builder.module.declare_intrinsic("llvm.sqrt", [args[0].type])
        root = builder.call(function, args, fastmath=("afn", "arcp"))
        return builder.fdiv(ir.Constant(args[0].type, 1.0), root, flags=("afn", "arcp"))

    return x(x), generate


# Whole arrays


def apply(name: str, x: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """The function `name` at every element, as a kernel calls it: blocks of 64, redone with the library beyond the reach of sin, cos, tan.

    x and more are float32 or float64 arrays of one type and shape. Raises KeyError for an unknown name.
    """
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (x, *more)]
    padded = [np.concatenate([a, np.ones(-len(a) % 64, a.dtype)]) for a in flat]
    out = np.empty_like(padded[0])
    _loop(name, x.dtype.name, len(flat))(*padded, out)
    return out[: x.size].reshape(x.shape)


def _loop(name: str, precision: str, arguments: int) -> Any:
    """The compiled loop behind `apply`."""
    from . import double, single

    key, functions = (name, precision), vars(single if precision == "float32" else double)
    if key not in _LOOPS:
        function = functions[name]
        exact = {"sin": math.sin, "cos": math.cos, "tan": math.tan}.get(name.partition("_")[0])
        exact = _whole_turns(function, precision) if name.endswith("_pi") else exact
        magnitude, reach = functions["magnitude"], functions["REACH"]
        _LOOPS[key] = _one(function, exact, magnitude, reach) if arguments == 1 else _two(function)
    return _LOOPS[key]


_LOOPS: dict[tuple[str, str], Any] = {}


def _whole_turns(function: Any, precision: str) -> Any:
    """sin_pi or cos_pi beyond the reach: of what is left of x after whole turns."""
    two, half = np.array([2, 0.5], precision)

    @njit(error_model="numpy")
    def exact(x):
        return function(x - two * np.rint(half * x))

    return exact


def _one(function: Any, exact: Any, magnitude: Any, reach: Any) -> Any:
    @njit(error_model="numpy")
    def near(x, out):
        for first in range(0, x.size, 64):
            for l in range(64):
                out[first + l] = function(x[first + l])

    if exact is None:
        return near

    @njit(error_model="numpy")
    def both(x, out):
        near(x, out)
        for first in range(0, x.size, 64):
            far = reach
            for l in range(64):
                far = max(far, magnitude(x[first + l]))
            for l in range(64 if far > reach else 0):
                out[first + l] = exact(x[first + l])

    return both


def _two(function: Any) -> Any:
    @njit(error_model="numpy")
    def near(x, y, out):
        for first in range(0, x.size, 64):
            for l in range(64):
                out[first + l] = function(x[first + l], y[first + l])

    return near
