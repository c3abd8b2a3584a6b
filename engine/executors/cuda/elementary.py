"""The scalar functions that kernels for CUDA call, in float32 and float64, and their random numbers.

float32 sine, cosine, the turn and the logarithm of Box-Muller are those of float32.py, the same code, so that sine and cosine of one
argument share their reduction and nothing branches; beyond REACH, and for all other functions, libdevice's serve, which are as exact
(NVIDIA's CUDA C++ Programming Guide, "Mathematical Functions": float32 exp and log within 2 ulp, pow 4, tan 4, sqrt and division exact;
float64 within 2). Reciprocals, roots and quotients of float32 rules, and Box-Muller's root, are the device's own instructions, within 2 ulp over the whole range
(PTX ISA, rcp.approx, sqrt.approx, div.full), as `root` is on the processor. Bits of floating-point results do not agree with the processor's,
whose kernels contract and estimate otherwise; the whole numbers of Philox, and the uniforms made of them, agree bit for bit.

Numba's simulator runs device functions as plain Python, where `math` raises for log(0): there they are NumPy's.
"""

import importlib
import math
import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda

from ..cpu.elementary import float32, float64

try:
    from numba.cuda.core import config
except ImportError:  # the CUDA target that Numba itself carries
    from numba.core import config

SIMULATED = bool(config.ENABLE_CUDASIM)
u32, u64 = np.uint32, np.uint64
HALF, M0, M1, W0, W1 = u64(32), u32(0xD2511F53), u32(0xCD9E8D57), u32(0x9E3779B9), u32(0xBB67AE85)
device = cuda.jit(device=True) if SIMULATED else cuda.jit(device=True, forceinline=True)
"""Decorator of every function that a kernel calls: inlined, so that arrays of constant size become registers."""
of: Any = np if SIMULATED else math
arctan_, power_ = (np.arctan, np.power) if SIMULATED else (math.atan, math.pow)


def _complete() -> None:
    """numba-cuda (0.30) names np.row_stack, which NumPy 2.5 dropped, in a module that it imports when it first compiles: import it now,
    with the name there for as long as that takes."""
    np.row_stack = np.vstack  # type: ignore[attr-defined]
    try:
        importlib.import_module("numba.cuda.np.arrayobj")
    finally:
        del np.row_stack  # type: ignore[attr-defined]


if not SIMULATED and not hasattr(np, "row_stack"):
    _complete()


if SIMULATED:
    floor32 = floor64 = np.floor

    def instruction(text: str, arguments: int) -> Callable[..., Any]:
        """The same by NumPy."""
        return {"sqrt": np.sqrt, "div": np.divide, "rcp": lambda x: np.float32(1) / x}[text.split(".")[0]]

    def wide(a, b):
        """The product of two words of 32 bits, in 64."""
        return u64(a) * u64(b)

    def fma(a, b, c):
        return np.float32(np.float64(a) * b + c)

    def bits_f32(x):
        return x.view(np.int32)

    def from_bits_f32(x):
        return x.view(np.float32)

    exact = SimpleNamespace(sinf=np.sin, cosf=np.cos, tanf=np.tan)

    @device
    def turn64(v):
        return np.sin(2 * np.pi * v), np.cos(2 * np.pi * v)

else:
    from llvmlite import ir
    from numba.cuda import libdevice
    from numba.cuda import types as kinds
    from numba.cuda.extending import intrinsic

    floor32, floor64 = libdevice.floorf, libdevice.floor
    fma, bits_f32, from_bits_f32, exact = libdevice.fmaf, libdevice.float_as_int, libdevice.int_as_float, libdevice

    def instruction(text: str, arguments: int) -> Callable[..., Any]:
        """An instruction of PTX on float32 numbers, as a function."""
        places = ", ".join(f"${k}" for k in range(arguments + 1))

        def generate(context, builder, signature, args):
            kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * arguments)
            return builder.call(ir.InlineAsm(kind, f"{text} {places};", ",".join(["=f", *["f"] * arguments])), args)

        if arguments == 1:
            return intrinsic(lambda context, a: (a(a), generate))
        return intrinsic(lambda context, a, b: (a(a, b), generate))

    @intrinsic
    def wide(context, a, b):
        """The product of two words of 32 bits, in 64. LLVM's own way through 64-bit factors costs an addition more."""

        def generate(context, builder, signature, args):
            word = ir.IntType(32)
            return builder.call(ir.InlineAsm(ir.FunctionType(ir.IntType(64), [word, word]), "mul.wide.u32 $0, $1, $2;", "=l,r,r"), args)

        return kinds.uint64(kinds.uint32, kinds.uint32), generate

    @device
    def turn64(v):
        return libdevice.sincospi(2.0 * v)


@device
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10, as philox.py: four words of 32 bits from a counter of four and a key of two."""
    c0, c1, c2, c3, k0, k1 = u32(c0), u32(c1), u32(c2), u32(c3), u32(k0), u32(k1)
    for _ in range(10):
        p0, p1 = wide(M0, c0), wide(M1, c2)
        c0, c1, c2, c3 = u32(u32(u32(p1 >> HALF) ^ c1) ^ k0), u32(p1), u32(u32(u32(p0 >> HALF) ^ c3) ^ k1), u32(p0)
        k0, k1 = u32(k0 + W0), u32(k1 + W1)
    return c0, c1, c2, c3


@device
def cell32(word):
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return np.float32(np.int32(word >> u32(9))) * np.float32(2.0**-23) + np.float32(2.0**-24)


@device
def cell64(high, low):
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell."""
    return (np.float64(np.int64((u64(high) << u64(20)) | u64(low >> u32(12)))) + 0.5) * 2.0**-52


def shared(function: Any, **called: Any) -> Any:
    """A function of float32.py for a thread: the same code; `called` are the functions it calls, in their form for the device."""
    code = function.py_func
    return device(types.FunctionType(code.__code__, {**code.__globals__, **called}, code.__name__))


primitives = {"fma": fma, "bits_f32": bits_f32, "from_bits_f32": from_bits_f32}
magnitude, signed = shared(float32.magnitude, **primitives), shared(float32.signed, **primitives)
quarters, reduced_log = shared(float32.quarters, **primitives), shared(float32.reduced_log, **primitives)
turn32 = shared(float32.turn, **primitives, signed=signed)
log_unit32 = shared(float32.log_unit, **primitives, reduced_log=reduced_log)
root32, divide32, reciprocal32 = (instruction(f"{name}.f32", n) for name, n in (("sqrt.approx", 1), ("div.full", 2), ("rcp.approx", 1)))
radius32 = instruction("sqrt.approx.ftz.f32", 1)  # of normal numbers only
REACH = float32.REACH


def near(name: str, of_single: Any) -> Any:
    """sin, cos or tan of a float32: float32.py's up to REACH, libdevice's beyond."""
    close, far = shared(of_single, **primitives, quarters=quarters, signed=signed), getattr(exact, f"{name}f")

    @device
    def function(x):
        made = close(x)  # not in a branch: what sin and cos of one argument share is then computed once
        if magnitude(x) > REACH:
            made = far(x)
        return made

    return function


def in_precision(F: Any, turn: Any, down: Any, **own: Any) -> SimpleNamespace:
    """The functions for numbers of type F, by the names that generated code has for them. `turn` is (sin, cos) of 2 pi v, `down` rounds
    towards minus infinity, `own` takes the place of functions below."""

    eps = F(np.finfo(F).eps)

    @device
    def sqrt(x):
        return F(of.sqrt(x))

    @device
    def divide(a, b):
        return a / b

    @device
    def reciprocal(x):
        return F(1) / x

    @device
    def absolute(x):
        return abs(x)

    @device
    def sign(x):
        s = F(1) if x > F(0) else (F(-1) if x < F(0) else F(0))
        return x if x != x else s

    @device
    def maximum(a, b):
        return a if (a >= b) | (a != a) else b

    @device
    def minimum(a, b):
        return a if (a <= b) | (a != a) else b

    @device
    def where(condition, a, b):
        return a if condition else b

    @device
    def floor(x):
        return down(x)

    @device
    def exp(x):
        return F(of.exp(x))

    @device
    def expm1(x):
        return F(of.expm1(x))

    @device
    def log(x):
        return F(of.log(x))

    @device
    def log1p(x):
        return F(of.log1p(x))

    @device
    def sin(x):
        return F(of.sin(x))

    @device
    def cos(x):
        return F(of.cos(x))

    @device
    def tan(x):
        return F(of.tan(x))

    @device
    def sinh(x):
        return F(of.sinh(x))

    @device
    def cosh(x):
        return F(of.cosh(x))

    @device
    def tanh(x):
        return F(of.tanh(x))

    @device
    def arctan(x):
        return F(arctan_(x))

    @device
    def pow(x, y):
        return F(power_(x, y))

    @device
    def complement(rest, t):
        """1 - (1 - rest)^t, however small `rest` is."""
        return F(1) - pow(F(1) - rest, t) if rest > F(1) else -expm1(t * log1p(-rest))

    root, radius, log_unit = own.get("root", sqrt), own.get("radius", sqrt), own.get("log_unit", log)

    @device
    def box_muller(u, v):
        """Two standard normals from two uniforms."""
        r = radius(F(-2) * log_unit(u))
        s, c = turn(v)
        return r * c, r * s

    @device
    def bailey(u, v, df, rate):
        """A Student-t number from two uniforms, as in philox.py; `rate` is 2 / df."""
        s, c = turn(v)
        w = -log_unit(u)
        z = w * rate
        half = exp(F(0.25) * z)
        return half * (half * (sqrt(F(2) * w if z < eps else -df * expm1(-z)) * c))

    made = {name: value for name, value in locals().items() if name not in ("F", "turn", "down", "own", "eps")}
    return SimpleNamespace(**(made | own))


own32 = {
    "scaling": shared(float32.scaling),
    "root": root32,
    "radius": radius32,
    "divide": divide32,
    "reciprocal": reciprocal32,
    "log_unit": log_unit32,
}
turning = {"sin": float32.sin_with_cos, "cos": float32.cos_with_sin, "tan": float32.tan}
float32 = in_precision(np.float32, turn32, floor32, **own32, **{name: near(name, f) for name, f in turning.items()})
float64 = in_precision(np.float64, turn64, floor64, scaling=shared(float64.scaling))
