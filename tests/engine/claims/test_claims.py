"""The language of claims on data whose answers are known, and verdicts: passed, failed, undecided."""

import json

import numpy as np
import pytest
import xarray
import zarr
from helpers.repetitions import few
from thalweg.engine import api
from thalweg.engine.api import verify_study
from thalweg.engine.claims import functions
from thalweg.engine.claims.evaluate import Results
from thalweg.engine.claims.trial import try_claims, try_claims_across
from thalweg.engine.claims.verdict import verify
from thalweg.specs.claim import FUNCTIONS, parse_claim
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.load import gallery, load, load_study
from thalweg.specs.stages import Stages

STUDY = {
    "name": "made",
    "landscape": {"kind": "river_valley", "sharpness": 3.0},
    "noise": {"kind": "gaussian", "scale": 0.5},
    "optimizers": [{"kind": "sgd", "label": "a", "lr": [0.1, 0.2]}, {"kind": "sgd", "label": "b", "momentum": 0.9}],
    "seeds": 40,
    "steps": 4,
}


@pytest.fixture
def results():
    """Group a: loss = lr (10 + seed noise) / (1 + step); group b: loss = 1 everywhere."""
    rng = np.random.default_rng(0)
    lr, step = np.array([0.1, 0.2]), np.arange(5)
    noise = rng.normal(0, 1, 40)
    coords = {"lr": lr, "seed": np.arange(40), "step": step}
    loss = lr[:, None, None] * (10 + noise[None, :, None]) / (1 + step)
    params = np.stack([loss, -loss], axis=-1)
    status = np.ones((2, 40), np.int8)
    status[1, :10] = 2
    a = xarray.Dataset(
        {
            "loss": (("lr", "seed", "step"), loss),
            "params": (("lr", "seed", "step", "component"), params),
            "status": (("lr", "seed"), status),
        },
        coords,
    )
    b = xarray.Dataset({"loss": (("seed", "step"), np.ones((40, 5)))}, {"seed": np.arange(40), "step": step})
    return Results(xarray.DataTree.from_dict({"a": a, "b": b}), load_study(STUDY))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("lr", [0.1, 0.2]),
        ("2*sharpness + noise.scale", 6.5),
        ("steps + seeds + dim", 46),
        ("b.momentum", 0.9),
        ("mean(initial(b.loss))", 1),
        ("fraction(diverged, 'seed')", [0, 0.25]),
        ("max(argmin(mean(final(loss), 'seed'), 'lr'))", 0.1),
        ("slope(log(mean(loss, 'seed')), log(1 + step), 'step')", [-1, -1]),
        ("mean(at(loss, 1) / initial(loss))", 0.5),
        ("mean(tail(loss, 0.5) / initial(loss))", np.mean([1 / 3, 1 / 4, 1 / 5])),
        ("first_time_below(mean(loss, 'seed') / initial(mean(loss, 'seed')), 0.3)", [3, 3]),
        ("time_to_stay_below(mean(loss, 'seed') / initial(mean(loss, 'seed')), 0.3)", [3, 3]),
        ("first_time_below(mean(loss, 'seed'), -1)", [np.inf, np.inf]),
        ("correlation(final(loss), initial(loss), 'seed')", [1, 1]),
        ("max(norm(component(params, 0) + component(params, 1), ['seed', 'step']))", 0),
        ("select(fraction(diverged, 'seed'), lr=0.2)", 0.25),
        ("at_argmin(lr, -lr, 'lr')", 0.2),
        ("quantile(final(b.loss), 0.5, 'seed') < 2", True),
        ("where(lr > 0.15, 1, 0) + abs(-1) * floor(1.5) ** 2", [1, 2]),
        ("1 < 2 < 3", True),
    ],
)
def test_expressions(results, text, wanted):
    np.testing.assert_allclose(np.asarray(results.evaluate(text, "a"), float), np.asarray(wanted, float), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("f", "first"), [(0.7, 30), (0.9, 10), (0.29, 71), (0.0, 100), (1.0, 0), (0.005, 100)])
def test_the_last_and_the_first_fraction_of_the_steps_are_cut_exactly(f, first):
    step = xarray.DataArray(np.arange(101), {"step": np.arange(101)}, ("step",))
    assert int(functions.FUNCTIONS["tail"](step, f)[0]) == first
    assert int(functions.FUNCTIONS["head"](step, f)[-1]) == int(100 * f + 1e-9)


def test_every_function_has_a_meaning():
    from thalweg.engine.claims import evaluate

    assert set(evaluate.FUNCTIONS) == set(FUNCTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "loss.__class__",
        "(lambda: 1)()",
        "[x for x in loss]",
        "mean(loss, **{})",
        "loss[0]",
        "f'{loss}'",
        "open('x')",
        "loss if loss else 1",
        "a and b",
        "True",
        "1 +",
        "x" * 3000,
        "(" * 500,
    ],
)
def test_nothing_else_parses(text):
    with pytest.raises((ValueError, SpecError)):
        load_study({**STUDY, "claims": [{"name": "bad", "measure": text, "less_than": 1}]})


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"measure": "los", "less_than": 1}, "did you mean 'loss'"),
        ({"measure": "mena(loss)", "less_than": 1}, "did you mean 'mean'"),
        ({"measure": "loss", "expected": 1}, "needs a tolerance"),
        ({"measure": "loss"}, "exactly one"),
        ({"measure": "loss", "less_than": 1, "group": "c"}, "no optimizer has"),
        ({"measure": "a.momentm", "less_than": 1}, "momentum"),
    ],
)
def test_wrong_claims_are_refused_before_anything_runs(claim, reason):
    with pytest.raises(SpecError, match=reason):
        load_study({**STUDY, "claims": [{"name": "bad", **claim}]})


@pytest.mark.parametrize(
    "text", ["mean(loss, 'sed')", "tail(loss, 0.5) / head(loss, 0)", "at(loss, 77)", "select(loss, lr=0.3)", "final(lr)", "final(loss, 3)"]
)
def test_what_cannot_be_evaluated_says_why(results, text):
    with pytest.raises(SpecError, match=r"dimension|recorded|swept|align|too many positional"):
        results.evaluate(text, "a")


@pytest.mark.parametrize(
    "text",
    [
        "at_argmin(1, loss, 'step')",
        "max(loss, loss)",
        "correlation(loss, 1, 'step')",
        "first_time_below(loss, 'a')",
        "~max(loss)",
        "max(loss) & 1",
        "(loss < 1) | 2",
        "mean(loss, 1)",
        "head(loss, 'a')",
        "loss + select(loss, lr=0.1)*at(loss, 'x')",
    ],
)
def test_what_does_not_fit_a_function_is_told_in_no_library_s_words(results, text):
    with pytest.raises(SpecError) as error:
        results.evaluate(text, "a")
    told = str(error.value).removeprefix(f"'{text}': ")
    words = ("numpy", "xarray", "xr.", "DataArray", "ufunc", "object", "attribute", "ambiguous", "iterable", "convert", "type", "any()")
    assert not [word for word in words if word in told]
    assert "()" in told or "join" in told or "recorded" in told


def verdicts(results, **claim):
    study = load_study({**STUDY, "claims": [{"name": "c", **claim}]})
    return verify(results.tree, study)[0]


def test_standard_errors_decide(results):
    measure = "mean(final(loss), 'seed') / lr"  # 2 + a mean of 40 normals of standard deviation 1/5: standard error 0.032
    assert verdicts(results, measure=measure, expected=2, rtol=0.2).verdict == "passed"
    assert verdicts(results, measure=measure, expected=2, rtol=0.03).verdict == "undecided"
    assert verdicts(results, measure=measure, expected=3, rtol=0.05).verdict == "failed"
    assert verdicts(results, measure=measure, less_than=2.5).verdict == "passed"
    assert verdicts(results, measure=measure, less_than=2.02).verdict == "undecided"
    assert verdicts(results, measure=measure, greater_than=2.5).verdict == "failed"


def test_the_margin_is_the_textbook_one(results):
    from scipy.stats import t

    found = verdicts(results, measure="mean(final(loss), 'seed') / lr", expected=2, rtol=0.2, confidence=0.95)
    values = results.tree["a"].loss.values[0, :, -1] / 0.1
    standard = values.std(ddof=1) / np.sqrt(40)
    assert found.points == 2
    assert found.at in ("lr=0.1", "lr=0.2")
    np.testing.assert_allclose(found.margin / t.ppf(1 - 0.05 / 2, 19), standard, rtol=0.35)


def test_none_of_n_is_not_never(results):
    """0 of 40 seeds: with 99 % confidence the fraction is below log(100)/40 = 0.115, for one point."""
    measure = "select(fraction(diverged, 'seed'), lr=0.1)"
    assert verdicts(results, measure=measure, less_than=0.1).verdict == "undecided"
    assert verdicts(results, measure=measure, less_than=0.12).verdict == "passed"


def test_pairing_by_common_random_numbers_narrows_the_interval(results):
    paired = verdicts(results, measure="mean(final(loss) - initial(loss)/5, 'seed')", expected=0, atol=1e-9)
    assert paired.verdict == "passed"
    assert paired.margin < 1e-9


def test_where_chooses_points_and_the_worst_is_shown(results):
    found = verdicts(results, measure="fraction(diverged, 'seed')", less_than=0.5, where="lr > 0.15")
    assert (found.points, found.at, found.measured) == (1, "", 0.25)
    with pytest.raises(SpecError, match="no point"):
        verdicts(results, measure="fraction(diverged, 'seed')", less_than=0.5, where="lr > 7")


def test_nan_fails(results):
    results.tree["a"].loss.values[0, 3, -1] = np.nan
    found = verdicts(results, measure="mean(final(loss), 'seed')", less_than=1e9)
    assert (found.verdict, found.reason) == ("failed", "the measure or what it is compared with is NaN")


CLOSED = {
    "name": "closed",
    "landscape": {"kind": "river_valley", "amplitude": 0.0, "sharpness": 10.0},
    "init": {"kind": "point", "at": 0.0},
    "noise": {"kind": "gaussian", "scale": 1.0, "components": [0.0, 1.0]},
    "optimizers": [{"kind": "sgd", "lr": [0.05, 0.1]}],
    "seeds": 2000,
    "steps": 400,
    "record": {"every": 10, "variables": ["hill"]},
}
TRUE = {
    "name": "hill loss",
    "measure": "mean(tail(hill, 0.5), ['seed', 'step'])",
    "expected": "lr*noise.scale**2/(2*(2 - lr*sharpness))",
    "rtol": 0.05,
}


def test_a_true_claim_passes_and_a_wrong_one_fails(tmp_path):
    _, made = verify_study(load_study({**CLOSED, "claims": [TRUE]}), out=tmp_path / "s.zarr")
    assert [v.verdict for v in made] == ["passed"]
    wrong = {**TRUE, "expected": "1.2*lr*noise.scale**2/(2*(2 - lr*sharpness))"}
    assert verify_study(load_study({**CLOSED, "claims": [wrong]}))[1][0].verdict == "failed"
    import zarr

    kept = json.loads(str(zarr.open_group(str(tmp_path / "s.zarr"), mode="r").attrs["claims"]))
    assert kept[0]["verdict"] == "passed"
    assert verify_study(tmp_path / "s.zarr")[1][0].measured == made[0].measured


def test_quick_settings_and_statistics(tmp_path):
    study = load_study({**CLOSED, "claims": [TRUE], "quick": {"seeds": 30, "sgd.lr": [0.05]}})
    small, made = verify_study(study, quick=True)
    assert (small.seeds, made[0].points, made[0].verdict) == (30, 1, "undecided")
    only = verify_study(
        load_study(
            {
                **CLOSED,
                "claims": [TRUE | {"measure": "mean(tail(hill_mean, 0.5), 'step')"}],
                "record": {"every": 10, "variables": ["hill"], "stats": ["mean"]},
            }
        )
    )
    assert "statistics" in only[1][0].reason


def test_command(tmp_path):
    from thalweg.engine.cli import app
    from typer.testing import CliRunner

    given = [
        "verify",
        "river_valley",
        "--set",
        "steps=1000",
        "--set",
        "seeds=32",
        "--out",
        str(tmp_path),
        "--report",
        str(tmp_path / "c.md"),
    ]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert "| passed | the best WSD run" in (tmp_path / "c.md").read_text()
    assert f"1 passed, 0 undecided, 0 failed; next: thalweg compare {tmp_path}/river_valley.zarr" in result.output
    assert (tmp_path / "river_valley.zarr").exists()
    with pytest.raises(StoreError, match="exists already"):
        CliRunner().invoke(app, given, catch_exceptions=False)
    assert CliRunner().invoke(app, [*given, "--overwrite"]).exit_code == 0
    root = zarr.open_group(tmp_path / "river_valley.zarr", mode="r+")
    group = root["sgd_wsd"]
    loss = group["loss"][:]
    group["status"][:], group["loss"][:] = 0, 0.0  # as if interrupted
    root.attrs["complete"] = False
    resumed = CliRunner().invoke(app, [*given, "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert "1 passed" in resumed.output
    np.testing.assert_array_equal(zarr.open_group(tmp_path / "river_valley.zarr")["sgd_wsd"]["loss"][:], loss)
    stored = str(tmp_path / "river_valley.zarr")
    assert (
        f"next: thalweg compare {stored}, thalweg plot {stored}, thalweg report {stored}"
        in CliRunner().invoke(app, ["verify", stored]).output
    )
    with pytest.raises(StoreError, match="there is no folder"):
        CliRunner().invoke(app, ["verify", "river_valley", "--report", str(tmp_path / "no" / "c.md")], catch_exceptions=False)


def test_the_parser_accepts_the_examples():
    for text in ("mean(tail(hill, 0.5), ['seed', 'step'])", "lr*noise.scale**2/(2*(2 - lr*k))", "lr*k < 1.5", "~diverged & (lr > 1)"):
        parse_claim(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"measure": "mean(final(loss), 'sed')", "less_than": 1},
        {"measure": "slope(final(loss), step, 'step')", "less_than": 1},
        {"measure": "final(loss)", "less_than": "mean(loss, 'seed', 'step')"},
        {"measure": "mean(final(loss), 'seed')", "less_than": 1, "where": "select(lr, lr=7) > 0"},
    ],
)
def test_a_claim_that_cannot_be_evaluated_is_told_before_anything_runs(monkeypatch, wrong):
    def run(*args, **options):
        pytest.fail("it ran")

    monkeypatch.setattr(api, "run", run)
    study = load_study(
        {**STUDY, "claims": [{"name": "fine", "measure": "max(final(loss), 'seed')", "less_than": 1}, {"name": "bad", **wrong}]}
    )
    with pytest.raises(SpecError, match=r"^claim 'bad': '"):
        verify_study(study)


@pytest.mark.parametrize("name", few(gallery(), keep=[*gallery()][::12]))
def test_the_bundled_claims_fit_what_their_studies_record(name):
    study = load(name)
    (try_claims_across if isinstance(study, Stages) else try_claims)(study)
