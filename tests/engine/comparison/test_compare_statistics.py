"""The statistics of a comparison against published numbers, SciPy used plainly, and properties."""

import numpy as np
import pytest
import thalweg
import xarray
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from thalweg.engine.comparison.entries import entries
from thalweg.engine.comparison.profiles import count_within, ratios_of
from thalweg.engine.comparison.running_time import first_steps, running_time, spent, wilson
from thalweg.engine.comparison.views.pairs import holm, signed_rank
from thalweg.engine.comparison.views.ranks import critical_difference, friedman, nemenyi
from thalweg.engine.comparison.views.sensitivity import view as sensitivity
from thalweg.engine.results.blocks import boxes
from thalweg.engine.results.quantiles import interval

LOSSES = hnp.arrays(float, st.integers(2, 30), elements=st.floats(-1e6, 1e6))


def runs(loss, status=None, last=None, steps=None):
    """A group by hand: loss (seed, step)."""
    loss = np.asarray(loss, dtype=float)
    steps = np.arange(loss.shape[1]) * 10 if steps is None else np.asarray(steps)
    status = np.ones(len(loss), np.int8) if status is None else np.asarray(status, np.int8)
    last = np.full(len(loss), steps[-1]) if last is None else np.asarray(last)
    data = {"loss": (("seed", "step"), loss), "status": ("seed", status), "last_step": ("seed", last)}
    return xarray.Dataset(data, coords={"seed": np.arange(len(loss)), "step": steps})


def test_interval_is_scipys_bootstrap():
    values = np.random.default_rng(1).normal(size=25)
    wanted = stats.bootstrap((values,), np.median, method="percentile", n_resamples=9999, rng=np.random.default_rng(0)).confidence_interval
    np.testing.assert_allclose(interval(values), (wanted.low, wanted.high), rtol=1e-12)
    assert interval(values)[0] < np.median(values) < interval(values)[1]


def test_interval_covers_the_median_as_often_as_it_says():
    """Uniform numbers: 300 samples of 31, the interval holds 1/2 in about 95 % of them."""
    rng = np.random.default_rng(2)
    found = [interval(rng.random(31)) for _ in range(100)]
    assert 88 <= sum(low <= 0.5 <= high for low, high in found) <= 100
    many = [interval(rng.random(2001)) for _ in range(300)]
    assert 270 <= sum(low <= 0.5 <= high for low, high in many) <= 298


def test_interval_with_diverged_runs():
    inf = np.inf
    assert interval(np.array([1.0, inf])) == (1.0, inf)
    assert interval(np.full(5, inf)) == (inf, inf)
    assert all(np.isnan(interval(np.array([1.0, np.nan]))))
    assert interval(np.full(5, 2.0)) == (2.0, 2.0)
    low, high = interval(np.array([*np.arange(20.0), inf]))
    assert np.isfinite([low, high]).all()


@given(LOSSES)
def test_interval_lies_within_the_values_and_moves_with_them(values):
    low, high = interval(values)
    assert values.min() - 1e-6 <= low <= high <= values.max() + 1e-6
    moved = interval(values * 2.0)
    np.testing.assert_allclose(moved, (2 * low, 2 * high), rtol=1e-9, atol=1e-9)


def test_first_steps_by_hand():
    nan, inf = np.nan, np.inf
    data = runs([[5, 3, 4, 1], [5, nan, nan, nan], [5, 6, 2, 2], [5, -inf, nan, nan]], [1, 2, 3, 2], [30, 7, 13, 10])
    got = first_steps(data, np.array([5.0, 3.0, 2.0, 0.0]))
    assert got.tolist() == [[0, 0, 0, 0], [10, inf, 13, inf], [30, inf, 13, inf], [inf] * 4]
    assert spent(data).tolist() == [30, 8, 13, 11]


def test_expected_running_time_is_that_of_coco():
    """ERT = RT_S + (1 - p) / p RT_US, RT_S and RT_US the mean times of runs with and without success (Hansen et al. 2021)."""
    first, steps = np.array([10.0, np.inf, 40.0, np.inf, 30.0]), np.array([100, 20, 100, 70, 100])
    made = running_time(first, steps, np.ones(5, bool))
    p, hit = 3 / 5, np.isfinite(first)
    assert made["ert"] == pytest.approx(first[hit].mean() + (1 - p) / p * steps[~hit].mean())
    assert made["success"] == p
    assert running_time(np.full(3, np.inf), np.full(3, 9), np.ones(3, bool))["ert"] == np.inf
    assert np.isnan(running_time(np.full(3, np.inf), np.full(3, 9), np.zeros(3, bool))["ert"])


@given(hnp.arrays(float, (4, 7), elements=st.floats(-10, 10)), st.floats(-10, 10), st.floats(0, 5))
def test_a_lower_target_is_never_reached_earlier(loss, target, less):
    first = first_steps(runs(loss), np.array([target, target - less]))
    assert (first[0] <= first[1]).all()
    wanted = [next((10.0 * k for k, v in enumerate(row) if v <= target), np.inf) for row in loss]
    assert first[0].tolist() == wanted


@given(st.lists(st.integers(1, 9), min_size=2, max_size=4), st.data())
def test_blocks_cover_everything_once(shape, data):
    chunks = {f"d{k}": data.draw(st.integers(1, 9)) for k in range(len(shape))}
    array = xarray.DataArray(np.zeros(shape), dims=[*chunks])
    array.encoding["preferred_chunks"] = chunks
    seen = np.zeros(shape, int)
    for box, part in boxes(array, data.draw(st.integers(1, 50))):
        seen[(*box, part)] += 1
    assert (seen == 1).all()


def test_wilson_in_closed_form():
    k, n, z = np.array([0, 3, 10]), np.array([10, 10, 10]), stats.norm.ppf(0.975)
    p = k / n
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    np.testing.assert_allclose(wilson(k, n), (middle - half, middle + half), atol=1e-12)


def test_ratios_and_fractions_of_dolan_and_more():
    """Definition (2.1) and rho of section 2 on three problems: ratios to the best solver, a failure is never within any ratio."""
    times = np.array([[1.0, 2.0], [9.0, 3.0], [np.inf, 5.0]])
    assert ratios_of(times).tolist() == [[1, 2], [3, 1], [np.inf, 1]]
    assert count_within(ratios_of(times), [1, 2, 3, np.inf]).tolist() == [[1, 1, 2, 2], [2, 3, 3, 3]]


@given(hnp.arrays(float, (6, 3), elements=st.floats(1, 1e6) | st.just(np.inf)))
def test_profiles_rise_and_someone_wins_what_is_solved(times):
    solved = count_within(ratios_of(times), [1, 2, 10, np.inf])
    assert (np.diff(solved, axis=-1) >= 0).all()
    assert solved[:, 0].sum() >= np.isfinite(times).any(-1).sum()
    assert (solved[:, -1] == np.isfinite(times).sum(0)).all()


def test_critical_values_of_demsar():
    """Table 5 of Demsar 2006: q of the two-tailed Nemenyi test, to the rounding of the table and of the studentized range it was made from."""
    at_05 = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
    at_10 = [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]
    for alpha, table in ((0.05, at_05), (0.10, at_10)):
        q = [critical_difference(k, 1, alpha) / np.sqrt(k * (k + 1) / 6) for k in range(2, 11)]
        np.testing.assert_allclose(q, table, atol=1.1e-3)


def test_friedman_of_demsars_example():
    """Table 6 of Demsar 2006: AUC of four variants of C4.5 on 14 data sets; average ranks 3.143, 2.000, 2.893, 1.964, chi2 9.28, F 3.69."""
    scores = np.array([
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967], [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931], [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875], [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ])  # fmt: skip
    rank, made = friedman(-scores, 0.05)
    np.testing.assert_allclose(rank, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    blocks, methods = scores.shape
    plain = 12 * blocks / (methods * (methods + 1)) * (np.sum(rank**2) - methods * (methods + 1) ** 2 / 4)
    assert plain == pytest.approx(9.28, abs=5e-3)  # the paper's formula has no correction for ties, SciPy's has
    assert made["friedman"] >= plain
    assert made["critical_difference"] == pytest.approx(1.25, abs=5e-3)
    p = nemenyi(rank, blocks)
    assert np.allclose(p, p.T)
    assert np.allclose(np.diag(p), 1)


def test_holm_by_hand_and_what_it_promises():
    """The example of Holm's rule with m = 4: 0.005, 0.011, 0.02, 0.04 become 0.02, 0.033, 0.04, 0.04."""
    np.testing.assert_allclose(holm(np.array([0.02, 0.005, 0.04, 0.011])), [0.04, 0.02, 0.04, 0.033])


@given(hnp.arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p):
    made = holm(p)
    assert ((p - 1e-15 <= made) & (made <= np.minimum(1, len(p) * p) + 1e-15)).all()
    assert (np.diff(made[np.argsort(p, kind="stable")]) >= 0).all()


def test_signed_rank_is_wilcoxons_and_diverged_runs_lose():
    x, y = np.random.default_rng(3).normal(size=(2, 20))
    assert signed_rank(x, y)["p"] == stats.wilcoxon(x, y).pvalue
    inf = np.inf
    got = signed_rank(np.array([1.0, 2.0, inf, inf]), np.array([inf, 3.0, 1.0, inf]))
    assert (got["wins"], got["ties"], got["losses"]) == (2, 1, 1)
    assert signed_rank(x, x)["p"] == 1.0
    assert signed_rank(np.arange(5.0), np.arange(5.0) + 1)["p"] == 2 / 2**5


def study(**changes):
    given = {
        "name": "bowl",
        "landscape": {"kind": "quadratic", "dim": 1},
        "init": {"kind": "point", "at": 1.0},
        "optimizers": [{"kind": "sgd", "lr": [0.001, 0.01, 0.1, 1.9, 5.0]}],
        "steps": 30,
        "seeds": 4,
    }
    return thalweg.run({**given, **changes})


def test_sensitivity_is_the_factor_of_the_gap_above_the_minimum():
    """On x^2/2 the loss after n steps is (1 - lr)^(2 n) / 2, in closed form."""
    tree = study(
        landscape={"kind": "expression", "variables": ["x"], "value": "x**2/2 - 3"},
        optimizers=[{"kind": "sgd", "lr": [0.001, 0.01, 0.04, 0.05, 0.06, 3.0]}],
    )
    got = sensitivity(entries([tree]), factor=4.0)
    gaps = (1 - np.array([0.001, 0.01, 0.04, 0.05, 0.06])) ** 60 / 2
    assert np.isnan(got["width"].item())  # the lowest known loss is that of the best run itself
    known = sensitivity(
        entries(
            [study(landscape={"kind": "quadratic", "dim": 1}, optimizers=[{"kind": "sgd", "lr": [0.001, 0.01, 0.04, 0.05, 0.06, 3.0]}])]
        ),
        factor=4.0,
    )
    fits = gaps <= 4 * gaps.min()
    assert known["points"].item() == fits.sum() == 3
    assert known["width"].item() == pytest.approx(np.log10(0.06 / 0.04))
    assert known["open"].item() == ""


def test_a_swept_landscape_is_a_problem_each_and_one_of_two_stores_is_the_same():
    swept = study(landscape={"kind": "river_valley", "sharpness": [10.0, 20.0]}, name="two")
    fixed = study(landscape={"kind": "river_valley", "sharpness": 20.0}, name="one", optimizers=[{"kind": "adam", "lr": 0.01}])
    got = thalweg.compare(swept, fixed)
    assert len({*got["problem"].values}) == 2
    assert dict(zip(got["optimizer"].values, got["problem"].values, strict=True))["adam"] == "two, sharpness=20"
    assert got.sizes["optimizer"] == 3


def test_held_out_seeds_take_the_flattery_away():
    """Pure noise: no point of the sweep is better, and the best of 200 on the same seeds looks better than it is."""
    rng = np.random.default_rng(4)
    loss = rng.normal(size=(200, 20, 1))
    data = {"loss": (("lr", "seed", "step"), loss), "status": (("lr", "seed"), np.ones((200, 20), np.int8))}
    group = xarray.Dataset(data, coords={"lr": np.arange(200.0) + 1, "seed": np.arange(20), "step": [5]})
    tree = xarray.DataTree.from_dict({"/sgd": group})
    same = np.median(loss[..., 0], axis=-1).min()
    assert same < -0.6
    assert abs(thalweg.compare(tree)["median"].item()) < 0.6
    assert thalweg.compare(tree)["seeds"].item() == 10
