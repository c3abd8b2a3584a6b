"""A study of several landscapes runs into one store, which is resumed, verified, compared across its landscapes, and drawn."""

import json

import numpy as np
import pytest
import thalweg
from thalweg.engine.api import open_run, run, verify_study
from thalweg.engine.comparison import compare, save
from thalweg.engine.plot import plot
from thalweg.engine.report import report
from thalweg.engine.report.stages import staged_payload
from thalweg.specs.errors import SpecError, StoreError

STUDY = {
    "name": "zoo",
    "title": "Four landscapes",
    "landscape": [
        "himmelblau",
        {"kind": "rastrigin", "dim": 3, "label": "waves", "noise": {"kind": "gaussian", "scale": 0.1}, "steps": 30},
        "beale",
        {"kind": "styblinski_tang", "dim": 2},
    ],
    "init": {"kind": "uniform", "low": -1.0, "high": 1.0},
    "optimizers": [{"kind": "sgd", "lr": [0.0001, 0.001, 0.01]}, {"kind": "adam", "lr": [0.001, 0.1]}, {"kind": "lion", "lr": 0.01}],
    "seeds": 6,
    "steps": 40,
    "record": {"every": 10},
    "claims": [
        {"name": "it comes down", "landscape": "waves", "measure": "mean(final(lion.loss) - initial(lion.loss), 'seed')", "less_than": 0},
        {"name": "waves are lower", "measure": "mean(final(waves.lion.loss) - final(himmelblau.lion.loss), 'seed')", "less_than": 0},
    ],
}
LABELS = ["himmelblau", "waves", "beale", "styblinski_tang"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    out = tmp_path_factory.mktemp("several") / "zoo.zarr"
    run(STUDY, out)
    return out


def test_the_store_has_a_group_for_each_landscape_and_optimizer(store):
    tree = open_run(store)
    assert list(tree.children) == LABELS
    assert [tree[label]["adam"].loss.sizes["step"] for label in LABELS] == [5, 4, 5, 5]
    assert tree.attrs["part"] == "landscape"
    assert tree.attrs["complete"]


def test_each_landscape_has_the_bits_that_it_has_alone(store):
    alone = run(
        STUDY | {"landscape": {"kind": "rastrigin", "dim": 3}, "noise": {"kind": "gaussian", "scale": 0.1}, "steps": 30, "claims": []}
    )
    for group in ("sgd", "adam", "lion"):
        np.testing.assert_array_equal(open_run(store)["waves"][group].params.values, alone[group].params.values)


def test_the_optimizers_share_starts_on_each_landscape(store):
    tree = open_run(store)
    first = [tree["beale"][group].params.isel(step=0).values.reshape(-1, 6, 2)[0] for group in ("sgd", "adam", "lion")]
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(first[0], first[2])


def test_a_resumed_store_runs_what_is_left_and_refuses_another_study(tmp_path):
    out = tmp_path / "zoo.zarr"
    run(STUDY, out)
    before = (out / "waves" / "adam" / "loss").stat().st_mtime_ns
    run(STUDY, out, resume=True)
    assert (out / "waves" / "adam" / "loss").stat().st_mtime_ns == before
    with pytest.raises(StoreError, match="holds other landscapes: himmelblau, waves, beale, styblinski_tang, and not himmelblau"):
        run(STUDY | {"landscape": ["himmelblau"], "claims": []}, out, resume=True)
    with pytest.raises(StoreError, match="whose landscape himmelblau differs in: seeds"):
        run(STUDY | {"seeds": 2}, out, resume=True)


def test_claims_of_a_landscape_and_across_them(store):
    study, verdicts = verify_study(store)
    assert study.name == "zoo"
    assert [(v.name, v.verdict) for v in verdicts] == [("it comes down", "passed"), ("waves are lower", "passed")]


def test_a_problem_has_the_name_of_its_landscape(store):
    assert list(dict.fromkeys(compare(store)["problem"].values)) == LABELS


def test_the_table_of_problems_has_the_medians_and_ranks(store):
    made, final = compare(store, view="problems"), compare(store)
    assert list(made["problem"].values) == LABELS
    assert {*made["optimizer"].values} == {"sgd", "adam", "lion"}
    for problem in LABELS:
        own = {
            str(s).rpartition("/")[2]: float(m)
            for s, m, p in zip(final.optimizer.values, final["median"].values, final.problem.values, strict=True)
            if p == problem
        }
        for name, median in own.items():
            cell = made.sel(problem=problem, optimizer=name)
            assert float(cell["median"]) == median
            assert float(cell["rank"]) == 1 + sum(other < median for other in own.values()) + 0.5 * (
                sum(other == median for other in own.values()) - 1
            )
    np.testing.assert_allclose(made["average_rank"], made["rank"].mean("problem"))
    assert np.all(np.diff(made["average_rank"]) >= 0)
    text = save(made, "table")
    assert "average rank" in text
    assert "himmelblau" in text
    assert "(1)" in text


def test_ranks_are_those_of_the_table(store):
    ranks, table = compare(store, view="ranks"), compare(store, view="problems")
    assert ranks.attrs["blocks"] == "problems"
    assert ranks.attrs["count"] == 4
    np.testing.assert_allclose(ranks["rank"].values, table["average_rank"].sel(optimizer=ranks["optimizer"]).values)


def test_an_optimizer_that_did_not_run_on_a_problem_has_no_rank_there(store, tmp_path):
    other = run({**STUDY, "landscape": "ackley", "optimizers": ["sgd", "adam"], "claims": []}, tmp_path / "ackley.zarr")
    made = compare(store, other, view="problems")
    assert np.isnan(made["rank"].sel(problem="zoo", optimizer="lion"))
    assert made.attrs["ranked"] == 4
    assert made.attrs["problems"] == 5
    assert "average over the 4 of 5 with all of them" in save(made, "table")


@pytest.mark.parametrize(("kind", "theme"), [("auto", "dark"), ("ranks", "light"), ("profile", "dark")])
def test_pictures_of_all_landscapes(kind, theme, store, tmp_path):
    assert plot(store, kind, tmp_path / "picture.png", theme=theme).stat().st_size > 10_000


def test_pictures_of_several_stores(store, tmp_path):
    other = run({**STUDY, "landscape": "ackley", "optimizers": ["sgd", "adam", "adagrad"], "claims": []}, tmp_path / "ackley.zarr")
    for kind in ("auto", "profile"):
        assert plot([store, other], kind, tmp_path / f"{kind}.png", groups=["adam", "sgd"]).stat().st_size > 10_000
    with pytest.raises(SpecError, match="there is no group 'lbfgs'"):
        plot([store, other], "problems", tmp_path / "none.png", groups=["lbfgs"])
    with pytest.raises(SpecError, match="at beta1: is not swept"):
        plot([store, other], "problems", tmp_path / "none.png", at={"beta1": 0.5})
    with pytest.raises(SpecError, match="loss draws one store, and 2 are given; problems, profile, ranks draw several"):
        plot([store, other], "loss", tmp_path / "none.png")
    with pytest.raises(SpecError, match="give at least one store"):
        plot([], out=tmp_path / "none.png")


def test_a_kind_that_draws_one_landscape_names_them(store, tmp_path):
    with pytest.raises(
        SpecError, match=r"loss draws one landscape, and the store has several; name one: .*zoo.zarr/himmelblau, .* or draw all with"
    ):
        plot(store, "loss", tmp_path / "none.png")
    with pytest.raises(SpecError, match="this store has several landscapes; choose problems"):
        plot(store, "stages", tmp_path / "none.png")
    assert plot(store / "waves", "loss", tmp_path / "waves.png").exists()


def test_ranks_of_two_optimizers_are_refused(store, tmp_path):
    with pytest.raises(SpecError, match="Friedman's test needs three optimizers"):
        plot(store, "ranks", tmp_path / "none.png", groups=["sgd", "adam"])


def test_a_mapping_of_the_whole_runs_in_memory():
    tree = thalweg.run({**STUDY, "steps": 10, "claims": []}, settings=["seeds=2", "waves.steps=5"])
    assert list(tree.children) == LABELS
    assert tree["waves"]["lion"].last_step.values.tolist() == [5, 5]
    assert json.loads(tree["waves"].attrs["study"])["seeds"] == 2


def test_the_page_begins_with_the_ranks(store, tmp_path):
    data = staged_payload(open_run(store))
    assert data["part"] == "landscape"
    assert data["result"]["sentence"].startswith("Over 4 problems ")
    assert next(column["title"] for column in data["result"]["table"]) == "problem"
    assert {*data["result"]["diagram"]} == {"light", "dark"}
    assert {*data["pages"]} == {*LABELS}
    own = data["pages"]["waves"]["result"]["sentence"]
    assert "ends lowest, with a median loss of" in own
    page = report(store, tmp_path / "zoo.html").read_text(encoding="utf-8")
    assert "Over 4 problems" in page


def test_a_page_of_several_stores(store, tmp_path):
    page = report([store / "beale", store / "waves"], tmp_path / "two.html").read_text(encoding="utf-8")
    assert "Over 2 problems" in page
    with pytest.raises(SpecError, match="give at least one store"):
        report([], tmp_path / "none.html")
