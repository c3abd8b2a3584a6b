"""Elementary functions without branches or library calls, so that LLVM vectorises a loop that calls them.

float32.py and float64.py have them for float32 and float64; this file has what both need.
Largest errors in units in the last place (ulp), as the tests check them against mpmath:

    exp 2   expm1 2   log 2   log1p 3   sin, cos (alone or together) 2, of pi x 2.5   tan 4   sinh, cosh 4   tanh 4   arctan 2   pow 2
    sqrt 1   root, divide 2

Special cases are those of C99: signed zeros, subnormal numbers, infinities, NaN. sin, cos and tan hold while magnitude(x) <= REACH;
beyond, the caller takes the library's function (math.sin); sin_pi and cos_pi, of what is left after whole turns. `log_unit` and `turn`
serve Box-Muller: the logarithm of a normal number in (0, 1), and sine and cosine of 2 pi v for v in [0, 1).

Methods: reduction to a small interval (Cody and Waite 1980, with fused multiply-add), then a polynomial that is near-minimax there
(weighted least squares iterated to equal ripples); pow carries the logarithm in two numbers (Dekker 1971, doi:10.1007/BF01397083).
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ..llvm import INNER

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


# An estimate of 1 / sqrt(x): the quotient itself, unless the function it is used in asks for `estimates()` (llvm.py)


@intrinsic
def reciprocal_root(context, x):
    """1 / sqrt(x), as good as the processor's estimate."""

    def generate(context, builder, signature, args):
        function = builder.module.declare_intrinsic("llvm.sqrt", [args[0].type])
        root = builder.call(function, args, fastmath=("afn", "arcp"))
        return builder.fdiv(ir.Constant(args[0].type, 1.0), root, flags=("afn", "arcp"))

    return x(x), generate
