"""The error function on arrays: SciPy's for NumPy, and for other namespaces, which have none, three rational functions of full accuracy.

Source: Cody 1969, Rational Chebyshev approximations for the error function, doi:10.1090/S0025-5718-1969-0247736-4, with the coefficients of
CALERF (Cody 1990).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Ratio = tuple[Sequence[float], Sequence[float]]
"""Coefficients of numerator and denominator, from the highest power on."""
SMALL: Ratio = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
"""erf(x)/x of x**2, for |x| up to 0.46875."""
MIDDLE: Ratio = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2),
        *(8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
"""exp(x**2) erfc(x) of x, up to 4."""
LARGE: Ratio = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
)
"""x**2 (1/sqrt(pi) - x exp(x**2) erfc(x)) of 1/x**2, from 4 on."""
EDGE, FAR, ROOT = 0.46875, 4.0, 0.56418958354775628695


def erf(xp: Any, x: Any) -> Any:
    """The error function of an array."""
    if isinstance(x, (np.ndarray, np.generic)):
        from scipy.special import erf as of_scipy

        return of_scipy(x)
    near, tail = parts(xp, x)
    return xp.where(xp.abs(x) <= EDGE, near, xp.where(x < 0, tail - 1, 1 - tail))


def erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x)."""
    if isinstance(x, (np.ndarray, np.generic)):
        from scipy.special import erfc as of_scipy

        return of_scipy(x)
    near, tail = parts(xp, x)
    return xp.where(xp.abs(x) <= EDGE, 1 - near, xp.where(x < 0, 2 - tail, tail))


def parts(xp: Any, x: Any) -> tuple[Any, Any]:
    """erf(x) for small |x|, and erfc(|x|) for others."""
    size = xp.abs(x)
    near = x * ratio(SMALL, xp.where(size <= EDGE, x * x, xp.zeros_like(x)))
    middle = ratio(MIDDLE, xp.where(size <= FAR, size, xp.zeros_like(x)))
    far = xp.where(size <= FAR, xp.full_like(x, FAR), size)
    inverse = 1 / (far * far)
    large = (ROOT - inverse * ratio(LARGE, inverse)) / far
    steps = xp.floor(16 * xp.where(size < 30, size, xp.full_like(x, 30))) / 16  # its square is exact, which x**2 is not
    decay = xp.exp(-steps * steps) * xp.exp(-(size - steps) * (size + steps))
    return near, decay * xp.where(size <= FAR, middle, large)


def ratio(of: Ratio, t: Any) -> Any:
    """The rational function at t."""
    values = []
    for coefficients in of:
        value = coefficients[0] + 0 * t
        for c in coefficients[1:]:
            value = value * t + c
        values.append(value)
    return values[0] / values[1]
