"""Statistics of a comparison against statsmodels and scikit-posthocs, where these are installed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from thalweg.engine.comparison.running_time import wilson
from thalweg.engine.comparison.views.pairs import holm
from thalweg.engine.comparison.views.ranks import friedman, nemenyi


def test_wilson_is_that_of_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for n in (1, 7, 64, 1000):
        for k in {0, 1, n // 3, n}:
            wanted = proportion.proportion_confint(k, n, alpha=0.05, method="wilson")
            np.testing.assert_allclose([end.item() for end in wilson(np.array(k), np.array(n))], wanted, atol=1e-12)


@given(hnp.arrays(float, st.integers(1, 20), elements=st.floats(0, 1)))
def test_holm_is_that_of_statsmodels(p):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    np.testing.assert_allclose(holm(p), multitest.multipletests(p, method="holm")[1], atol=1e-12)


def test_nemenyi_is_that_of_scikit_posthocs():
    posthocs = pytest.importorskip("scikit_posthocs")
    for blocks, methods in ((6, 3), (20, 5), (30, 8)):
        scores = np.random.default_rng(blocks).normal(size=(blocks, methods)) + 0.3 * np.arange(methods)
        rank, _ = friedman(scores)
        np.testing.assert_allclose(nemenyi(rank, blocks), posthocs.posthoc_nemenyi_friedman(scores).values, atol=1e-6)
