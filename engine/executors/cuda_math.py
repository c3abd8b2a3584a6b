"""The scalar functions that kernels for CUDA call, in float32 and float64, and their random numbers.

Elementary functions are libdevice's, not those of vecmath: those were made so that LLVM can vectorise them for a processor, and a thread of
a GPU has no use for that. Libdevice is as exact (NVIDIA's CUDA C++ Programming Guide, "Mathematical Functions": float32 exp, log and sin
within 2 ulp, pow 4, tan 4, sqrt and division exact; float64 within 2), has no limit of reach, and stays in float32. Bits of floating-point
results would not agree with the processor's in any case, whose kernels contract and estimate otherwise; the whole numbers of Philox, and
the uniforms made of them, do agree bit for bit.

Numba's simulator runs device functions as plain Python, where `math` raises for log(0): there they are NumPy's.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda

try:
    from numba.cuda.core import config
except ImportError:  # the CUDA target that Numba itself carries
    from numba.core import config

SIMULATED = bool(config.ENABLE_CUDASIM)
MASK, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
M0, M1, W0, W1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57), np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
device = cuda.jit(device=True) if SIMULATED else cuda.jit(device=True, forceinline=True)
"""Decorator of every function that a kernel calls: inlined, so that arrays of constant size become registers."""
of: Any = np if SIMULATED else math
arctan_, power_ = (np.arctan, np.power) if SIMULATED else (math.atan, math.pow)


@device
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10 on words held in 64 bits, as philox.py."""
    for _ in range(10):
        p0, p1 = M0 * (c0 & MASK), M1 * (c2 & MASK)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & MASK, (p0 >> HALF) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
    return c0, c1, c2, c3


@device
def cell32(word):
    """A word as a float32 in (0, 1): its top 23 bits, centred in their cell."""
    return (np.float32(np.int32(word >> np.uint64(9))) + np.float32(0.5)) * np.float32(2.0**-23)


@device
def cell64(high, low):
    """Two words as a float64 in (0, 1): the top 52 bits, centred in their cell."""
    return (np.float64(np.int64((high << np.uint64(20)) | (low >> np.uint64(12)))) + 0.5) * 2.0**-52


def in_precision(F: Any, turn: Any, down: Any) -> SimpleNamespace:
    """The functions for numbers of type F, by the names that generated code has for them. `turn` is (sin, cos) of 2 pi v, `down` rounds
    towards minus infinity."""

    @device
    def sqrt(x):
        return F(of.sqrt(x))

    @device
    def divide(a, b):
        return a / b

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
    def box_muller(u, v):
        """Two standard normals from two uniforms."""
        r = F(of.sqrt(F(-2) * F(of.log(u))))
        s, c = turn(v)
        return r * c, r * s

    @device
    def bailey(u, v, df, exponent):
        """A Student-t number from two uniforms; `exponent` is -2 / df."""
        s, c = turn(v)
        return F(of.sqrt(df * (F(power_(u, exponent)) - F(1)))) * c

    made = {name: value for name, value in locals().items() if name not in ("F", "turn", "down")}
    return SimpleNamespace(**made, root=sqrt)


if SIMULATED:
    floor32 = floor64 = np.floor

    @device
    def turn32(v):
        return np.float32(np.sin(2 * np.pi * np.float64(v))), np.float32(np.cos(2 * np.pi * np.float64(v)))

    @device
    def turn64(v):
        return np.sin(2 * np.pi * v), np.cos(2 * np.pi * v)

else:
    from numba.cuda import libdevice

    floor32, floor64 = libdevice.floorf, libdevice.floor

    @device
    def turn32(v):
        return libdevice.sincospif(np.float32(2) * v)

    @device
    def turn64(v):
        return libdevice.sincospi(2.0 * v)


float32, float64 = in_precision(np.float32, turn32, floor32), in_precision(np.float64, turn64, floor64)
