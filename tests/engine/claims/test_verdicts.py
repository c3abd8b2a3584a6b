"""Verdicts by the kind of what is reduced over the seeds, on small data; diverged runs; what a claim may name; the command's tables."""

import io

import numpy as np
import pytest
import xarray
from rich.console import Console
from scipy.stats import binomtest, quantile_test
from thalweg.engine.api import verify_study
from thalweg.engine.claims.formats import markdown
from thalweg.engine.claims.verdict import FAILED, PASSED, UNDECIDED, is_random, verify
from thalweg.engine.cli import app
from thalweg.engine.commands.verify import table
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load_study
from typer.testing import CliRunner

X = "component(final(params), 0)"
STUDY = {
    "name": "small",
    "landscape": "river_valley",
    "noise": {"kind": "gaussian", "scale": 1.0},
    "steps": 2,
    "optimizers": [{"kind": "sgd", "lr": [0.1, 0.2]}],
}


def judge(values, *claims, lost=0, **changes):
    """Verdicts on a run whose params are (values, -values) and whose loss is their squares, of which the first `lost` diverged at lr 0.2."""
    n = len(values)
    params = np.broadcast_to(np.stack([values, -values], axis=-1)[None, :, None], (2, n, 3, 2)).astype(float).copy()
    loss, status = (params**2).sum(-1), np.ones((2, n), np.int8)
    status[1, :lost], loss[1, :lost, 1:], params[1, :lost, 1:] = 2, np.nan, np.nan
    group = xarray.Dataset(
        {
            "loss": (("lr", "seed", "step"), loss),
            "params": (("lr", "seed", "step", "dim"), params),
            "status": (("lr", "seed"), status),
        },
        {"lr": [0.1, 0.2], "seed": np.arange(n), "step": [0, 1, 2]},
    )
    named = [{"name": str(k), **claim} for k, claim in enumerate(claims)]
    return verify(xarray.DataTree.from_dict({"sgd": group}), load_study({**STUDY, "seeds": n, **changes, "claims": named}))


@pytest.mark.parametrize(
    "measure",
    [
        f"mean({X} > 2, 'seed')",
        f"mean(x={X} > 2, dims='seed')",
        f"fraction({X} > 2, 'seed')",
        f"sum({X} > 2, 'seed')",
        f"sum({X} > 2)",
        f"1 - mean({X} <= 2, 'seed')",
        f"mean(where({X} > 2, 1, 0), 'seed')",
        f"mean(({X} > 2)*1.0, 'seed')",
        f"mean({X} > 2, ['lr', 'seed'])",
        "mean(abs(params) > 9, ['lr', 'seed', 'step', 'dim'])",
        f"mean(mean({X} > 2, 'seed') + 0*lr, 'lr')",
        f"mean({X} > 2, 'seed') - mean({X} > 3, 'seed')",
        f"0*final(loss) + mean({X} > 2, 'seed')",
        f"max(0*final(loss) + mean({X} > 2, 'seed'), 'seed')",
        f"exp(mean({X} > 2, 'seed')) - 1",
        f"median(where({X} > 0.2, 1, 0), 'seed')",
        f"quantile({X} > 0.2, 0.5, 'seed')",
        "median(where(tail(component(params, 0), 0.5) > 2, 1, 0), ['seed', 'step'])",
        f"var({X} > 2, 'seed')",
        f"std({X} > 2, 'seed')",
        f"norm({X} > 2, 'seed')",
        f"slope({X} > 2, {X}, 'seed')",
        f"mean(floor(abs({X})/2), 'seed')",
        f"mean(maximum({X} - 2, 0), 'seed')",
        f"mean({X}*({X} > 2)*1000, 'seed')",
        f"mean(where({X} > 2, 1000*{X}, 0), 'seed')",
        f"mean(sign({X} - 2), 'seed') + 1",
        f"std(sign({X} - 2), 'seed')",
        f"mean(tanh(1000*({X} - 2)), 'seed') + 1",
        f"mean(1/(1 + exp(-1e5*({X} - 2))), 'seed')",
    ],
)
def test_none_of_five_is_not_never(measure):
    """Five seeds that did not do it leave its probability anywhere below .6, however it is written."""
    values = np.array([-0.5, 0.1, -1.2, 0.15, -0.3])
    (found,) = judge(values, {"measure": measure, "expected": 0, "atol": 1e-6})
    assert (found.measured, found.verdict) == (0, UNDECIDED)


@pytest.mark.parametrize(("k", "n"), [(0, 40), (3, 40), (20, 40), (40, 40), (1, 7)])
@pytest.mark.parametrize(
    "measure", ["mean({} > 0, 'seed')", "sum(where({} > 0, 2, -1), 'seed')/seeds/3 + 1/3", "1 - fraction({} <= 0, 'seed')"]
)
def test_shares_have_the_binomial_interval(k, n, measure):
    values = np.where(np.arange(n) < k, 1.0, -1.0) * np.linspace(1, 2, n)
    low, high = binomtest(k, n).proportion_ci(0.9, "exact")  # 0.95 at each of two points
    (found,) = judge(values, {"measure": measure.format(X), "expected": 0.5, "atol": 1e-9, "confidence": 0.8})
    assert found.margin == pytest.approx(max(high - k / n, k / n - low), rel=1e-9)


def test_a_condition_of_another_size_has_an_interval_of_its_size():
    found = judge(np.zeros(40), {"measure": f"mean(where({X} > 2, 1000, 0), 'seed')", "less_than": 5, "confidence": 0.98})
    assert (found[0].verdict, round(found[0].margin, 3)) == (UNDECIDED, round(1000 * (1 - 0.01 ** (1 / 40)), 3))


def test_numbers_that_are_zero_are_no_share():
    """A difference that is exactly 0 in every run is no condition."""
    values = np.random.default_rng(0).normal(size=5)
    (found,) = judge(values, {"measure": f"mean({X} + component(final(params), 1), 'seed')", "expected": 0, "atol": 1e-12})
    assert (found.verdict, found.margin) == (PASSED, 0)


@pytest.mark.parametrize(("n", "q"), [(20, 0.5), (100, 0.5), (8, 0.5), (400, 0.25), (333, 0.9)])
def test_quantiles_lie_between_two_order_statistics(n, q):
    """The same two as in SciPy's quantile test; those of the median of 20 are the 6th and the 15th, as in tables of the sign test."""
    values = np.random.default_rng(1).permutation(np.arange(1.0, n + 1))
    measure = f"select(quantile({X}, {q}, 'seed'), lr=0.1)"
    inside = {"measure": measure, "confidence": 0.95}
    estimate = float(np.quantile(values, q))
    ends = quantile_test(values, p=q).confidence_interval(0.95)
    assert n != 20 or (ends.low, ends.high) == (6, 15)
    (found,) = judge(values, {**inside, "expected": 0, "atol": 1e-9})
    assert found.margin == max(estimate - ends.low, ends.high - estimate)


@pytest.mark.parametrize(("n", "q"), [(20, 0.95), (100, 0.95), (199, 0.95), (199, 0.05), (39, 0.75), (5, 0.5)])
def test_quantiles_too_far_out_are_undecided(n, q):
    values = np.random.default_rng(1).normal(size=n)
    found = judge(values, *({"measure": f"quantile({X}, {q}, 'seed')", side: 1e6} for side in ("less_than", "greater_than")))
    assert [v.verdict for v in found] == [UNDECIDED, UNDECIDED]


def test_whole_numbers_that_hardly_move_are_decided_by_how_many_there_are():
    """13 in 60 % of the runs: the median of 200 is 13, that of 10 may be another."""
    for n, verdict in ((10, UNDECIDED), (200, PASSED)):
        values = np.where(np.arange(n) % 10 < 6, 13.0, np.where(np.arange(n) % 10 < 8, 10.0, 17.0))
        (found,) = judge(values, {"measure": f"median({X}, 'seed')", "expected": 13, "atol": 0.1})
        assert found.verdict == verdict, n


def test_the_best_of_near_equals_is_undecided():
    values = np.random.default_rng(3).normal(size=50)
    claim = {"measure": f"argmin(mean(({X} - 0.001)*where(lr > 0.15, 1, -1), 'seed'), 'lr')", "expected": 0.2, "atol": 1e-9}
    assert judge(values, claim)[0].verdict == UNDECIDED
    assert judge(values - 2, claim)[0].verdict == PASSED


def test_a_sum_over_seeds_is_as_uncertain_as_the_mean():
    values = np.random.default_rng(4).normal(1, 1, size=50)
    mean, total = judge(values, {"measure": f"mean({X}, 'seed')", "less_than": 2}, {"measure": f"sum({X}, 'seed')/seeds", "less_than": 2})
    assert total.margin == pytest.approx(mean.margin, rel=1e-12)


def test_what_lies_inside_another_reduction_is_taken_from_the_half_too():
    """The variance as a mean of squares around the mean, and the mean itself hidden in one."""
    values = np.random.default_rng(5).normal(size=50)
    plain, nested, hidden = judge(
        values,
        {"measure": f"mean({X}, 'seed')", "less_than": 2},
        {"measure": f"mean(({X} - mean({X}, 'seed'))**2, 'seed')", "expected": 1, "atol": 9},
        {"measure": f"mean(0*{X} + mean({X}, 'seed'), 'seed')", "less_than": 2},
    )
    assert hidden.margin == pytest.approx(plain.margin, rel=1e-12)
    assert 0.3 < nested.margin < 1.5


def test_extremes_over_seeds_are_facts():
    values = np.linspace(-1, 1, 9)
    assert [v.margin for v in judge(values, {"measure": f"max({X}, 'seed')", "less_than": 2}, {"measure": X, "less_than": 2})] == [0, 0]
    assert judge(values, {"measure": f"select({X}, seed=3)", "less_than": 2})[0].verdict == PASSED


def test_verdicts_are_reproducible():
    values = np.random.default_rng(6).normal(size=300)
    claim = {"measure": f"var({X}, 'seed')", "less_than": 3}
    assert judge(values, claim) == judge(values, claim)


@pytest.mark.parametrize("measure", ["max(final(loss), 'seed')", "min(final(loss), 'seed')", "median(final(loss), 'seed')"])
def test_diverged_runs_fail_a_claim_that_leaves_them_out(measure):
    values = np.linspace(0.1, 0.5, 50)
    strict, ignoring = judge(
        values, {"measure": measure, "less_than": 1}, {"measure": measure, "less_than": 1, "diverged": "ignore"}, lost=31
    )
    assert (strict.verdict, ignoring.verdict) == (FAILED, PASSED)
    assert "31 of 50 runs diverged" in strict.reason
    if ignoring.at == "lr=0.2":
        assert "31 of 50 runs diverged and are left out" in ignoring.reason


@pytest.mark.parametrize(
    ("measure", "verdict"),
    [
        ("max(final(loss))", FAILED),
        ("max(loss, ['seed', 'step'])", FAILED),
        ("max(mean(final(loss), 'seed'), 'lr')", FAILED),
        ("argmin(mean(final(loss), 'seed'), 'lr')", FAILED),
        ("mean(final(loss), 'seed')", FAILED),
        ("select(max(final(loss), 'seed'), lr=0.1)", PASSED),
        ("fraction(diverged, 'seed')", PASSED),
        ("fraction(final(loss) > 1e9, 'seed')", FAILED),
        ("1 - fraction(~(final(loss) > 1e9), 'seed')", FAILED),
        ("fraction(1e9 < final(loss), 'seed')", FAILED),
        ("fraction((final(loss) > 1e9) & (final(loss) < -1), 'seed')", PASSED),
        ("fraction(diverged | (final(loss) > 1e9), 'seed') - 1", PASSED),
        ("1 - fraction(final(loss) < 1e9, 'seed')", PASSED),
        ("mean(final(loss) != 3, 'seed') - 1", FAILED),
        ("mean(or_zero(final(loss)), 'seed')", FAILED),
        ("median(where(diverged, 1, 0), 'seed') - 1", PASSED),
        ("max(where(isfinite(final(loss)), final(loss), 0), 'seed')", PASSED),
        ("max(where(shift(loss, 1) > 5, 1, 0), ['step', 'seed'])", FAILED),
    ],
)
def test_which_claims_diverged_runs_fail(measure, verdict):
    assert judge(np.linspace(0.1, 0.5, 50), {"measure": measure, "less_than": 1}, lost=31)[0].verdict == verdict


def test_points_that_where_leaves_out_may_diverge():
    (found,) = judge(np.linspace(0.1, 0.5, 50), {"measure": "max(final(loss), 'seed')", "less_than": 1, "where": "lr < 0.15"}, lost=31)
    assert (found.verdict, found.points) == (PASSED, 1)


def test_left_out_runs_are_not_counted():
    """With 31 of 50 left out a share is one of 19."""
    values = np.where(np.arange(50) % 2 == 0, 0.1, 0.5)
    measure = "select(mean(or_inf(final(loss)) > 0.3, 'seed'), lr=0.2)"
    counted = judge(values, {"measure": measure, "less_than": 1, "diverged": "ignore"}, lost=31)[0]
    assert counted.measured == pytest.approx((31 + 10) / 50)  # a condition is of all runs
    left = judge(values, {"measure": "select(mean(final(loss), 'seed'), lr=0.2)", "less_than": 1, "diverged": "ignore"}, lost=31)[0]
    assert left.measured == pytest.approx(np.mean(2 * values[31:] ** 2))


def test_starts_from_a_file_are_random_where_they_differ(tmp_path):
    study = {**STUDY, "noise": {"kind": "none"}, "seeds": 3}
    for name, starts, random in (("a", np.eye(3, 2), True), ("b", np.ones((3, 2)), False), ("c", np.ones(2), False)):
        np.save(tmp_path / f"{name}.npy", starts)
        given = {**study, "init": {"kind": "file", "path": f"{name}.npy", "root": str(tmp_path)}}
        assert is_random(load_study(given)) is random
    assert is_random(load_study({**study, "init": {"kind": "file", "path": "gone.npy", "root": str(tmp_path)}}))


def test_one_number_in_a_study_without_randomness():
    still = {"name": "still", "landscape": "rosenbrock", "optimizers": [{"kind": "sgd", "lr": 0.001}], "steps": 3}
    claims = [("max(loss)", 1000, PASSED), ("final(loss)", 0, FAILED), ("mean(loss, ['seed', 'step'])", 1000, PASSED), ("lr", 1, PASSED)]
    given = [{"name": m, "measure": m, "less_than": c} for m, c, _ in claims]
    found = verify_study({**still, "claims": given})[1]
    assert [v.verdict for v in found] == [v for _, _, v in claims]


LABELS = {
    "name": "labels",
    "landscape": "rosenbrock",
    "steps": 3,
    "optimizers": [
        {"kind": "sgd", "label": "sgd.v2", "lr": [0.0001, 0.001]},
        {"kind": "sgd", "lr": 0.0001},
        {"kind": "sgd", "label": "a+b", "lr": 0.0001},
        {"kind": "adam", "label": "1-x.y+z"},
    ],
}


@pytest.mark.parametrize(
    "measure", ["final(sgd.v2.loss)", "final('sgd.v2'.loss)", "final('a+b'.loss)", "final('1-x.y+z'.loss) + 0*sgd.v2.lr", "final(sgd.loss)"]
)
def test_labels_with_dots_and_signs_can_be_named(measure):
    (found,) = verify_study({**LABELS, "claims": [{"name": "c", "measure": measure, "less_than": 1000}]})[1]
    assert found.verdict == PASSED


def test_a_wrong_name_below_such_a_label_is_not_proposed_again():
    with pytest.raises(SpecError, match=r"nothing called ''sgd\.v2'\.los'; did you mean ''sgd\.v2'\.loss'"):
        load_study({**LABELS, "claims": [{"name": "c", "measure": "final(sgd.v2.los)", "less_than": 1}]})
    with pytest.raises(SpecError) as error:
        load_study({**LABELS, "claims": [{"name": "c", "measure": "final(sgd.v3.loss)", "less_than": 1}]})
    assert "did you mean 'sgd.v3.loss'" not in str(error.value)


def test_settings_name_such_labels():
    given = ["sgd.v2.lr=0.1", "a+b.lr=0.2", "'1-x.y+z'.lr=0.3", "optimizers.sgd.v2.momentum=0.5", "sgd.momentum=0.25"]
    found = {o.name: o for o in load_study(LABELS, given).optimizers}
    assert (found["sgd.v2"].lr, found["sgd.v2"].momentum, found["sgd"].momentum) == (0.1, 0.5, 0.25)
    assert (found["a+b"].lr, found["1-x.y+z"].lr) == (0.2, 0.3)


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        ("9**9**9**9", "too large a number"),
        ("2**(2**40)", "too large a number"),
        ("loss*(2**64)**(2**64)", "too large a number"),
        ("10.0**400", "too large a number"),
        ("1e308*1e308", "too large a number"),
        ("1e999", "too large a number"),
        ("9" * 400, "too large a number"),
        ("1/0", "a division by zero"),
        ("(-8)**0.5", "not a real number"),
        ("'a'*10**9", "a name in quotes"),
        ("['a']*3", "a name in quotes"),
        ("mean('a' < 'b')", "a name in quotes"),
        ("'a'", "a name in quotes"),
        ("time_to_stay_below(loss, 1, 10**18)", "from 0 to 100001, given 1e"),
        ("time_to_stay_below(loss, 1, records=-1)", "from 0 to 100001, given -1"),
        ("time_to_stay_below(loss, 1, 1.5)", "a whole number of records"),
        ("shift(loss, 10**30)", "from -100001 to 100001, given 1e"),
        ("quantile(loss, 2, 'seed')", "a level from 0 to 1, given 2"),
        ("tail(loss, 3)", "a fraction from 0 to 1"),
        ("abs(" * 130 + "1" + ")" * 130, "nested"),
    ],
)
def test_what_has_no_finite_value_is_refused_when_the_study_is_read(measure, reason):
    with pytest.raises(SpecError, match=reason) as error:
        load_study({**LABELS, "claims": [{"name": "c", "measure": measure, "less_than": 1}]})
    assert len(str(error.value).splitlines()) == 1


def test_powers_of_what_the_study_says_do_not_hang():
    with pytest.raises(SpecError, match=r"steps\*\*steps"):
        verify_study({**LABELS, "steps": 9999, "claims": [{"name": "c", "measure": "steps**steps**steps**steps", "less_than": 1}]})


def test_a_study_without_claims_has_nothing_to_verify(tmp_path):
    given = ["verify", "digits_softmax", "--quick", "--set", "steps=2", "--set", "seeds=1"]
    with pytest.raises(SpecError, match="nothing to verify") as error:
        CliRunner().invoke(app, given, catch_exceptions=False)
    assert error.value.exit_code == 2
    assert CliRunner().invoke(app, [*given, "--allow-none"]).exit_code == 0


def test_what_a_study_says_is_shown_as_it_stands():
    title = "a [b=1] [/b] | x * <b>\x1b[31m"
    study = load_study(
        {**LABELS, "title": title, "claims": [{"name": "[red]c[/red]\x07", "measure": "initial(sgd.v2.loss)", "less_than": 1e3}]}
    )
    _, found = verify_study(study)
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(table(study, found))
    assert r"a [b=1] [/b] | x * <b>\x1b[31m" in out.getvalue()
    assert "[red]c[/red]" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    page = markdown([(study, found, 0.0)])
    assert r"## a \[b=1\] \[/b\] \| x \* &lt;b&gt;\\x1b\[31m" in page
    assert r"| passed | \[red\]c\[/red\]" in page
