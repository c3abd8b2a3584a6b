"""Comparing by any variable, larger or smaller being better; best values at the edge of a sweep, and what comes next."""

import numpy as np
import pytest
import thalweg
from thalweg.engine.cli import app
from thalweg.specs.errors import SpecError
from typer.testing import CliRunner

STUDY = {
    "name": "scores",
    "landscape": {
        "kind": "expression",
        "variables": {"x": []},
        "value": "x**2/2",
        "observables": {"accuracy": "1 - abs(x)", "validation": "1 - abs(x - 0.5)"},
    },
    "init": {"kind": "normal", "mean": [1.0], "std": 0.01},
    "optimizers": [
        {"kind": "sgd", "lr": [0.1, 0.3, 0.9], "momentum": 0.0},
        {"kind": "sgd", "label": "still", "lr": [0.0, 0.5, 1.0], "momentum": 0.0},
    ],
    "seeds": 8,
    "steps": 1,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.zarr"
    thalweg.run(STUDY, path)
    return path


def test_larger_is_better_by_the_name_or_as_said(store):
    made = thalweg.compare(store, value="accuracy")
    assert made.attrs["best"] == "max"
    assert made.best.values.tolist() == ["lr=1", "lr=0.9"]
    np.testing.assert_allclose(made["median"], [1.0, 0.9], atol=0.01)
    assert (made.low <= made["median"]).all()
    assert (made.q25 <= made.q75).all()
    worst = thalweg.compare(store, value="accuracy", best="min")
    np.testing.assert_allclose(worst["median"], [0.0, 0.1], atol=0.02)
    assert worst.optimizer.values.tolist() == ["still", "sgd"]


def test_chosen_on_one_and_reported_on_another(store):
    made = thalweg.compare(store, value="accuracy", by="validation")
    by = dict(zip(made.optimizer.values, made.best.values, strict=True))
    assert by == {"sgd": "lr=0.3", "still": "lr=0.5"}
    np.testing.assert_allclose(made["median"].sel(optimizer="still"), 0.5, atol=0.01)


def test_pairs_have_the_sign_of_the_values(store):
    made = thalweg.compare(store, view="pairs", value="accuracy")
    assert made["first"].values.tolist() == ["still"]
    np.testing.assert_allclose(made.difference, 0.1, atol=0.01)


def test_words(store):
    shown = CliRunner().invoke(app, ["compare", str(store), "--value", "accuracy", "--by", "validation"], env={"COLUMNS": "200"})
    assert "final accuracy; best: the highest median final validation of the even seeds, diverged runs counted as worst" in shown.output
    shown = CliRunner().invoke(app, ["compare", str(store), "--value", "accuracy"], env={"COLUMNS": "200"})
    assert "the best is at the edge of the sweep, which may be too narrow (still: lr; sgd: lr); thalweg widen STORE" in shown.output
    assert "--view pairs --value accuracy" in shown.output, "what comes next compares by the same"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value": "accurasy"}, "did you mean 'accuracy'"),
        ({"value": "params_x"}, "there is no variable"),
        ({"best": "highest"}, "best must be min or max"),
        ({"value": "accuracy", "view": "targets"}, "compared by the views final, pairs, problems, ranks"),
        ({"by": "validatoin"}, "did you mean 'validation'"),
    ],
)
def test_what_is_refused(store, options, message):
    with pytest.raises(SpecError, match=message):
        thalweg.compare(store, **options)


def test_widen_goes_on_by_the_last_ratio(store):
    shown = CliRunner().invoke(app, ["widen", str(store), "--more", "2"])
    assert shown.exit_code == 0, shown.exception
    assert "sgd.lr: the best value is at the edge; next 2.7, 8.1" in shown.output
    assert "still.lr: the best value is at the edge; next 2, 4" in shown.output
    assert "thalweg run scores.yaml --set" in shown.output
    assert "thalweg merge" in shown.output


def test_widen_says_where_nothing_is_to_do(tmp_path):
    study = {**STUDY, "optimizers": [{"kind": "sgd", "lr": [0.5, 1.0, 1.5], "momentum": 0.0}]}
    thalweg.run(study, tmp_path / "s.zarr")
    assert "no best value lies at the edge" in CliRunner().invoke(app, ["widen", str(tmp_path / "s.zarr")]).output
