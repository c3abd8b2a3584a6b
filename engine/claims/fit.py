"""Least-squares fits along a dimension, for claims about scaling: `fit`, `vertex` and `convexity`.

    fit(y, x, dim, "line")       y = a + b x                        slope, intercept, error, r2
    fit(y, x, dim, "power")      log y = a + b log x                exponent, factor (e^a), error, r2
    fit(y, x, dim, "parabola")   y = a + b log x + c (log x)^2      minimum (the x), value (the y there), curvature (c), r2

A fifth argument names the number that is wanted; without it, it is the first of the list. `error` is the standard error of slope or exponent from the residuals
(sqrt(sum of their squares/(n - 2)/sum (x - mean)^2)). What is lowest nowhere, and a power law through numbers that are not positive, is NaN.
The interval of a claim, by half-samples of the seeds (intervals.py), is the error from seed to seed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest


@dataclass(frozen=True)
class Polynomial:
    """The polynomial of least squares through n points; all arrays begin with the dimensions that are not fitted along."""

    coefficients: np.ndarray
    """(..., degree + 1), from the constant up."""
    x: np.ndarray
    y: np.ndarray
    residuals: np.ndarray

    @classmethod
    def through(cls, x: np.ndarray, y: np.ndarray, degree: int) -> "Polynomial":
        """Through the points (x, y), (..., n) each. All is NaN where a point is."""
        bad = (np.isnan(x) | np.isnan(y)).any(-1, keepdims=True)
        x, y = np.where(bad, 0.0, x), np.where(bad, 0.0, y)
        middle = x.mean(-1, keepdims=True)
        powers = (x - middle)[..., None] ** np.arange(degree + 1)
        weights = np.linalg.pinv(powers) @ y[..., None]
        residuals = y - (powers @ weights)[..., 0]
        about_mean, m = np.moveaxis(weights[..., 0], -1, 0), middle[..., 0]
        if degree == 1:
            coefficients = [about_mean[0] - about_mean[1] * m, about_mean[1]]
        else:
            a, b, c = about_mean
            coefficients = [a - b * m + c * m**2, b - 2 * c * m, c]
        nan = np.where(bad, np.nan, 0.0)
        return cls(np.stack(coefficients, -1) + nan, x, y, residuals + nan)

    def coefficient(self, k: int) -> np.ndarray:
        """That of x**k."""
        return self.coefficients[..., k]

    def error(self) -> np.ndarray:
        """The standard error of the slope, sqrt(sum of squared residuals/(n - 2)/sum (x - mean)**2); NaN of two points."""
        n, spread = self.x.shape[-1], ((self.x - self.x.mean(-1, keepdims=True)) ** 2).sum(-1)
        return np.sqrt((self.residuals**2).sum(-1) / (n - 2) / spread) if n > 2 else np.full(spread.shape, np.nan)

    def r2(self) -> np.ndarray:
        """The share of the variance of y that is explained: 1 - sum of squared residuals/sum (y - mean)**2."""
        return 1 - (self.residuals**2).sum(-1) / ((self.y - self.y.mean(-1, keepdims=True)) ** 2).sum(-1)

    def lowest(self) -> np.ndarray:
        """The x at which a parabola that opens upwards is lowest, -b/(2 c); NaN where it does not."""
        _, b, c = np.moveaxis(self.coefficients, -1, 0)
        return np.where(c > 0, -b / (2 * c), np.nan)

    def least(self) -> np.ndarray:
        """The value there, a - b**2/(4 c)."""
        a, b, c = np.moveaxis(self.coefficients, -1, 0)
        return np.where(c > 0, a - b**2 / (4 * c), np.nan)


Numbers = Mapping[str, Callable[[Polynomial], np.ndarray]]

COMMON: Numbers = {"r2": Polynomial.r2}
LINE: Numbers = {"slope": lambda p: p.coefficient(1), "intercept": lambda p: p.coefficient(0), "error": Polynomial.error, **COMMON}
POWER: Numbers = {"exponent": lambda p: p.coefficient(1), "factor": lambda p: np.exp(p.coefficient(0)), "error": Polynomial.error, **COMMON}
PARABOLA: Numbers = {
    "minimum": lambda p: np.exp(p.lowest()),
    "value": Polynomial.least,
    "curvature": lambda p: p.coefficient(2),
    **COMMON,
}
FORMS: Mapping[str, tuple[int, Numbers]] = {"line": (1, LINE), "power": (1, POWER), "parabola": (2, PARABOLA)}
"""Degree and numbers of each form; the first number is meant where none is named."""


def fit(y: Any, x: Any, dim: str, form: str = "line", number: str = "") -> Any:
    """A number of the least-squares fit of y over x along `dim`.

    Parameters
    ----------
    y, x : arrays along `dim`, or along it and others; x may be the dimension's own coordinate.
    dim : the dimension that the fit takes away; at least 2 values, 3 for a parabola.
    form : line, power or parabola.
    number : which number, see the top of this file; the form's first if not given.

    Returns
    -------
    An array without `dim`.

    Raises
    ------
    SpecError : for an unknown form or number, or too few values.
    """
    import xarray

    if form not in FORMS:
        raise SpecError(f"fit(): there is no form {form!r}{suggest(str(form), FORMS)} (there are: {', '.join(FORMS)})")
    degree, numbers = FORMS[form]
    chosen = number or next(iter(numbers))
    if chosen not in numbers:
        raise SpecError(f"fit(): a {form} has no {chosen!r}{suggest(str(chosen), numbers)} (there are: {', '.join(numbers)})")
    y = along(y, dim, degree + 1)
    x = x if dim in getattr(x, "dims", ()) else y[dim] * 0 + x
    if form != "line":
        x = np.log(x.where(x > 0))
    if form == "power":
        y = np.log(y.where(y > 0))
    x, y = xarray.broadcast(x, y)
    return xarray.apply_ufunc(lambda a, b: numbers[chosen](Polynomial.through(a, b, degree)), x, y, input_core_dims=[[dim], [dim]])


def vertex(y: Any, dim: str) -> Any:
    """Where y is lowest along `dim`, between its values: the minimum of the parabola through the lowest value and its two neighbours, over
    the logarithm of the dimension's values if all are positive. An end of the dimension where it is lowest there. Needs 3 values."""
    import xarray

    y, at = along(y, dim, 3), logarithms(y[dim])

    found = xarray.apply_ufunc(between, at, y, input_core_dims=[[dim], [dim]])
    return np.exp(found) if bool((y[dim] > 0).all()) else found


def between(at: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where y (..., n) is lowest over at (n,): the minimum of the parabola through the lowest value and its neighbours, or an end; NaN where no
    value is finite."""
    order = np.argsort(at)
    at, y = at[order], np.where(np.isnan(y), np.inf, y)[..., order]
    least = np.argmin(y, axis=-1)
    inner = np.clip(least, 1, len(at) - 2)
    x0, x1, x2 = (at[inner + k] for k in (-1, 0, 1))
    y0, y1, y2 = (np.take_along_axis(y, (inner + k)[..., None], -1)[..., 0] for k in (-1, 0, 1))
    with np.errstate(all="ignore"):  # infinite neighbours
        left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
        middle = (x0 + x1) / 2 - left * (x2 - x0) / 2 / (right - left)
    found = np.where((least == inner) & np.isfinite(middle), middle, at[least])
    return np.where(np.isfinite(np.take_along_axis(y, least[..., None], -1)[..., 0]), found, np.nan)


def convexity(y: Any, dim: str) -> Any:
    """The smallest second divided difference of y along `dim`, over the logarithm of the dimension's values if all are positive:
    2 ((y2 - y1)/(x2 - x1) - (y1 - y0)/(x1 - x0))/(x2 - x0). Convex where it is not negative. Needs 3 values."""
    import xarray

    y, at = along(y, dim, 3), logarithms(y[dim])
    return xarray.apply_ufunc(least_second_difference, at, y, input_core_dims=[[dim], [dim]])


def least_second_difference(at: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The smallest second divided difference of y (..., n) over at (n,), which needs no order."""
    order = np.argsort(at)
    at, y = at[order], y[..., order]
    slopes = np.diff(y, axis=-1) / np.diff(at)
    return np.min(2 * np.diff(slopes, axis=-1) / (at[2:] - at[:-2]), axis=-1)


def along(y: Any, dim: str, least: int) -> Any:
    """y, which must have `dim` with at least so many values of its own."""
    if dim not in getattr(y, "dims", ()):
        raise SpecError(f"there is no dimension '{dim}' to fit along (there are: {', '.join(map(str, getattr(y, 'dims', ()))) or 'none'})")
    if y[dim].dtype.kind not in "iuf":
        raise SpecError(f"the values of '{dim}' are words; a fit needs numbers")
    if y.sizes[dim] < least:
        raise SpecError(f"a fit along '{dim}' needs at least {least} values; there are {y.sizes[dim]}")
    return y


def logarithms(values: Any) -> Any:
    """The logarithms of a dimension's values where all are positive, else the values."""
    values = values.astype(np.float64)
    return np.log(values) if bool((values > 0).all()) else values
