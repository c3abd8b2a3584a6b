"""Quantiles over seeds, infinity a number like any other, and how sure the median is."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 9999
MOST_RESAMPLED = 2000
"""Seeds up to which the interval is a bootstrap's; of more it is that of the order statistics, which needs no resampling."""
METHODS = {
    True: f"bootstrap, percentiles of {RESAMPLES:,} resamples",
    False: f"order statistics (more than {MOST_RESAMPLED:,} seeds)",
}


def quantile(values: np.ndarray, q: float | Sequence[float] | np.ndarray) -> np.ndarray:
    """The q-quantile along the last axis, linear between neighbours, NaN left out, infinity a number like any other; of several q stacked
    along a new first axis.

    >>> float(quantile(np.array([3.0, np.inf, 1.0]), 0.5)), float(quantile(np.array([np.nan, 1.0, 2.0]), 0.5))
    (3.0, 1.5)
    >>> quantile(np.array([3.0, np.inf, 1.0]), [0.25, 0.5, 0.75])
    array([ 2.,  3., inf])
    """
    ordered = np.sort(values, axis=-1)  # NaN comes last
    last = np.maximum(np.sum(~np.isnan(ordered), axis=-1, keepdims=True) - 1, 0)
    if np.ndim(q):
        return np.stack([of_ordered(ordered, last, float(level)) for level in np.asarray(q)])
    return of_ordered(ordered, last, float(q))  # type: ignore[arg-type]


def of_ordered(ordered: np.ndarray, last: np.ndarray, q: float) -> np.ndarray:
    """The q-quantile along the last axis of what increases along it up to `last`."""
    place = q * last
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    below, above = np.take_along_axis(ordered, low, -1), np.take_along_axis(ordered, high, -1)
    with np.errstate(invalid="ignore", over="ignore"):
        between = below + (above - below) * (place - low)
    return np.where(low == high, below, np.where(np.isinf(above), above, between))[..., 0]


def between_levels(stored: np.ndarray, levels: np.ndarray, wanted: Sequence[float]) -> np.ndarray:
    """Quantiles at the wanted levels, stacked first, of those that are stored at increasing levels, (..., levels): linear between neighbours.

    >>> between_levels(np.array([[0.0, 1.0, 5.0]]), np.array([0.0, 0.5, 1.0]), [0.25, 0.5, 0.75])[:, 0]
    array([0.5, 1. , 3. ])
    """
    at = np.interp(wanted, levels, np.arange(len(levels)))
    low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
    below, above = stored[..., low], stored[..., high]
    with np.errstate(invalid="ignore", over="ignore"):
        between = below + (above - below) * (at - low)
    return np.moveaxis(np.where(low == high, below, between), -1, 0)


def interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of the median of values (seeds,): NaN left out, NaN with fewer than two values.

    Percentile bootstrap (Efron 1979, doi:10.1214/aos/1176344552) by scipy.stats.bootstrap, with a fixed generator, so that the same runs
    give the same interval; of more than 2,000 seeds the distribution-free interval of scipy.stats.quantile_test (Conover 1999, 3.2).
    Infinity is a value larger than all others.

    >>> interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    (1.0, 5.0)
    """
    from scipy import stats

    values = values[~np.isnan(values)]
    if len(values) < 2:
        return np.nan, np.nan
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.inf, np.inf
    top = float(finite.max())
    beyond = top + 4 * (top - float(finite.min())) + abs(top) + 1  # the mean of this and any finite value is above `top`
    held = np.where(np.isfinite(values), values, beyond)
    if len(values) > MOST_RESAMPLED:
        found = stats.quantile_test(held, p=0.5).confidence_interval(confidence)
        ends = (float(found.low), float(found.high))
    elif np.ptp(held) == 0:
        ends = (float(held[0]), float(held[0]))
    else:
        made = stats.bootstrap(
            (held,), np.median, confidence_level=confidence, method="percentile", n_resamples=RESAMPLES, batch=2_000_000 // len(held),
            rng=np.random.default_rng(0),
        )  # fmt: skip
        ends = (float(made.confidence_interval.low), float(made.confidence_interval.high))
    lost, rounding = len(finite) < len(values), 1e-9 * (beyond - top)
    low, high = (np.inf if lost and end > top + rounding else min(end, top) for end in ends)
    return min(low, high), high
