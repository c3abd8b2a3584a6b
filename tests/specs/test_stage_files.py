"""Files of stages: what each stage takes over, and every wrong program in one clear line with its place, before anything runs."""

import pytest
from thalweg.engine.api import check
from thalweg.specs.errors import SpecError
from thalweg.specs.load import load, load_study
from thalweg.specs.stage_formulas import with_repetition
from thalweg.specs.stages import Stages
from thalweg.specs.sweep import Sweep

LAND = """{kind: expression, data: {builtin: blobs}, sizes: {h: 3}, variables: {W: [p, h], V: [h, classes]},
    define: {"net(x)": "tanh(x @ W) @ V"}, value: "mean(cross_entropy(net(X), y))"}"""
HEAD = f"""name: forks
stages:
- name: common
  landscape: {LAND}
  optimizers: [{{kind: sgd, lr: 0.05, momentum: 0.9}}]
  steps: 100
  seeds: 3
  record: {{every: 10, state: [0, 30]}}
"""


def stages_of(tmp_path, text, **how) -> Stages:
    (tmp_path / "s.yaml").write_text(text)
    found = load(tmp_path / "s.yaml", **how)
    assert isinstance(found, Stages)
    return found


def test_what_a_stage_does_not_say_is_as_in_the_other(tmp_path):
    found = stages_of(tmp_path, HEAD + "- {name: fork, from: common, at: [0, 30], noise_seed: [1, 2], steps: 200}\n").stages
    common, fork = (stage.study for stage in found)
    assert fork.landscape == common.landscape
    assert fork.optimizers == common.optimizers
    assert fork.seeds == 3
    assert fork.record.every == 10
    assert fork.record.state == ()
    assert fork.branch.steps == (0, 30)
    assert isinstance(fork.noise_seed, Sweep)
    assert found[1].needs == ("common",)
    assert found[1].origin == "common"


def test_what_the_file_says_counts_for_all_stages_that_are_from_none(tmp_path):
    text = HEAD.replace("name: forks", "name: forks\nprecision: float32\nroot_seed: 7") + "- {name: b, from: common, steps: 120}\n"
    found = stages_of(tmp_path, text).stages
    assert {stage.study.precision for stage in found} == {"float32"}
    assert {stage.study.root_seed for stage in found} == {7}


def test_the_state_that_a_stage_begins_with_by_default_is_stored(tmp_path):
    common, _ = stages_of(tmp_path, HEAD + "- {name: b, from: common, steps: 120}\n").stages
    assert common.study.record.state == (0, 30, 100)


def test_settings_count_for_one_stage_and_those_that_take_over_from_it_or_for_all(tmp_path):
    text = HEAD + "- {name: b, from: common, at: 30, steps: 200}\n"
    found = stages_of(tmp_path, text, settings=["common.sgd.lr=0.5", "seeds=2", "b.steps=50"]).stages
    assert [stage.study.optimizers[0].lr for stage in found] == [0.5, 0.5]
    assert [stage.study.seeds for stage in found] == [2, 2]
    assert found[1].study.steps == 50
    quick = stages_of(tmp_path, text + "quick: {common.steps: 40}\n", quick=True).stages
    assert quick[0].study.steps == 40


def test_a_setting_says_where_a_stage_leaves_the_other(tmp_path):
    text = HEAD + "- {name: b, from: common, at: 30, steps: 200}\n"
    found = stages_of(tmp_path, text, settings=["steps=8", "common.record.state=[2,4]", "b.at=[2,4]"]).stages
    assert found[0].study.record.state == (2, 4)
    assert found[1].study.branch.steps == (2, 4)
    with pytest.raises(SpecError, match=r"stages\[1\].at: common has no states of step 4"):
        stages_of(tmp_path, text, settings=["b.at=4"])
    with pytest.raises(SpecError, match=r"stages\[0\].at: belongs to `from`, which the stage does not have"):
        stages_of(tmp_path, text, settings=["common.at=4"])


def test_repetitions_begin_where_the_one_before_ended_with_formulas_of_k(tmp_path):
    text = (
        HEAD + '- {name: anneal, from: common, repeat: 3, set: {sgd.lr: "10**-k"}, steps: 20}\n- {name: last, from: anneal, steps: 200}\n'
    )
    found = {stage.name: stage for stage in stages_of(tmp_path, text).stages}
    assert [*found] == ["common", "anneal_0", "anneal_1", "anneal_2", "last"]
    studies = [found[f"anneal_{k}"].study for k in range(3)]
    assert [study.optimizers[0].lr for study in studies] == [1, 0.1, 0.01]
    assert [(study.first, study.steps) for study in studies] == [(100, 120), (120, 140), (140, 160)]
    assert found["last"].origin == "anneal_2"
    assert found["last"].study.first == 160


def test_formulas_of_k_alone_are_numbers():
    given = {"a": "10**-k", "b": "k*x", "c": ["2*k", "k"], "name": "k", "d": "exp(-k)", "e": "lock"}
    made = with_repetition(given, 2, lambda path: "here")
    assert made == {"a": 0.01, "b": "k*x", "c": [4, 2], "name": "k", "d": pytest.approx(0.1353352832366127), "e": "lock"}
    with pytest.raises(SpecError, match=r"here: a: '1/k' has no finite value for k = 0"):
        with_repetition({"a": "1/k"}, 0, lambda path: "here")


def test_forks_of_forks_keep_the_steps_as_dimensions(tmp_path):
    text = HEAD + "- {name: fork, from: common, at: [0, 30], noise_seed: [1, 2], steps: 200}\n"
    text += "- {name: more, from: fork, noise_seed: 5, steps: 250}\n"
    more = stages_of(tmp_path, text).stages[-1].study
    assert more.branch is not None
    assert {name: steps.values for name, steps in more.branch.past.items()} == {
        "fork_at": (0, 30),
        "fork_noise_seed": (1, 2),
    }


def test_up_to_a_stage_and_no_others(tmp_path):
    text = HEAD + "- {name: b, from: common, steps: 120}\n- {name: c, from: common, steps: 130}\n- {name: d, from: c, steps: 140}\n"
    found = stages_of(tmp_path, text)
    assert [stage.name for stage in found.upto("d").stages] == ["common", "c", "d"]
    with pytest.raises(SpecError, match=r"--stage e: there is no such stage"):
        found.upto("e")


def test_one_study_where_one_is_needed(tmp_path):
    (tmp_path / "s.yaml").write_text(HEAD)
    with pytest.raises(SpecError, match=r"forks: has stages \(common\); a single study is needed here"):
        load_study(tmp_path / "s.yaml")


WRONG = {
    "no stages": ("name: a\nstages: []\n", "s.yaml:2:1: stages: must be a list of at least one stage"),
    "no mapping": ("name: a\nstages: [b]\n", "s.yaml:2:10: stages[0]: must be a mapping of keys to values"),
    "no name": (HEAD.replace("- name: common", "- title: x"), "stages[0].name: a stage needs a name of letters, digits and underscores"),
    "bad name": (HEAD.replace("name: common", "name: a/b"), "s.yaml:3:3: stages[0].name: a stage needs a name of letters"),
    "a field's name": (HEAD.replace("name: common", "name: noise"), "stages[0].name: 'noise' is the name of a part of a study"),
    "one name twice": (HEAD + "- {name: Common, from: common, steps: 120}\n", "stages[1].name: two stages are called 'Common'"),
    "unknown key": (HEAD + "- {name: b, form: common}\n", "s.yaml:10:13: stages[1]: unknown key 'form'; did you mean 'from'?"),
    "unknown key of the file": (HEAD + "foo: 1\n", "s.yaml:10:1: unknown key 'foo'"),
    "unknown stage": (HEAD + "- {name: b, from: comon, steps: 120}\n", "stages[1].from: there is no stage 'comon'; did you mean 'common'?"),
    "itself": (HEAD + "- {name: b, from: b, steps: 120}\n", "stages[1].from: a stage cannot begin with itself"),
    "later": (
        HEAD + "- {name: b, from: c, steps: 120}\n- {name: c, from: common, steps: 120}\n",
        "stages[1].from: c comes later; put it before b",
    ),
    "a circle": (
        HEAD + "- {name: b, from: c, steps: 120}\n- {name: c, from: b, steps: 120}\n",
        "stages[1].from: c needs b in turn: a circle",
    ),
    "a step not stored": (
        HEAD + "- {name: b, from: common, at: [0, 31], steps: 120}\n",
        "s.yaml:10:27: stages[1].at: common has no states of step 31 (it stores those of 0, 30); give common record: {state: [0, 31]}",
    ),
    "no step": (
        HEAD + "- {name: b, from: common, at: early, steps: 120}\n",
        "stages[1].at: must be a step, or a list of steps, given 'early'",
    ),
    "no step is left": (HEAD + "- {name: b, from: common}\n", "branch.at: no step is left after step 100 of 100; give more `steps`"),
    "at without from": (
        HEAD + "- {name: b, at: 3, landscape: himmelblau, optimizers: [sgd], steps: 9}\n",
        "stages[1].at: belongs to `from`, which the stage does not have",
    ),
    "keep": (HEAD + "- {name: b, from: common, keep: all}\n", "stages[1].keep: must be state or params, given 'all'"),
    "init and a state": (
        HEAD + "- {name: b, from: common, init: normal, steps: 120}\n",
        "stages[1].init: the stage begins with the states of common; leave out `init`, or keep: params",
    ),
    "init and parameters": (
        HEAD + "- {name: b, from: common, keep: params, init: normal}\n",
        "stages[1].init: the stage begins with the parameters of common; leave out `init`, or `from`",
    ),
    "parameters not recorded": (
        HEAD + "- {name: b, from: common, keep: params, at: 7}\n",
        "stages[1].at: common has no parameters of step 7 (the nearest that are stored: 0 and 10)",
    ),
    "no parameters": (
        HEAD.replace("every: 10, state: [0, 30]", "variables: [loss]") + "- {name: b, from: common, keep: params}\n",
        "stages[1].at: common has no parameters of step 100 (record params there)",
    ),
    "statistics": (
        HEAD.replace("every: 10, state: [0, 30]", "stats: [mean]") + "- {name: b, from: common, keep: params}\n",
        "common has no parameters of step 100 (it stores only statistics; leave out `stats`)",
    ),
    "states and statistics": (
        HEAD.replace("every: 10, state: [0, 30]", "stats: [mean]") + "- {name: b, from: common, steps: 120}\n",
        "the stage common stores only statistics, and another begins with its states; leave out `stats`",
    ),
    "no such optimizer": (
        HEAD + "- {name: b, from: common.adam, steps: 120}\n",
        "stages[1].from: common has no optimizer 'adam' (it has sgd)",
    ),
    "an unknown variable": (
        HEAD + "- {name: b, from: common, keep: params, uses: {W_0: common.X}}\n",
        "s.yaml:10:48: stages[1].uses.W_0: common has no variable 'X' (it has W, V)",
    ),
    "an unknown stage's variable": (
        HEAD + "- {name: b, from: common, keep: params, uses: {W_0: comon.W}}\n",
        "stages[1].uses: there is no stage 'comon'; did you mean 'common'?",
    ),
    "uses without tensors": (
        HEAD + "- {name: b, landscape: himmelblau, optimizers: [sgd], steps: 9, uses: {W_0: common.W}}\n",
        "stages[1].uses.W_0: needs a formula over tensors",
    ),
    "a taken name": (
        HEAD + "- {name: b, from: common, keep: params, uses: {V: common.W}}\n",
        "the name 'V' is used twice, here and in `variables`",
    ),
    "shapes that differ": (
        HEAD + '- {name: b, from: common, keep: params, uses: {W_0: common.V}, set: {landscape.value: "mean((W - W_0)**2)"}}\n',
        "landscape.value:",
    ),
    "repeat": (
        HEAD + "- {name: b, from: common, repeat: 0, steps: 20}\n",
        "stages[1].repeat: must be a whole number from 1 to 200, given 0",
    ),
    "repeat at": (
        HEAD + "- {name: b, from: common, repeat: 2, at: 30, steps: 20}\n",
        "stages[1].at: each repetition begins where the one before ended; leave out `at`",
    ),
    "mixed weights": (
        HEAD + "- {name: b, from: common, steps: 120}\n"
        f"- {{name: c, landscape: {LAND}, optimizers: [sgd], steps: 3, init: {{kind: mix, of: [common, b], weights: [1]}}}}\n",
        "init: 1 weights are given for 2 starts",
    ),
    "a mix of nothing known": (
        HEAD + f"- {{name: c, landscape: {LAND}, optimizers: [sgd], steps: 3, init: {{kind: mix, of: [comon]}}}}\n",
        "stages[1].init: there is no stage 'comon'; did you mean 'common'?",
    ),
    "an unknown parameter of a weight": (
        HEAD + f'- {{name: c, landscape: {LAND}, optimizers: [sgd], steps: 3, init: {{kind: mix, of: [common], weights: ["1 - b"]}}}}\n',
        "there is no parameter 'b' (there are no `parameters`)",
    ),
    "a setting": (HEAD + "- {name: b, from: common, set: {sgd.lrr: 3}, steps: 120}\n", "lrr"),
    "a claim of no stage": (
        HEAD + "claims: [{name: a, stage: comon, measure: final(loss), less_than: 1}]\n",
        "claims[0].stage: there is no stage 'comon'; did you mean 'common'?",
    ),
    "a claim about nothing": (
        HEAD + 'claims: [{name: a, measure: "final(common.los)", less_than: 1}]\n',
        "there is nothing called 'common.los'; did you mean 'common.loss'?",
    ),
    "a probe of no stage": (HEAD + "probes: [{kind: spectrum}]\n", "probes[0]: name the `stage` whose runs it looks at (known: common)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_programs_are_told_in_one_line_with_their_place(case, tmp_path):
    text, said = WRONG[case]
    with pytest.raises(SpecError) as error:
        stages_of(tmp_path, text)
    assert said in str(error.value), str(error.value)
    assert all("s.yaml" in problem for problem in error.value.problems)


MISFITS = {
    "more seeds": ("- {name: b, from: common, steps: 120, seeds: 5}\n", "stage b: seeds: 5, and common has states of 3"),
    "another rule": (
        "- {name: b, from: common, steps: 120, optimizers: [{kind: adam, label: sgd}]}\n",
        "stage b: sgd: its states in common are those of sgd in float64",
    ),
    "no such group": ("- {name: b, from: common, steps: 120, optimizers: [adam]}\n", "stage b: common: has no group adam to branch from"),
    "another precision": (
        "- {name: b, from: common, steps: 120, precision: float32}\n",
        "stage b: sgd: its states in common are those of sgd",
    ),
    "another size": (
        "- {name: b, from: common, steps: 120, set: {landscape.sizes.h: 4}}\n",
        "stage b: sgd: a state has 56 numbers here and 42",
    ),
    "parameters of another size": (
        "- {name: b, from: common, keep: params, set: {landscape.sizes.h: 4}}\n",
        "stage b: init: common has points of 21 components; the landscape has 28",
    ),
    "parameters of more seeds": ("- {name: b, from: common, keep: params, seeds: 9}\n", "stage b: seeds: 9, and common has runs of 3"),
    "another sweep": (
        "- {name: b, from: common, steps: 120, set: {sgd.lr: [0.05, 0.1]}}\n- {name: c, from: b, steps: 130, set: {sgd.lr: 0.2}}\n",
        "stage c: lr=0.2: b has no such runs to continue; its lr is one of 0.05, 0.1",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_the_other_stage_is_told_before_anything_runs(case, tmp_path):
    text, said = MISFITS[case]
    (tmp_path / "s.yaml").write_text(HEAD + text)
    with pytest.raises(SpecError) as error:
        check(tmp_path / "s.yaml")
    assert said in str(error.value), str(error.value)


def test_the_work_of_forks_is_what_is_left_to_each(tmp_path):
    (tmp_path / "s.yaml").write_text(HEAD + "- {name: fork, from: common, at: [0, 30], noise_seed: [1, 2], steps: 200}\n")
    assert check(tmp_path / "s.yaml").work == 3 * 2 * (200 + 170)
