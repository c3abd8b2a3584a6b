"""Elementary functions without branches or library calls, so that LLVM vectorises a loop that calls them.

Each NAME_f32 and NAME_f64 takes and gives one number of that precision. Largest errors in units in the last place (ulp), over the whole
range unless said otherwise, as the tests check them against mpmath:

    exp 2   expm1 2   log 2   log1p 3   sin, cos 2   tan 4   sinh, cosh 4   tanh 4   arctan 2   pow 2   sqrt 1

Special cases are those of C99: signed zeros, subnormal numbers, infinities, NaN. sin, cos and tan hold while magnitude(x) <= REACH; beyond,
the caller takes the library's function for that block (math.sin), as `apply` does. `log_unit` and `turn` serve
Box-Muller: the logarithm of a normal number in (0, 1), and sine and cosine of 2 pi v for v in [0, 1).

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

REACH_f32, REACH_f64 = np.int32(0x48000000), np.int64(0x41D0000000000000)
"""`magnitude` of the largest |x| for which sin, cos and tan are accurate: 2^17 and 2^30."""

INLINE: dict[str, Any] = dict(forceinline=True, error_model="numpy")
f32, i32 = np.float32, np.int32


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

MAGIC_f32, MAGIC_f64 = f32(12582912.0), 6755399441055744.0
"""1.5 2^23 and 1.5 2^52: adding one rounds to a whole number, which then stands in the lowest bits."""


# Single precision


@njit(**INLINE)
def sqrt_f32(x):
    return math.sqrt(x)


@njit(**INLINE)
def absolute_f32(x):
    return abs(x)


@njit(**INLINE)
def sign_f32(x):
    """-1, 0 or 1; NaN for NaN."""
    s = f32(1) if x > f32(0) else (f32(-1) if x < f32(0) else f32(0))
    return x if x != x else s


@njit(**INLINE)
def maximum_f32(a, b):
    """The larger; NaN if one is."""
    return a if (a >= b) | (a != a) else b


@njit(**INLINE)
def minimum_f32(a, b):
    """The smaller; NaN if one is."""
    return a if (a <= b) | (a != a) else b


@njit(**INLINE)
def power_of_two_f32(n):
    """2^n for -126 <= n <= 127."""
    return from_bits_f32(i32(i32(n + i32(127)) << i32(23)))


@njit(**INLINE)
def reduced_exp_f32(x):
    """(n, e^r - 1) with x = n ln 2 + r, |r| <= ln 2 / 2."""
    z = fma(x, f32(1.4426950408889634), MAGIC_f32)
    n = i32(bits_f32(z) - i32(0x4B400000))
    k = z - MAGIC_f32
    r = fma(-k, f32(1.428606765330187e-06), fma(-k, f32(0.693145751953125), x))
    p = fma(r, f32(0.0013813089068122968), f32(0.008369423824500889))
    p = fma(r, fma(r, p, f32(0.041668457956706616)), f32(0.16666514736665858))
    p = fma(r, p, f32(0.49999993044853774))
    return n, fma(r * r, p, r)


@njit(**INLINE)
def exp_f32(x):
    y = f32(89) if x > f32(89) else (max(x, f32(-104)))
    n, p = reduced_exp_f32(y)
    half = i32(n >> i32(1))
    return (f32(1) + p) * power_of_two_f32(half) * power_of_two_f32(i32(n - half))


@njit(**INLINE)
def expm1_f32(x):
    y = f32(89) if x > f32(89) else (max(x, f32(-20)))
    n, p = reduced_exp_f32(y)
    half = i32(n >> i32(1))
    a, b = power_of_two_f32(half), power_of_two_f32(i32(n - half))
    few = i32(min(i32(60), n))
    scale = power_of_two_f32(few)
    small = fma(p, scale, scale - f32(1))
    made = small if n < i32(60) else (f32(1) + p) * a * b
    return x if x == f32(0) else made


@njit(**INLINE)
def reduced_log_f32(x):
    """(e, f, log(1 + f) - f) with x = 2^e (1 + f), 1 + f in [sqrt 1/2, sqrt 2), for normal x > 0."""
    i = bits_f32(x)
    e = i32(i32(i - i32(0x3F3504F3)) >> i32(23))
    f = from_bits_f32(i32(i - i32(e << i32(23)))) - f32(1)
    p = fma(f, f32(0.06749430828163464), f32(-0.11678351015410209))
    p = fma(f, fma(f, p, f32(0.11888319081502205)), f32(-0.1240508788828145))
    p = fma(f, fma(f, p, f32(0.14219454827024586)), f32(-0.16668025608625067))
    p = fma(f, fma(f, p, f32(0.2000212578129736)), f32(-0.25000009037594967))
    p = fma(f, p, f32(0.33333312462183085))
    z = f * f
    return e, f, fma(z * f, p, f32(-0.5) * z)


@njit(**INLINE)
def log_unit_f32(x):
    """log of a normal number in (0, 1)."""
    e, f, rest = reduced_log_f32(x)
    k = f32(e)
    return fma(k, f32(0.693359375), fma(k, f32(-2.12194440e-4), rest) + f)


@njit(**INLINE)
def log_f32(x):
    tiny = x < f32(1.1754943508222875e-38)
    e, f, rest = reduced_log_f32(x * f32(8388608) if tiny else x)
    k = f32(e) - (f32(23) if tiny else f32(0))
    made = fma(k, f32(0.693359375), fma(k, f32(-2.12194440e-4), rest) + f)
    made = x if x == f32(np.inf) else made
    made = f32(-np.inf) if x == f32(0) else made
    return made if x >= f32(0) else f32(np.nan)


@njit(**INLINE)
def log1p_f32(x):
    """log(1 + x), exact to first order in what 1 + x loses."""
    u = f32(1) + x
    made = log_f32(u) + (x - (u - f32(1))) / u
    made = f32(-np.inf) if x == f32(-1) else made
    return x if (u == f32(1)) | (x == f32(np.inf)) else made


@njit(**INLINE)
def magnitude_f32(x):
    """The bits of |x|, which order as |x| does."""
    return i32(bits_f32(x) & i32(0x7FFFFFFF))


@njit(**INLINE)
def quarters_f32(x):
    """(quarter turn number, sin r, cos r) with x = q pi/2 + r."""
    z = fma(x, f32(0.6366197723675814), MAGIC_f32)
    q, k = bits_f32(z), z - MAGIC_f32
    r = fma(-k, f32(1.5707963705062866), x)
    r = fma(-k, f32(-4.371138828673793e-08), r)
    r = fma(-k, f32(-1.7151245100059106e-15), r)
    t = r * r
    s = fma(t, fma(t, f32(-0.00019504291469748508), f32(0.008332083212998937)), f32(-0.166666534658068))
    c = fma(t, fma(t, f32(2.4423842609445796e-05), f32(-0.0013887242262164516)), f32(0.04166664436627254))
    return q, fma(r * t, s, r), fma(t * t, c, fma(t, f32(-0.5), f32(1)))


@njit(**INLINE)
def signed_f32(x, flip):
    """-x if bit 1 of `flip` is set."""
    return from_bits_f32(i32(bits_f32(x) ^ i32(i32(flip & i32(2)) << i32(30))))


@njit(**INLINE)
def sin_f32(x):
    q, s, c = quarters_f32(x)
    made = signed_f32(c if i32(q & i32(1)) != i32(0) else s, q)
    return x if x == f32(0) else made


@njit(**INLINE)
def cos_f32(x):
    q, s, c = quarters_f32(x)
    return signed_f32(s if i32(q & i32(1)) != i32(0) else c, i32(q + i32(1)))


@njit(**INLINE)
def tan_f32(x):
    q, s, c = quarters_f32(x)
    odd = i32(q & i32(1)) != i32(0)
    made = (-c if odd else s) / (s if odd else c)
    return x if x == f32(0) else made


@njit(**INLINE)
def turn_f32(v):
    """(sin 2 pi v, cos 2 pi v) for v in [0, 1)."""
    z = fma(v, f32(4), MAGIC_f32)
    q = bits_f32(z)
    r = fma(v, f32(4), -(z - MAGIC_f32))
    t = r * r
    s = fma(t, fma(t, f32(-0.004602145244219265), f32(0.07968021813424124)), f32(-0.6459634778956552))
    s = r * fma(t, s, f32(1.5707963219590177))
    c = fma(t, fma(t, f32(0.0009040147617238698), f32(-0.02086028552701643)), f32(0.2536692436444855))
    c = fma(t, fma(t, c, f32(-1.2337005433393196)), f32(1))
    odd = i32(q & i32(1)) != i32(0)
    return signed_f32(c if odd else s, q), signed_f32(s if odd else c, i32(q + i32(1)))


@njit(**INLINE)
def sinh_f32(x):
    a = abs(x)
    e = expm1_f32(a)
    small = f32(0.5) * (e + e / (e + f32(1)))
    h = exp_f32(f32(0.5) * a)
    made = f32(0.5) * h * h if a > f32(20) else small
    return x if a < f32(1e-4) else (-made if x < f32(0) else made)


@njit(**INLINE)
def cosh_f32(x):
    a = abs(x)
    e, h = exp_f32(a), exp_f32(f32(0.5) * a)
    return f32(0.5) * h * h if a > f32(20) else f32(0.5) * e + f32(0.5) / e


@njit(**INLINE)
def tanh_f32(x):
    a = abs(x)
    e = expm1_f32(f32(2) * (min(a, f32(10))))
    made = e / (e + f32(2))
    return x if a < f32(1e-4) else (-made if x < f32(0) else made)


@njit(**INLINE)
def arctan_f32(x):
    a = abs(x)
    large, middle = a > f32(2.414213562373095), a > f32(0.4142135623730950)
    above = f32(-1) if large else (a - f32(1) if middle else a)
    below = a if large else (a + f32(1) if middle else f32(1))
    start = f32(1.5707963267948966) if large else (f32(0.7853981633974483) if middle else f32(0))
    rest = f32(-4.371139e-08) if large else (f32(-2.1855695e-08) if middle else f32(0))
    w = above / below
    t = w * w
    p = fma(t, fma(t, f32(-0.060809663702537875), f32(0.10595058060190918)), f32(-0.14243726501443923))
    p = fma(t, fma(t, p, f32(0.19998483258947863)), f32(-0.3333331540908199))
    made = start + (fma(w * t, p, rest) + w)
    return x if a < f32(1e-4) else (-made if x < f32(0) else made)


@njit(**INLINE)
def pow_f32(x, y):
    """x ** y, through double precision."""
    return f32(pow_f64(np.float64(x), np.float64(y)))


# Double precision


@njit(**INLINE)
def sqrt_f64(x):
    return math.sqrt(x)


@njit(**INLINE)
def absolute_f64(x):
    return abs(x)


@njit(**INLINE)
def sign_f64(x):
    """-1, 0 or 1; NaN for NaN."""
    s = 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)
    return x if x != x else s


@njit(**INLINE)
def maximum_f64(a, b):
    """The larger; NaN if one is."""
    return a if (a >= b) | (a != a) else b


@njit(**INLINE)
def minimum_f64(a, b):
    """The smaller; NaN if one is."""
    return a if (a <= b) | (a != a) else b


@njit(**INLINE)
def power_of_two_f64(n):
    """2^n for -1022 <= n <= 1023."""
    return from_bits_f64((n + 1023) << 52)


@njit(**INLINE)
def scaled_f64(p, n):
    """p 2^n, through subnormals to 0 and to infinity."""
    half = n >> 1
    return p * power_of_two_f64(half) * power_of_two_f64(n - half)


@njit(**INLINE)
def reduced_exp_f64(x, rest):
    """(n, e^r - 1) with x + rest = n ln 2 + r, |r| <= ln 2 / 2."""
    z = fma(x, 1.4426950408889634, MAGIC_f64)
    n = bits_f64(z) - 0x4338000000000000
    k = z - MAGIC_f64
    r = fma(-k, 1.9082149292705877e-10, fma(-k, 0.6931471803691238, x) + rest)
    p = fma(r, fma(r, 2.082560046970651e-09, 2.5113230771007337e-08), 2.7557592523187037e-07)
    p = fma(r, fma(r, p, 2.755723146746147e-06), 2.480158690361668e-05)
    p = fma(r, fma(r, p, 0.00019841269899744185), 0.0013888888889134355)
    p = fma(r, fma(r, p, 0.008333333333315695), 0.04166666666666603)
    p = fma(r, fma(r, p, 0.16666666666666685), 0.5)
    return n, fma(r * r, p, r)


@njit(**INLINE)
def exp_f64(x):
    y = 710.0 if x > 710.0 else (max(x, -746.0))
    n, p = reduced_exp_f64(y, 0.0)
    return scaled_f64(1.0 + p, n)


@njit(**INLINE)
def expm1_f64(x):
    y = 710.0 if x > 710.0 else (max(x, -50.0))
    n, p = reduced_exp_f64(y, 0.0)
    scale = power_of_two_f64(min(100, n))
    made = fma(p, scale, scale - 1.0) if n < 100 else scaled_f64(1.0 + p, n)
    return x if x == 0.0 else made


@njit(**INLINE)
def reduced_log_f64(x):
    """(e, f, log(1 + f) - f) with x = 2^e (1 + f), 1 + f in [sqrt 1/2, sqrt 2), for normal x > 0."""
    i = bits_f64(x)
    e = (i - 0x3FE6A09E667F3BCD) >> 52
    f = from_bits_f64(i - (e << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = fma(z, fma(z, 0.14797540330916387, 0.15313899711208206), 0.18183569891669168)
    p = fma(z, fma(z, p, 0.2222219847271629), 0.28571428743299276)
    p = z * fma(z, fma(z, p, 0.39999999999410896), 0.6666666666666735)
    half = 0.5 * f * f
    return e, f, s * (half + p) - half


@njit(**INLINE)
def log_unit_f64(x):
    """log of a normal number in (0, 1)."""
    e, f, rest = reduced_log_f64(x)
    k = np.float64(e)
    return fma(k, 0.6931471803691238, fma(k, 1.9082149292705877e-10, rest) + f)


@njit(**INLINE)
def log_f64(x):
    tiny = x < 2.2250738585072014e-308
    e, f, rest = reduced_log_f64(x * 4503599627370496.0 if tiny else x)
    k = np.float64(e) - (52.0 if tiny else 0.0)
    made = fma(k, 0.6931471803691238, fma(k, 1.9082149292705877e-10, rest) + f)
    made = x if x == np.inf else made
    made = -np.inf if x == 0.0 else made
    return made if x >= 0.0 else np.nan


@njit(**INLINE)
def log1p_f64(x):
    """log(1 + x), exact to first order in what 1 + x loses."""
    u = 1.0 + x
    made = log_f64(u) + (x - (u - 1.0)) / u
    made = -np.inf if x == -1.0 else made
    return x if (u == 1.0) | (x == np.inf) else made


@njit(**INLINE)
def magnitude_f64(x):
    """The bits of |x|, which order as |x| does."""
    return np.int64(bits_f64(x) & 0x7FFFFFFFFFFFFFFF)


@njit(**INLINE)
def quarters_f64(x):
    """(quarter turn number, sin r, cos r) with x = q pi/2 + r."""
    z = fma(x, 0.6366197723675814, MAGIC_f64)
    q, k = bits_f64(z), z - MAGIC_f64
    a = fma(-k, 1.5707963267948966, x)
    second = k * 6.123233995736766e-17
    r = a - second
    lost = (a - (r - (r - a))) - (second + (r - a))
    low = fma(k, 1.4973849048591833e-33, lost - fma(k, 6.123233995736766e-17, -second))
    t = r * r
    s = fma(t, fma(t, 1.5890301806132493e-10, -2.505064766311263e-08), 2.7557312998709174e-06)
    s = fma(t, fma(t, s, -0.0001984126982785228), 0.008333333333320035)
    s = fma(t, s, -0.16666666666666624)
    c = fma(t, fma(t, -1.1355196196721411e-11, 2.0875638617205688e-09), -2.7557313741121456e-07)
    c = fma(t, fma(t, c, 2.4801587287414167e-05), -0.0013888888888870903)
    c = fma(t, c, 0.04166666666666658)
    h = 0.5 * t
    w = 1.0 - h
    cosine = w + (((1.0 - w) - h) + fma(t * t, c, -r * low))
    return q, r + fma(r * t, s, fma(-h, low, low)), cosine


@njit(**INLINE)
def signed_f64(x, flip):
    """-x if bit 1 of `flip` is set."""
    return from_bits_f64(bits_f64(x) ^ ((flip & 2) << 62))


@njit(**INLINE)
def sin_f64(x):
    q, s, c = quarters_f64(x)
    made = signed_f64(c if (q & 1) != 0 else s, q)
    return x if x == 0.0 else made


@njit(**INLINE)
def cos_f64(x):
    q, s, c = quarters_f64(x)
    return signed_f64(s if (q & 1) != 0 else c, q + 1)


@njit(**INLINE)
def tan_f64(x):
    q, s, c = quarters_f64(x)
    odd = (q & 1) != 0
    made = (-c if odd else s) / (s if odd else c)
    return x if x == 0.0 else made


@njit(**INLINE)
def turn_f64(v):
    """(sin 2 pi v, cos 2 pi v) for v in [0, 1)."""
    z = fma(v, 4.0, MAGIC_f64)
    q = bits_f64(z)
    r = fma(v, 4.0, -(z - MAGIC_f64))
    t = r * r
    s = fma(t, fma(t, -6.627604253848483e-10, 5.691927684498753e-08), -3.5988427166258617e-06)
    s = fma(t, fma(t, s, 0.00016044118472659263), -0.004681754135314821)
    s = fma(t, fma(t, s, 0.07969262624616692), -0.6459640975062463)
    s = r * fma(t, s, 1.5707963267948966)
    c = fma(t, fma(t, 6.507084544917727e-11, -6.386330049157312e-09), 4.7108740976398956e-07)
    c = fma(t, fma(t, c, -2.520204236320029e-05), 0.0009192602748385948)
    c = fma(t, fma(t, c, -0.020863480763352923), 0.25366950790104803)
    c = fma(t, fma(t, c, -1.2337005501361697), 1.0)
    odd = (q & 1) != 0
    return signed_f64(c if odd else s, q), signed_f64(s if odd else c, q + 1)


@njit(**INLINE)
def sinh_f64(x):
    a = abs(x)
    e = expm1_f64(a)
    small = 0.5 * (e + e / (e + 1.0))
    h = exp_f64(0.5 * a)
    made = 0.5 * h * h if a > 40.0 else small
    return x if a < 1e-9 else (-made if x < 0.0 else made)


@njit(**INLINE)
def cosh_f64(x):
    a = abs(x)
    e, h = exp_f64(a), exp_f64(0.5 * a)
    return 0.5 * h * h if a > 40.0 else 0.5 * e + 0.5 / e


@njit(**INLINE)
def tanh_f64(x):
    a = abs(x)
    e = expm1_f64(2.0 * (min(a, 20.0)))
    made = e / (e + 2.0)
    return x if a < 1e-9 else (-made if x < 0.0 else made)


@njit(**INLINE)
def arctan_f64(x):
    a = abs(x)
    large, middle = a > 2.414213562373095, a > 0.4142135623730950
    above = -1.0 if large else (a - 1.0 if middle else a)
    below = a if large else (a + 1.0 if middle else 1.0)
    start = 1.5707963267948966 if large else (0.7853981633974483 if middle else 0.0)
    rest = 6.123233995736766e-17 if large else (3.061616997868383e-17 if middle else 0.0)
    w = above / below
    t = w * w
    p = fma(t, fma(t, 0.015195022727611047, -0.033474329595619384), 0.04503543888705443)
    p = fma(t, fma(t, p, -0.0521840297374235), 0.05877021563190796)
    p = fma(t, fma(t, p, -0.06666226731019227), 0.07692282756646518)
    p = fma(t, fma(t, p, -0.090909081444253), 0.1111111108817439)
    p = fma(t, fma(t, p, -0.1428571428538794), 0.1999999999999767)
    p = fma(t, p, -0.33333333333333326)
    made = start + (fma(w * t, p, rest) + w)
    return x if a < 1e-9 else (-made if x < 0.0 else made)


@njit(**INLINE)
def double_log(x):
    """log x as the sum of two numbers, for normal x > 0; relative error below 2^-66."""
    i = bits_f64(x)
    e = (i - 0x3FE6A09E667F3BCD) >> 52
    f = from_bits_f64(i - (e << 52)) - 1.0
    g = 2.0 + f
    s = f / g
    s_low = (fma(-s, g, f) - s * (f - (g - 2.0))) / g
    z = s * s
    z_low = fma(s, s, -z) + 2.0 * s * s_low
    c = s * z
    c_low = fma(s, z, -c) + fma(s, z_low, s_low * z)
    third = c * 0.6666666666666666
    third_low = fma(c, 0.6666666666666666, -third) + fma(c, 3.700743415417188e-17, c_low * 0.6666666666666666)
    p = fma(z, fma(z, 0.11990502953352413, 0.11674639044190334), 0.13336326297663756)
    p = fma(z, fma(z, p, 0.15384556638907892), 0.18181818873742694)
    p = fma(z, fma(z, p, 0.2222222221750823), 0.2857142857144523)
    p = fma(z, p, 0.3999999999999998)
    k = np.float64(e)
    top = k * 0.6931471803691238
    a = top + 2.0 * s
    a_low = (top - (a - (a - top))) + (2.0 * s - (a - top))
    b = a + third
    b_low = (a - (b - (b - a))) + (third - (b - a))
    low = b_low + a_low + fma(k, 1.9082149292705877e-10, 2.0 * s_low) + third_low + c * z * p
    high = b + low
    return high, low - (high - b)


@njit(**INLINE)
def pow_f64(x, y):
    """x ** y with C99's special cases."""
    a = abs(x)
    tiny = a < 2.2250738585072014e-308
    high, low = double_log(a * 4503599627370496.0 if tiny else a)
    shift = 52.0 if tiny else 0.0
    high, low = high - shift * 0.6931471803691238, low - shift * 1.9082149292705877e-10
    top = y * high
    rest = fma(y, high, -top) + y * low
    far = abs(top) > 750.0
    top = (750.0 if top > 0.0 else -750.0) if far else top
    n, p = reduced_exp_f64(top, 0.0 if far else rest)
    made = scaled_f64(1.0 + p, n)
    made = (np.inf if y < 0.0 else 0.0) if a == 0.0 else made
    made = (0.0 if y < 0.0 else np.inf) if a == np.inf else made
    whole = np.floor(y) == y
    odd = whole & (np.floor(0.5 * y) * 2.0 != y)
    negative = (x < 0.0) | (1.0 / x == -np.inf)
    made = (-made if odd else (made if whole | (a == 0.0) | (a == np.inf) else np.nan)) if negative else made
    made = 1.0 if (a == 1.0) & (abs(y) == np.inf) else made
    made = np.nan if (x != x) | (y != y) else made
    return 1.0 if (y == 0.0) | (x == 1.0) else made


# Whole arrays


def apply(name: str, x: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """The function `name` at every element, as a kernel calls it: blocks of 64, redone with the library beyond the reach of sin, cos, tan.

    x and more are float32 or float64 arrays of one type and shape. Raises KeyError for an unknown name.
    """
    suffix = "f32" if x.dtype == np.float32 else "f64"
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (x, *more)]
    padded = [np.concatenate([a, np.ones(-len(a) % 64, a.dtype)]) for a in flat]
    out = np.empty_like(padded[0])
    _loop(name, suffix, len(flat))(*padded, out)
    return out[: x.size].reshape(x.shape)


def _loop(name: str, suffix: str, arguments: int) -> Any:
    """The compiled loop behind `apply`."""
    key = (name, suffix)
    if key not in _LOOPS:
        function = globals()[f"{name}_{suffix}"]
        exact = getattr(math, name) if name in ("sin", "cos", "tan") else None
        magnitude, reach = globals()[f"magnitude_{suffix}"], globals()[f"REACH_{suffix}"]
        _LOOPS[key] = _one(function, exact, magnitude, reach) if arguments == 1 else _two(function)
    return _LOOPS[key]


_LOOPS: dict[tuple[str, str], Any] = {}


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
