"""Fits along a dimension in claims: against NumPy and SciPy, planted laws that come back, what has no fit, and what is refused."""

import numpy as np
import pytest
import xarray
from scipy import stats
from thalweg.engine.api import verify_study
from thalweg.engine.claims.fit import convexity, fit, vertex
from thalweg.engine.claims.functions import correlation
from thalweg.specs.errors import SpecError

N = xarray.DataArray([10.0, 30.0, 100.0, 300.0, 1000.0], dims="N", coords={"N": [10.0, 30.0, 100.0, 300.0, 1000.0]})
NOISE = xarray.DataArray(np.random.default_rng(0).normal(size=(3, 5)), dims=("seed", "N"), coords={"N": N.N})


def test_line_is_that_of_scipy():
    y = NOISE + 2 - 0.3 * N
    for seed in range(3):
        expected = stats.linregress(N.values, y.values[seed])
        for number in ("slope", "intercept"):
            np.testing.assert_allclose(fit(y, N, "N", "line", number)[seed], getattr(expected, number), rtol=1e-10)
        np.testing.assert_allclose(fit(y, N, "N", "line", "error")[seed], expected.stderr, rtol=1e-10)
        np.testing.assert_allclose(fit(y, N, "N", "line", "r2")[seed], expected.rvalue**2, rtol=1e-8)


def test_parabola_is_that_of_numpy():
    y = NOISE + np.log(N / 80) ** 2 * 0.7 + 0.2
    for seed in range(3):
        c, b, a = np.polyfit(np.log(N.values), y.values[seed], 2)
        np.testing.assert_allclose(fit(y, N, "N", "parabola")[seed], np.exp(-b / 2 / c), rtol=1e-9)
        np.testing.assert_allclose(fit(y, N, "N", "parabola", "value")[seed], a - b**2 / 4 / c, rtol=1e-8)
        np.testing.assert_allclose(fit(y, N, "N", "parabola", "curvature")[seed], c, rtol=1e-9)
    assert np.isnan(fit(-(np.log(N) ** 2), N, "N", "parabola")), "lowest nowhere"


def test_planted_laws_come_back():
    law = 3.0 * N**-0.713
    np.testing.assert_allclose(fit(law, N, "N", "power"), -0.713, rtol=1e-12)
    np.testing.assert_allclose(fit(law, N, "N", "power", "factor"), 3.0, rtol=1e-12)
    np.testing.assert_allclose(fit(law, N, "N", "power", "r2"), 1.0, rtol=1e-12)
    lr = xarray.DataArray(np.geomspace(1e-3, 1, 7), dims="lr", coords={"lr": np.geomspace(1e-3, 1, 7)})
    bowl = 1 + np.log(lr / (0.5 * N**-0.3)) ** 2
    np.testing.assert_allclose(fit(vertex(bowl, "lr"), N, "N", "power"), -0.3, rtol=1e-10)
    np.testing.assert_allclose(convexity(bowl, "lr"), 2.0, rtol=1e-9)


def test_what_has_no_fit_is_nan():
    assert np.isnan(fit(N * 0 - 1, N, "N", "power")), "a law through numbers that are not positive"
    assert np.isnan(fit(N.where(N > 20), N, "N", "line"))
    assert np.isnan(convexity(N.where(N > 20), "N"))
    assert np.isnan(vertex(N * np.nan, "N"))
    assert vertex(N, "N") == pytest.approx(10), "an end, where it is lowest there"
    assert vertex(((N - 100) ** 2).where(N < 500), "N") < 300, "a diverged neighbour: the value itself"


def test_correlation_over_a_grid():
    a = xarray.DataArray(np.random.default_rng(1).normal(size=(4, 5)), dims=("h", "lr"))
    b = a + xarray.DataArray(np.random.default_rng(2).normal(size=(4, 5)), dims=("h", "lr"))
    np.testing.assert_allclose(correlation(a, b, ["h", "lr"]), np.corrcoef(a.values.ravel(), b.values.ravel())[0, 1], rtol=1e-12)
    with pytest.raises(SpecError, match="no dimension 'size'"):
        correlation(a, b, ["h", "size"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit(N, N, "N", "cubic"), "no form 'cubic'"),
        (lambda: fit(N, N, "N", "powr"), "did you mean 'power'"),
        (lambda: fit(N, N, "N", "line", "exponent"), "a line has no 'exponent'"),
        (lambda: fit(N, N, "M"), "no dimension 'M' to fit along"),
        (lambda: fit(N[:2], N[:2], "N", "parabola"), "at least 3 values; there are 2"),
        (lambda: vertex(N[:2], "N"), "at least 3 values"),
        (lambda: convexity(3.0, "N"), "no dimension 'N'"),
        (lambda: convexity(N.assign_coords(N=list("abcde")), "N"), "are words"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(SpecError, match=message):
        call()


def test_claims_fit_with_confidence(tmp_path):
    """E loss of one SGD step on k x^2/2 from x = 1 + noise: linear in 1 - lr k; the slope over lr is known."""
    study = {
        "name": "line",
        "landscape": {"kind": "expression", "variables": ["x"], "value": "x**2/2"},
        "init": {"kind": "normal", "mean": [1.0], "std": 0.1},
        "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2, 0.3], "momentum": 0.0}],
        "seeds": 64,
        "steps": 1,
        "claims": [
            {"name": "slope", "measure": "fit(mean(final(params), 'seed'), lr, 'lr')", "expected": -1, "atol": 0.1},
            {"name": "wrong", "measure": "fit(mean(final(params), 'seed'), lr, 'lr')", "expected": -2, "atol": 0.1},
            {
                "name": "power",
                "measure": "fit(mean(initial(loss), 'seed')*lr**2, lr, 'lr', 'power', 'exponent')",
                "expected": 2,
                "atol": 0.01,
            },
        ],
    }
    _, verdicts = verify_study(study)
    assert [v.verdict for v in verdicts] == ["passed", "failed", "passed"]
