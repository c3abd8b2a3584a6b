"""Several landscapes in one study: what they share, what each has of its own, and every way in which such a list can be wrong."""

import jsonschema
import pytest
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load, load_study
from thalweg.specs.plain import read_yaml
from thalweg.specs.registry import LANDSCAPES
from thalweg.specs.schema import file_schema

STUDY = """\
name: zoo
title: Three landscapes
landscape:
- rosenbrock
- {kind: rastrigin, dim: 5, label: waves, noise: {kind: gaussian, scale: 0.1}, steps: 50}
- kind: ackley
  dim: 3
  init: {kind: uniform, low: -1.0, high: 1.0}
  stop: {diverge_above: 100.0}
optimizers:
- {kind: sgd, lr: [0.001, 0.01]}
- adam
seeds: 4
steps: 20
quick: {seeds: 2, waves.dim: 3, waves.steps: 5}
claims:
- {name: it ends low, landscape: waves, measure: "mean(final(adam.loss), 'seed')", less_than: 1000}
- {name: waves are higher, measure: "mean(final(waves.adam.loss) - final(ackley.adam.loss), 'seed')", greater_than: 0}
"""


def studies(text, settings=(), quick=False, tmp_path=None):
    path = tmp_path / "zoo.yaml"
    path.write_text(text, encoding="utf-8")
    return {stage.name: stage.study for stage in load(path, settings, quick).stages}


def test_each_landscape_is_a_study_of_its_own(tmp_path):
    made = studies(STUDY, tmp_path=tmp_path)
    assert list(made) == ["rosenbrock", "waves", "ackley"]
    assert [study.name for study in made.values()] == ["zoo.rosenbrock", "zoo.waves", "zoo.ackley"]
    assert [study.landscape.kind for study in made.values()] == ["rosenbrock", "rastrigin", "ackley"]
    assert [study.steps for study in made.values()] == [20, 50, 20]
    assert [study.noise.kind for study in made.values()] == ["none", "gaussian", "none"]
    assert [study.stop.diverge_above for study in made.values()] == [1e15, 1e15, 100.0]
    assert made["ackley"].init.kind == "uniform"
    assert made["waves"].init is None
    assert {len(study.optimizers) for study in made.values()} == {2}
    assert [len(study.claims) for study in made.values()] == [0, 1, 0]


def test_what_is_of_no_landscape_alone_is_across_them(tmp_path):
    (tmp_path / "zoo.yaml").write_text(STUDY)
    loaded = load(tmp_path / "zoo.yaml")
    assert (loaded.part, loaded.name, loaded.title) == ("landscape", "zoo", "Three landscapes")
    assert [claim.name for claim in loaded.claims] == ["waves are higher"]
    assert all(not stage.needs and not stage.origin for stage in loaded.stages)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("waves.dim=7", {"waves": 7, "ackley": 3}),
        ("landscape.dim=2", {"waves": 2, "ackley": 2}),
    ],
)
def test_a_setting_is_of_one_landscape_or_of_all(setting, expected, tmp_path):
    text = STUDY.replace("- rosenbrock\n", "").split("claims:")[0]
    made = studies(text, [setting], tmp_path=tmp_path)
    assert {name: study.landscape.dim for name, study in made.items()} == expected


def test_settings_of_what_all_have_and_of_what_one_has(tmp_path):
    made = studies(STUDY, ["waves.steps=30", "seeds=8", "adam.lr=0.5", "ackley.noise=student_t"], tmp_path=tmp_path)
    assert [study.steps for study in made.values()] == [20, 30, 20]
    assert {study.seeds for study in made.values()} == {8}
    assert {study.optimizers[1].lr for study in made.values()} == {0.5}
    assert [study.noise.kind for study in made.values()] == ["none", "gaussian", "student_t"]


def test_the_quick_settings_of_the_file(tmp_path):
    made = studies(STUDY, quick=True, tmp_path=tmp_path)
    assert {study.seeds for study in made.values()} == {2}
    assert (made["waves"].landscape.dim, made["waves"].steps) == (3, 5)


def test_the_landscape_as_a_whole_may_be_set_to_one_or_to_several(tmp_path):
    text = STUDY.split("quick:")[0]
    path = tmp_path / "zoo.yaml"
    path.write_text(text)
    assert load_study(path, ["landscape=himmelblau"]).landscape.kind == "himmelblau"
    one = {"name": "one", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 1}
    assert [stage.name for stage in load(one, ["landscape=[beale, ackley]"]).stages] == ["beale", "ackley"]


def test_landscapes_made_in_python_may_stand_in_the_list():
    land = LANDSCAPES.load("rastrigin")(dim=4)
    made = load({"name": "python", "landscape": ("beale", land), "optimizers": ["sgd"], "steps": 3})
    assert [stage.study.landscape.kind for stage in made.stages] == ["beale", "rastrigin"]
    assert made.stages[1].study.landscape.dim == 4


def test_probes_look_at_the_runs_of_every_landscape(tmp_path):
    text = STUDY.split("quick:")[0] + "probes: [{kind: path, at: [20]}]\n"
    made = studies(text.replace(", steps: 50", ""), tmp_path=tmp_path)
    assert [len(study.probes) for study in made.values()] == [1, 1, 1]


WRONG = {
    "landscape: []": ("zoo.yaml:2:1", "a list of 1 to 200 landscapes; this has 0"),
    "landscape: [beale, beale]": ("zoo.yaml:2:20", "two landscapes are called 'beale'; give each its own `label`"),
    "landscape: [beale, 3]": ("zoo.yaml:2:20", "must be the kind of a landscape, or a mapping with its kind, given 3"),
    "landscape: [{dim: 3}]": ("zoo.yaml:2:13", "must be the kind of a landscape, or a mapping with its kind"),
    "landscape: [{kind: beale, label: a b}]": (
        "zoo.yaml:2:13",
        "'a b' cannot be the name of a group; give it a `label` of letters, digits",
    ),
    "landscape: [{kind: beale, label: sgd}]": ("zoo.yaml:2:13", "'sgd' is also the name of an optimizer"),
    "landscape: [{kind: beale, label: noise}]": ("zoo.yaml:2:13", "'noise' is the name of a part of a study"),
    "landscape: [beale, rosenbrok]": ("zoo.yaml:2:20", "did you mean 'rosenbrock'?"),
    "landscape: [beale, {kind: ackley, dims: 3}]": ("zoo.yaml:2:35", "unknown key 'dims'"),
    "landscape: [beale, {kind: ackley, steps: 0}]": ("zoo.yaml:2:35", "steps: must be greater than or equal to 1"),
    "landscape: [beale, {kind: ackley, noise: {kind: gauss}}]": ("zoo.yaml:2:35", "there is no noise 'gauss'; did you mean 'gaussian'?"),
    "landscape: [beale]\nstages: [{name: a}]": ("zoo.yaml:2:1", "a study of stages has one landscape per stage"),
    "landscape: [beale]\nclaims: [{name: c, landscape: bale, measure: 'loss[sgd]', less_than: 1}]": (
        "zoo.yaml:3:20",
        "there is no landscape 'bale'; did you mean 'beale'? (known: beale)",
    ),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:60])
def test_a_wrong_list_is_refused_with_its_place(text):
    _, words = WRONG[text]
    source = f"name: zoo\n{text}\noptimizers: [sgd]\nsteps: 5\n"
    with pytest.raises(SpecError) as error:
        load(read_yaml(source.encode(), "zoo.yaml").data)  # plain data: no places
    assert words in str(error.value)


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:60])
def test_its_place_is_that_in_the_file(text, tmp_path):
    place, words = WRONG[text]
    path = tmp_path / "zoo.yaml"
    path.write_text(f"name: zoo\n{text}\noptimizers: [sgd]\nsteps: 5\n")
    with pytest.raises(SpecError) as error:
        load(path)
    found = [line for line in str(error.value).splitlines() if words in line]
    assert found
    assert f"{tmp_path}/{place}:" in found[0]


def test_several_problems_are_told_at_once(tmp_path):
    path = tmp_path / "zoo.yaml"
    path.write_text("name: zoo\nlandscape: [{kind: ackley, dims: 3}, {kind: beale, dim: 4}]\noptimizers: [sgd]\nsteps: 5\n")
    with pytest.raises(SpecError) as error:
        load(path)
    assert "'dims'" in str(error.value)
    assert "'dim'" in str(error.value)


def test_one_study_is_needed_where_there_are_several_landscapes():
    with pytest.raises(SpecError, match=r"zoo: has landscapes \(beale, ackley\); a single study is needed here"):
        load_study({"name": "zoo", "landscape": ["beale", "ackley"], "optimizers": ["sgd"], "steps": 5})


@pytest.mark.full
def test_the_schema_takes_it():
    validator = jsonschema.Draft202012Validator(file_schema())
    validator.validate(read_yaml(STUDY.encode(), "zoo.yaml").data)
    assert not validator.is_valid(read_yaml(STUDY.replace("landscape: waves", "landscape: 3").encode(), "zoo.yaml").data)
    assert not validator.is_valid(read_yaml(STUDY.replace("steps: 50", "steps: many").encode(), "zoo.yaml").data)
