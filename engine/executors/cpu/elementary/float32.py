"""Elementary functions in single precision."""

import math

import numpy as np
from numba import njit

from ..llvm import ESTIMATES
from .float64 import pow as double_pow
from .primitives import INLINE, bits_f32, fma, from_bits_f32, reciprocal_root

f32, i32 = np.float32, np.int32
REACH = i32(0x48000000)
"""`magnitude` of the largest |x| for which sin, cos and tan are accurate: 2^17."""
INFINITY, FARTHEST = f32(np.inf), f32(2.0**75)
"""Above 1 / sqrt(x) of the smallest x."""
MAGIC = f32(12582912.0)
"""1.5 2^23: adding it rounds to a whole number, which then stands in the lowest bits."""


@njit(**INLINE)
def sqrt(x):
    return math.sqrt(x)


@njit(**INLINE)
def estimated_root(x):
    """sqrt(x) from an estimate of 1 / sqrt(x) and a step of Newton's (Goldschmidt's form), within 2 ulp; of 0, infinity and NaN it is what
    it must be.

    The estimate at 0 is infinity; FARTHEST, above those at all other numbers, makes the product 0. At infinity the product is NaN.
    """
    r = reciprocal_root(x)
    r = min(r, FARTHEST)
    s = x * r
    s = fma(s, fma(f32(-0.5) * r, s, f32(0.5)), s)
    return x if x == INFINITY else s


root = estimated_root if ESTIMATES else sqrt


@njit(**INLINE)
def divide(a, b):
    """a / b. The processor's own: from an estimate of 1 / b it would be wrong where 1 / b overflows and the quotient does not."""
    return a / b


@njit(**INLINE)
def scaling(squares):
    """What a vector whose squares sum up to this is multiplied by before they are summed again: 1 unless they may have overflowed or
    vanished, else a power of two that keeps them from it."""
    return f32(1) if (squares >= f32(2.0**-100)) & (squares <= f32(2.0**120)) else (f32(2.0**-80) if squares > f32(1) else f32(2.0**100))


@njit(**INLINE)
def absolute(x):
    return abs(x)


@njit(**INLINE)
def sign(x):
    """-1, 0 or 1; NaN for NaN."""
    s = f32(1) if x > f32(0) else (f32(-1) if x < f32(0) else f32(0))
    return x if x != x else s


@njit(**INLINE)
def maximum(a, b):
    """The larger; NaN if one is."""
    return a if (a >= b) | (a != a) else b


@njit(**INLINE)
def minimum(a, b):
    """The smaller; NaN if one is."""
    return a if (a <= b) | (a != a) else b


@njit(**INLINE)
def power_of_two(n):
    """2^n for -126 <= n <= 127."""
    return from_bits_f32(i32(i32(n + i32(127)) << i32(23)))


@njit(**INLINE)
def reduced_exp(x):
    """(n, e^r - 1) with x = n ln 2 + r, |r| <= ln 2 / 2."""
    z = fma(x, f32(1.4426950408889634), MAGIC)
    n = i32(bits_f32(z) - i32(0x4B400000))
    k = z - MAGIC
    r = fma(-k, f32(1.428606765330187e-06), fma(-k, f32(0.693145751953125), x))
    p = fma(r, f32(0.0013813089068122968), f32(0.008369423824500889))
    p = fma(r, fma(r, p, f32(0.041668457956706616)), f32(0.16666514736665858))
    p = fma(r, p, f32(0.49999993044853774))
    return n, fma(r * r, p, r)


@njit(**INLINE)
def exp(x):
    y = f32(89) if x > f32(89) else (max(x, f32(-104)))
    n, p = reduced_exp(y)
    half = i32(n >> i32(1))
    return (f32(1) + p) * power_of_two(half) * power_of_two(i32(n - half))


@njit(**INLINE)
def expm1(x):
    y = f32(89) if x > f32(89) else (max(x, f32(-20)))
    n, p = reduced_exp(y)
    half = i32(n >> i32(1))
    a, b = power_of_two(half), power_of_two(i32(n - half))
    few = i32(min(i32(60), n))
    scale = power_of_two(few)
    small = fma(p, scale, scale - f32(1))
    made = small if n < i32(60) else (f32(1) + p) * a * b
    return x if x == f32(0) else made


@njit(**INLINE)
def reduced_log(x):
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
def log_unit(x):
    """log of a normal number in (0, 1)."""
    e, f, rest = reduced_log(x)
    k = f32(e)
    return fma(k, f32(0.693359375), fma(k, f32(-2.12194440e-4), rest) + f)


@njit(**INLINE)
def log(x):
    tiny = x < f32(1.1754943508222875e-38)
    e, f, rest = reduced_log(x * f32(8388608) if tiny else x)
    k = f32(e) - (f32(23) if tiny else f32(0))
    made = fma(k, f32(0.693359375), fma(k, f32(-2.12194440e-4), rest) + f)
    made = x if x == f32(np.inf) else made
    made = f32(-np.inf) if x == f32(0) else made
    return made if x >= f32(0) else f32(np.nan)


@njit(**INLINE)
def log1p(x):
    """log(1 + x), exact to first order in what 1 + x loses."""
    u = f32(1) + x
    made = log(u) + (x - (u - f32(1))) / u
    made = f32(-np.inf) if x == f32(-1) else made
    return x if (u == f32(1)) | (x == f32(np.inf)) else made


@njit(**INLINE)
def magnitude(x):
    """The bits of |x|, which order as |x| does."""
    return i32(bits_f32(x) & i32(0x7FFFFFFF))


@njit(**INLINE)
def quarters(x):
    """(quarter turn number, sin r, cos r) with x = q pi/2 + r. Adding 0 to t s makes sin(-0) -0."""
    z = fma(x, f32(0.6366197723675814), MAGIC)
    q, k = bits_f32(z), z - MAGIC
    r = fma(-k, f32(1.5707963705062866), x)
    r = fma(-k, f32(-4.371138828673793e-08), r)
    r = fma(-k, f32(-1.7151245100059106e-15), r)
    t = r * r
    s = fma(t, fma(t, f32(-0.00019504291469748508), f32(0.008332083212998937)), f32(-0.166666534658068))
    c = fma(t, fma(t, f32(2.4423842609445796e-05), f32(-0.0013887242262164516)), f32(0.04166664436627254))
    return q, fma(r, fma(t, s, f32(0)), r), fma(t * t, c, fma(t, f32(-0.5), f32(1)))


@njit(**INLINE)
def signed(x, flip):
    """-x if bit 1 of `flip` is set."""
    return from_bits_f32(i32(bits_f32(x) ^ i32(i32(flip & i32(2)) << i32(30))))


@njit(**INLINE)
def sin_with_cos(x):
    """sin x where cos x is wanted too: LLVM sees that both begin alike."""
    q, s, c = quarters(x)
    return signed(c if i32(q & i32(1)) != i32(0) else s, q)


@njit(**INLINE)
def cos_with_sin(x):
    q, s, c = quarters(x)
    return signed(s if i32(q & i32(1)) != i32(0) else c, i32(q + i32(1)))


@njit(**INLINE)
def halves(x, k, q):
    """(-1)^q sin(x - k pi), of an angle up to pi / 2: one polynomial, where two and a choice between them serve a quarter turn."""
    r = fma(-k, f32(3.1415927410125732), x)
    r = fma(-k, f32(-8.742277657347586e-08), r)
    r = fma(-k, f32(-3.4302490200118212e-15), r)
    t = r * r
    p = fma(t, fma(t, f32(2.6057509785459843e-06), f32(-0.0001980959059437737)), f32(0.00833306647837162))
    s = fma(r, fma(t, fma(t, p, f32(-0.16666659712791443)), f32(0)), r)
    return from_bits_f32(i32(bits_f32(s) ^ i32(q << i32(31))))


@njit(**INLINE)
def sin(x):
    z = fma(x, f32(0.3183098861837907), MAGIC)
    return halves(x, z - MAGIC, bits_f32(z))


@njit(**INLINE)
def cos(x):
    z = fma(x, f32(0.3183098861837907), f32(-0.5)) + MAGIC
    return halves(x, (z - MAGIC) + f32(0.5), i32(bits_f32(z) + i32(1)))


@njit(**INLINE)
def half_turns(r, q):
    """(-1)^q sin(pi r) for |r| <= 1/2; the two constants that are added make pi."""
    t = r * r
    p = fma(t, fma(t, f32(0.07771934568881989), f32(-0.5983313918113708)), f32(2.550086259841919))
    p = fma(t, fma(t, p, f32(-5.167710781097412)), f32(1.5099580252808664e-07))
    s = fma(r, f32(3.141592502593994), r * p)
    return from_bits_f32(i32(bits_f32(s) ^ i32(q << i32(31))))


@njit(**INLINE)
def sin_pi(x):
    """sin(pi x): the distance to the nearest whole number is exact."""
    z = x + MAGIC
    return half_turns(x - (z - MAGIC), bits_f32(z))


@njit(**INLINE)
def cos_pi(x):
    """cos(pi x)."""
    z = (x - f32(0.5)) + MAGIC
    return half_turns(x - ((z - MAGIC) + f32(0.5)), i32(bits_f32(z) + i32(1)))


@njit(**INLINE)
def tan(x):
    q, s, c = quarters(x)
    odd = i32(q & i32(1)) != i32(0)
    made = (-c if odd else s) / (s if odd else c)
    return x if x == f32(0) else made


@njit(**INLINE)
def turn(v):
    """(sin 2 pi v, cos 2 pi v) for v in [0, 1)."""
    z = fma(v, f32(4), MAGIC)
    q = bits_f32(z)
    r = fma(v, f32(4), -(z - MAGIC))
    t = r * r
    s = fma(t, fma(t, f32(-0.004602145244219265), f32(0.07968021813424124)), f32(-0.6459634778956552))
    s = r * fma(t, s, f32(1.5707963219590177))
    c = fma(t, fma(t, f32(0.0009040147617238698), f32(-0.02086028552701643)), f32(0.2536692436444855))
    c = fma(t, fma(t, c, f32(-1.2337005433393196)), f32(1))
    odd = i32(q & i32(1)) != i32(0)
    return signed(c if odd else s, q), signed(s if odd else c, i32(q + i32(1)))


@njit(**INLINE)
def sinh(x):
    a = abs(x)
    e = expm1(a)
    small = f32(0.5) * (e + e / (e + f32(1)))
    h = exp(f32(0.5) * a)
    made = f32(0.5) * h * h if a > f32(20) else small
    return x if a < f32(1e-4) else (-made if x < f32(0) else made)


@njit(**INLINE)
def cosh(x):
    a = abs(x)
    e, h = exp(a), exp(f32(0.5) * a)
    return f32(0.5) * h * h if a > f32(20) else f32(0.5) * e + f32(0.5) / e


@njit(**INLINE)
def tanh(x):
    """e / (e + 2) with e = exp(2 |x|) - 1, and the sign of x."""
    n, p = reduced_exp(f32(2) * (min(abs(x), f32(10))))
    scale = power_of_two(n)
    e = fma(p, scale, scale - f32(1))
    return from_bits_f32(i32(bits_f32(e / (e + f32(2))) | i32(bits_f32(x) & i32(-0x80000000))))


@njit(**INLINE)
def arctan(x):
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
def pow(x, y):
    """x ** y, through double precision."""
    return f32(double_pow(np.float64(x), np.float64(y)))


@njit(**INLINE)
def complement(rest, t):
    """1 - (1 - rest)^t, however small `rest` is."""
    return f32(1) - pow(f32(1) - rest, t) if rest > f32(1) else -expm1(t * log1p(-rest))
