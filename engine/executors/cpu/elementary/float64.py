"""Elementary functions in double precision."""

import math

import numpy as np
from numba import njit

from .primitives import INLINE, bits_f64, fma, from_bits_f64

REACH = np.int64(0x41D0000000000000)
"""`magnitude` of the largest |x| for which sin, cos and tan are accurate: 2^30."""
MAGIC = 6755399441055744.0
"""1.5 2^52: adding it rounds to a whole number, which then stands in the lowest bits."""


@njit(**INLINE)
def sqrt(x):
    return math.sqrt(x)


@njit(**INLINE)
def root(x):
    """sqrt(x); float32.py has another way."""
    return math.sqrt(x)


@njit(**INLINE)
def divide(a, b):
    """a / b; float32.py has another way."""
    return a / b


@njit(**INLINE)
def scaling(squares):
    """What a vector whose squares sum up to this is multiplied by before they are summed again: 1 unless they may have overflowed or
    vanished, else a power of two that keeps them from it."""
    return (1) if (squares >= (2.0**-900)) & (squares <= (2.0**1000)) else ((2.0**-600) if squares > (1) else (2.0**600))


@njit(**INLINE)
def absolute(x):
    return abs(x)


@njit(**INLINE)
def sign(x):
    """-1, 0 or 1; NaN for NaN."""
    s = 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)
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
    """2^n for -1022 <= n <= 1023."""
    return from_bits_f64((n + 1023) << 52)


@njit(**INLINE)
def scaled(p, n):
    """p 2^n, through subnormals to 0 and to infinity."""
    half = n >> 1
    return p * power_of_two(half) * power_of_two(n - half)


@njit(**INLINE)
def reduced_exp(x, rest):
    """(n, e^r - 1) with x + rest = n ln 2 + r, |r| <= ln 2 / 2."""
    z = fma(x, 1.4426950408889634, MAGIC)
    n = bits_f64(z) - 0x4338000000000000
    k = z - MAGIC
    r = fma(-k, 1.9082149292705877e-10, fma(-k, 0.6931471803691238, x) + rest)
    p = fma(r, fma(r, 2.082560046970651e-09, 2.5113230771007337e-08), 2.7557592523187037e-07)
    p = fma(r, fma(r, p, 2.755723146746147e-06), 2.480158690361668e-05)
    p = fma(r, fma(r, p, 0.00019841269899744185), 0.0013888888889134355)
    p = fma(r, fma(r, p, 0.008333333333315695), 0.04166666666666603)
    p = fma(r, fma(r, p, 0.16666666666666685), 0.5)
    return n, fma(r * r, p, r)


@njit(**INLINE)
def exp(x):
    y = 710.0 if x > 710.0 else (max(x, -746.0))
    n, p = reduced_exp(y, 0.0)
    return scaled(1.0 + p, n)


@njit(**INLINE)
def expm1(x):
    y = 710.0 if x > 710.0 else (max(x, -50.0))
    n, p = reduced_exp(y, 0.0)
    scale = power_of_two(min(100, n))
    made = fma(p, scale, scale - 1.0) if n < 100 else scaled(1.0 + p, n)
    return x if x == 0.0 else made


@njit(**INLINE)
def reduced_log(x):
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
def log_unit(x):
    """log of a normal number in (0, 1)."""
    e, f, rest = reduced_log(x)
    k = np.float64(e)
    return fma(k, 0.6931471803691238, fma(k, 1.9082149292705877e-10, rest) + f)


@njit(**INLINE)
def log(x):
    tiny = x < 2.2250738585072014e-308
    e, f, rest = reduced_log(x * 4503599627370496.0 if tiny else x)
    k = np.float64(e) - (52.0 if tiny else 0.0)
    made = fma(k, 0.6931471803691238, fma(k, 1.9082149292705877e-10, rest) + f)
    made = x if x == np.inf else made
    made = -np.inf if x == 0.0 else made
    return made if x >= 0.0 else np.nan


@njit(**INLINE)
def log1p(x):
    """log(1 + x), exact to first order in what 1 + x loses."""
    u = 1.0 + x
    made = log(u) + (x - (u - 1.0)) / u
    made = -np.inf if x == -1.0 else made
    return x if (u == 1.0) | (x == np.inf) else made


@njit(**INLINE)
def magnitude(x):
    """The bits of |x|, which order as |x| does."""
    return np.int64(bits_f64(x) & 0x7FFFFFFFFFFFFFFF)


@njit(**INLINE)
def remainder(x, k, first, second, third):
    """x + k third - k (first + second), as a number and what it lacks."""
    a = fma(-k, first, x)
    b = k * second
    r = a - b
    lost = (a - (r - (r - a))) - (b + (r - a))
    return r, fma(k, third, lost - fma(k, second, -b))


@njit(**INLINE)
def quarters(x):
    """(quarter turn number, sin r, cos r) with x = q pi/2 + r."""
    z = fma(x, 0.6366197723675814, MAGIC)
    q, k = bits_f64(z), z - MAGIC
    r, low = remainder(x, k, 1.5707963267948966, 6.123233995736766e-17, 1.4973849048591833e-33)
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
def signed(x, flip):
    """-x if bit 1 of `flip` is set."""
    return from_bits_f64(bits_f64(x) ^ ((flip & 2) << 62))


@njit(**INLINE)
def sin_with_cos(x):
    """sin x where cos x is wanted too: LLVM sees that both begin alike."""
    q, s, c = quarters(x)
    made = signed(c if (q & 1) != 0 else s, q)
    return x if x == 0.0 else made


@njit(**INLINE)
def cos_with_sin(x):
    q, s, c = quarters(x)
    return signed(s if (q & 1) != 0 else c, q + 1)


@njit(**INLINE)
def halves(x, k, q):
    """(-1)^q sin(x - k pi), of an angle up to pi / 2: one polynomial, where two and a choice between them serve a quarter turn."""
    r, low = remainder(x, k, 3.141592653589793, 1.2246467991473532e-16, 2.9947698097183397e-33)
    t = r * r
    s = fma(t, fma(t, 2.7211571860565963e-15, -7.642989838219917e-13), 1.6058939643952487e-10)
    s = fma(t, fma(t, s, -2.505210687160145e-08), 2.7557319211124527e-06)
    s = fma(t, fma(t, s, -0.00019841269841209148), 0.008333333333333194)
    s = fma(t, s, -0.16666666666666666)
    return from_bits_f64(bits_f64(r + fma(r * t, s, fma(-0.5 * t, low, low))) ^ (q << 63))


@njit(**INLINE)
def sin(x):
    z = fma(x, 0.3183098861837907, MAGIC)
    made = halves(x, z - MAGIC, bits_f64(z))
    return x if x == 0.0 else made


@njit(**INLINE)
def cos(x):
    z = fma(x, 0.3183098861837907, -0.5) + MAGIC
    return halves(x, (z - MAGIC) + 0.5, bits_f64(z) + 1)


@njit(**INLINE)
def half_turns(r, q):
    """(-1)^q sin(pi r) for |r| <= 1/2; the two constants that are added make pi."""
    t = r * r
    p = fma(t, fma(t, 7.674563120300758e-07, -2.190123721993349e-05), 0.00046629892978887136)
    p = fma(t, fma(t, p, -0.007370430326517919), 0.0821458865532879)
    p = fma(t, fma(t, p, -0.5992645293177895), 2.5501640398772696)
    p = fma(t, fma(t, p, -5.167712780049969), 1.2246467991473532e-16)
    return from_bits_f64(bits_f64(fma(r, 3.141592653589793, r * p)) ^ (q << 63))


@njit(**INLINE)
def sin_pi(x):
    """sin(pi x): the distance to the nearest whole number is exact."""
    z = x + MAGIC
    return half_turns(x - (z - MAGIC), bits_f64(z))


@njit(**INLINE)
def cos_pi(x):
    """cos(pi x)."""
    z = (x - 0.5) + MAGIC
    return half_turns(x - ((z - MAGIC) + 0.5), bits_f64(z) + 1)


@njit(**INLINE)
def tan(x):
    q, s, c = quarters(x)
    odd = (q & 1) != 0
    made = (-c if odd else s) / (s if odd else c)
    return x if x == 0.0 else made


@njit(**INLINE)
def turn(v):
    """(sin 2 pi v, cos 2 pi v) for v in [0, 1)."""
    z = fma(v, 4.0, MAGIC)
    q = bits_f64(z)
    r = fma(v, 4.0, -(z - MAGIC))
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
    return signed(c if odd else s, q), signed(s if odd else c, q + 1)


@njit(**INLINE)
def sinh(x):
    a = abs(x)
    e = expm1(a)
    small = 0.5 * (e + e / (e + 1.0))
    h = exp(0.5 * a)
    made = 0.5 * h * h if a > 40.0 else small
    return x if a < 1e-9 else (-made if x < 0.0 else made)


@njit(**INLINE)
def cosh(x):
    a = abs(x)
    e, h = exp(a), exp(0.5 * a)
    return 0.5 * h * h if a > 40.0 else 0.5 * e + 0.5 / e


@njit(**INLINE)
def tanh(x):
    """e / (e + 2) with e = exp(2 |x|) - 1, and the sign of x."""
    n, p = reduced_exp(2.0 * (min(abs(x), 20.0)), 0.0)
    scale = power_of_two(n)
    e = fma(p, scale, scale - 1.0)
    return from_bits_f64(bits_f64(e / (e + 2.0)) | (bits_f64(x) & -0x8000000000000000))


@njit(**INLINE)
def arctan(x):
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
def pow(x, y):
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
    n, p = reduced_exp(top, 0.0 if far else rest)
    made = scaled(1.0 + p, n)
    made = (np.inf if y < 0.0 else 0.0) if a == 0.0 else made
    made = (0.0 if y < 0.0 else np.inf) if a == np.inf else made
    whole = np.floor(y) == y
    odd = whole & (np.floor(0.5 * y) * 2.0 != y)
    negative = (x < 0.0) | (1.0 / x == -np.inf)
    made = (-made if odd else (made if whole | (a == 0.0) | (a == np.inf) else np.nan)) if negative else made
    made = 1.0 if (a == 1.0) & (abs(y) == np.inf) else made
    made = np.nan if (x != x) | (y != y) else made
    return 1.0 if (y == 0.0) | (x == 1.0) else made


@njit(**INLINE)
def complement(rest, t):
    """1 - (1 - rest)^t, however small `rest` is."""
    return 1.0 - pow(1.0 - rest, t) if rest > 1.0 else -expm1(t * log1p(-rest))
