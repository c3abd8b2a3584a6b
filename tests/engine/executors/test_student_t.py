"""Student-t noise follows its law at every number of degrees of freedom, in both precisions, in both executors."""

import functools
from itertools import product

import numpy as np
import pytest
from helpers.repetitions import few
from helpers.studies import collected, shards
from scipy import stats
from thalweg.engine.executors.choose import array_simulation, simulation
from thalweg.engine.executors.cpu import points

DF = [0.1, 0.5, 1.0, 2.5, 10.0, 1e3, 1e8, 1e30]
COUNT = 20_000


@functools.cache
def draws(precision, executor, df):
    """Noise of one step, COUNT numbers: the gradient of 0 is the noise, and a step of length 1 from 0 is minus that; NaN where it is infinite, for
    then the run has diverged."""
    spec = {
        "name": "t",
        "landscape": {"kind": "expression", "variables": ["x"], "value": "0*x"},
        "init": {"kind": "point", "at": 0.0},
        "noise": {"kind": "student_t", "df": df},
        "optimizers": [{"kind": "sgd", "lr": 1.0}],
        "seeds": COUNT,
        "steps": 1,
        "precision": precision,
        "record": {"last": True, "variables": ["params"]},
        "stop": {"diverge_above": None},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "WIDTHS", (64,))  # as in most other tests: what is compiled serves them all
        every = [collected(array_simulation(s) if executor == "array" else simulation(s, "fused"))[0]["params"] for s in shards(spec)]
    return -np.concatenate([np.asarray(v)[0, :, -1, 0] for v in every])


@pytest.mark.parametrize(
    ("executor", "precision", "df"),
    few(
        product(("array", "fused"), ("float32", "float64"), DF),
        keep=[*product(("fused",), ("float32",), (0.1, 2.5, 1e8)), *product(("array",), ("float64",), (0.5, 10.0, 1e30))],
    ),
)
def test_student_t_noise_follows_its_law(executor, precision, df):
    """Kolmogorov-Smirnov against SciPy's law, given that the number is finite; it is infinite as often as the law exceeds the largest."""
    x = draws(precision, executor, df).astype(np.float64)
    beyond = 2 * stats.t.sf(float(np.finfo(precision).max), df)
    assert stats.binomtest(int(np.isnan(x).sum()), COUNT, min(beyond, 1.0)).pvalue > 1e-4
    finite = x[~np.isnan(x)]
    assert np.isfinite(finite).all()

    def law(q):
        return (stats.t.cdf(q, df) - beyond / 2) / (1 - beyond)

    assert stats.kstest(finite, law).pvalue > 1e-4
    assert len(np.unique(finite)) > 0.99 * len(finite)


@pytest.mark.parametrize(("precision", "df"), few(product(("float32", "float64"), DF), keep=product(("float32",), (0.1, 1.0, 2.5, 1e8))))
def test_student_t_noise_is_the_same_in_both_executors(precision, df):
    array, fused = draws(precision, "array", df), draws(precision, "fused", df)
    close = 2e-5 if precision == "float32" else 1e-12
    edge = np.nanmax(np.abs(array)) > 0.5 * np.finfo(precision).max  # where rounding decides whether a number is still finite
    assert (np.isnan(array) != np.isnan(fused)).sum() <= edge
    both = ~(np.isnan(array) | np.isnan(fused))
    np.testing.assert_allclose(fused[both], array[both], rtol=100 * close, atol=close)
