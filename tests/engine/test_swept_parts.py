"""Several schedules, kinds of noise, starts, averages, ways to clip and precisions in one study: each is a dimension, with a word for each value."""

import itertools

import numpy as np
import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.api import check, open_run, run, verify_study
from thalweg.engine.comparison import compare
from thalweg.engine.plan import plan
from thalweg.engine.report import report
from thalweg.specs.errors import SpecError, StoreError
from thalweg.specs.load import load_study, parse_study

STUDY = {
    "name": "parts",
    "landscape": "rosenbrock",
    "noise": ["none", {"kind": "gaussian", "scale": 0.1}],
    "init": [{"kind": "point", "at": [0.5, 0.5]}, {"kind": "uniform", "low": -1.0, "high": 1.0}],
    "precision": ["float32", "float64"],
    "optimizers": [
        {
            "kind": "sgd",
            "lr": [0.0001, 0.001],
            "schedule": ["constant", {"kind": "wsd", "decay": 0.2}, {"kind": "wsd", "decay": "1/steps"}],
            "clip": [None, {"kind": "norm", "at": 1.0}],
        },
        {"kind": "adam", "average": ["polyak", {"kind": "ema", "decay": 0.9}]},
    ],
    "seeds": 4,
    "steps": 20,
    "record": {"every": 10},
}


def chosen(study, unit, **at):
    """The study with one of each part, and this optimizer alone."""
    optimizer = {key: value[at[key]] if key in at else value for key, value in study["optimizers"][unit].items()}
    return {**study, **{key: study[key][k] for key, k in at.items() if key in study}, "optimizers": [optimizer]}


@pytest.mark.parametrize("executor", few(["array", "fused"], keep=["fused"]))
def test_every_combination_has_the_bits_that_it_has_alone(executor):
    tree = run(STUDY, executor=executor)
    sgd, adam = tree["sgd"].to_dataset(), tree["adam"].to_dataset()
    assert dict(sgd.loss.sizes) == {"init": 2, "noise": 2, "precision": 2, "schedule": 3, "clip": 2, "lr": 2, "seed": 4, "step": 3}
    assert dict(adam.average_loss.sizes) == {"init": 2, "noise": 2, "precision": 2, "average": 2, "seed": 4, "step": 3}
    assert sgd.schedule.values.tolist() == ["constant", "wsd(decay=0.2)", "wsd(decay=1/steps)"]
    assert sgd["clip"].values.tolist() == ["none", "norm"]
    assert sgd.noise.values.tolist() == ["none", "gaussian"]
    names = ("init", "noise", "precision", "schedule", "clip")
    for k, where in enumerate(itertools.product(range(2), range(2), range(2), range(3), range(2))):
        if k % 7 in (0, 3):  # some of all
            at = dict(zip(names, where, strict=True))
            alone = run(chosen(STUDY, 0, **at), executor=executor)["sgd"]
            np.testing.assert_array_equal(sgd.params.isel(at).values, alone.params.values.astype(np.float64))
    for where in itertools.product(range(2), range(2)):
        at = {"precision": 1, "init": 1, "noise": where[0], "average": where[1]}
        alone = run(chosen(STUDY, 1, **at), executor=executor)["adam"]
        np.testing.assert_array_equal(adam.average_params.isel(at).values, alone.average_params.values)


def test_a_store_holds_them_and_is_resumed(tmp_path):
    out = tmp_path / "parts.zarr"
    run(STUDY, out)
    held = open_run(out)
    np.testing.assert_array_equal(held["sgd"].loss.values, run(STUDY)["sgd"].loss.values)
    run(STUDY, out, resume=True)
    assert load_study(thalweg.engine.store.open.stored_study(out)) == load_study(STUDY)


def test_formulas_over_tensors_too():
    study = {
        "name": "tensors",
        "landscape": {
            "kind": "expression",
            "sizes": {"n": 8, "p": 3},
            "draws": {"X": "normal(n, p)"},
            "variables": {"w": ["p"]},
            "value": "sum((X @ w - 1)**2)/n",
        },
        "noise": [{"kind": "gaussian", "scale": 0.01}, {"kind": "student_t", "scale": 0.01}],
        "optimizers": [{"kind": "sgd", "lr": 0.1, "schedule": ["constant", "cosine"]}],
        "seeds": 3,
        "steps": 12,
    }
    tree = run(study, executor="fused")
    for noise, schedule in itertools.product(range(2), range(2)):
        alone = run(chosen(study, 0, noise=noise, schedule=schedule), executor="fused")
        np.testing.assert_array_equal(tree["sgd"].loss.isel(noise=noise, schedule=schedule).values, alone["sgd"].loss.values)


def test_kinds_of_noise_are_problems_and_schedules_are_hyperparameters():
    made = compare(run(STUDY | {"precision": "float64", "init": "normal"}))
    assert [*dict.fromkeys(made.problem.values)] == ["parts, noise=none", "parts, noise=gaussian"]
    best = [str(b) for b, name in zip(made.best.values, made.optimizer.values, strict=True) if "sgd" in str(name)]
    assert all("schedule=" in text and "clip=" in text and "noise" not in text for text in best)


def test_they_may_be_zipped():
    study = {**STUDY, "init": "normal", "zip": [["noise", "precision"], ["sgd.schedule", "sgd.lr"]]}
    study["optimizers"] = [{"kind": "sgd", "lr": [0.1, 0.2], "schedule": ["constant", "cosine"]}]
    sgd = run({**study, "landscape": "himmelblau", "steps": 5})["sgd"]
    assert sgd.loss.dims == ("noise", "schedule", "seed", "step")
    assert (sgd.precision.dims, sgd.lr.dims) == (("noise",), ("schedule",))
    assert sgd.precision.values.tolist() == ["float32", "float64"]


def test_claims_can_choose_by_the_word(tmp_path):
    claims = [
        {"name": "noise moves it", "measure": "std(select(final(sgd.loss), noise='gaussian'), 'seed')", "greater_than": 0},
        {"name": "no noise does not", "measure": "std(select(final(sgd.loss), noise='none'), 'seed')", "expected": 0, "atol": 1e-12},
    ]
    study = {**STUDY, "init": {"kind": "point", "at": [0.5, 0.5]}, "precision": "float64", "seeds": 64, "claims": claims}
    _, verdicts = verify_study(study)
    assert [v.verdict for v in verdicts] == ["passed", "passed"]


def test_the_study_prints_as_yaml_that_reads_back():
    study = load_study(STUDY)
    text = study.to_yaml()
    assert "noise:\n- {kind: none}\n- {kind: gaussian, scale: 0.1}" in text
    assert parse_study(text) == study


def test_the_command_line_checks_draws_and_reports_them(tmp_path):
    out = tmp_path / "parts.zarr"
    small = STUDY | {"precision": "float64"}
    run(small, out)
    assert thalweg.plot(out, "loss", tmp_path / "loss.png").exists()
    assert thalweg.plot(out, "sweep", tmp_path / "sweep.png", x="lr", groups=["sgd"]).exists()
    assert "wsd(decay=0.2)" in report(out, tmp_path / "page.html").read_text(encoding="utf-8")
    assert check(small).runs == plan(load_study(small)).runs


def test_merged_stores_have_the_parts_of_both(tmp_path):
    first = STUDY | {"precision": "float64", "optimizers": [{"kind": "sgd", "lr": 0.001, "schedule": ["constant", "cosine"]}]}
    second = first | {"noise": ["none", {"kind": "student_t", "scale": 0.1}]}
    run(first, tmp_path / "a.zarr")
    run(second, tmp_path / "b.zarr")
    tree = thalweg.merge([tmp_path / "a.zarr", tmp_path / "b.zarr"], tmp_path / "both.zarr")
    sgd = tree["sgd"]
    assert sgd.noise.values.tolist() == ["none", "gaussian", "student_t"]
    np.testing.assert_array_equal(
        sgd.loss.sel(noise="student_t").values, open_run(tmp_path / "b.zarr")["sgd"].loss.sel(noise="student_t").values
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": []}, "an empty sweep"),
        ({"noise": ["none", "none"]}, "lists one value twice"),
        ({"noise": ["none", "gausian"]}, "did you mean 'gaussian'"),
        ({"noise": ["none", {"kind": "gaussian", "scale": [1, 2]}]}, "a sweep inside a sweep"),
        ({"noise": [["none"]]}, "a sweep inside a sweep"),
        ({"noise": ["none", "minibatch"]}, "minibatch needs a landscape made of data"),
        ({"init": [{"kind": "point", "at": [1.0, 2.0, 3.0]}, "normal"]}, "init.at: 3 components given, the landscape rosenbrock has 2"),
        ({"precision": ["float32", "float16"]}, "must be one of float32 or float64"),
        ({"optimizers": [{"kind": "sgd", "average": [None, "ema"]}]}, "null cannot be one of several averages"),
        ({"optimizers": [{"kind": "sgd", "schedule": ["constant", None]}]}, "must be a mapping with a `kind`"),
        ({"optimizers": [{"kind": "sgd", "schedule": ["constant", {"kind": "wsd", "decay": "lr*2"}]}]}, "decay"),
        ({"zip": [["noise", "sgd.lr"]], "noise": ["none", "gaussian", "student_t"]}, "sweeps of different lengths"),
    ],
)
def test_wrong_lists_are_refused(change, words):
    with pytest.raises(SpecError, match=words) as error:
        load_study({**STUDY, **change})
    assert len(str(error.value)) < 2000


def test_a_branch_goes_on_from_the_run_with_its_part(tmp_path):
    first = {
        **STUDY,
        "precision": "float64",
        "optimizers": [{"kind": "adam", "schedule": ["constant", "cosine"]}],
        "record": {"every": 10, "state": [10]},
    }
    run(first, tmp_path / "first.zarr")
    whole = open_run(tmp_path / "first.zarr")["adam"]
    branch = {"store": str(tmp_path / "first.zarr"), "at": 10}
    same = run({**first, "record": {"every": 10}, "branch": branch})["adam"]
    np.testing.assert_array_equal(same.loss.sel(step=20).values, whole.loss.sel(step=20).values)
    one = run(
        {
            **first,
            "record": {"every": 10},
            "branch": branch,
            "noise": STUDY["noise"][1],
            "optimizers": [{"kind": "adam", "schedule": "cosine"}],
        }
    )["adam"]
    np.testing.assert_array_equal(one.loss.sel(step=20).values, whole.loss.sel(step=20, noise="gaussian", schedule="cosine").values)


FILES = """\
name: files
landscape: himmelblau
init: {init}
optimizers: [sgd]
steps: 3
"""


@pytest.mark.parametrize("form", ["[normal, {kind: file, path: PLACE}]", "{values: [normal, {kind: file, path: PLACE}]}"])
def test_files_among_several_starts_lie_in_the_study_s_folder(form, tmp_path):
    (tmp_path / "own").mkdir()
    np.save(tmp_path / "secret.npy", np.ones(2))
    path = tmp_path / "own" / "files.yaml"
    path.write_text(FILES.format(init=form.replace("PLACE", "../secret.npy")))
    with pytest.raises(SpecError, match=r"secret.npy lies outside the study's folder"):
        load_study(path)
    assert run(load_study(path, outside=True))["sgd"].params.sel(init="file").isel(step=0).values.tolist() == [[1.0, 1.0]]


def test_each_file_of_several_starts_is_read_from_the_folder_and_watched(tmp_path):
    for name, value in (("a", 1.0), ("b", 2.0)):
        np.save(tmp_path / f"{name}.npy", np.full(2, value))
    path = tmp_path / "files.yaml"
    path.write_text(FILES.format(init="[{kind: file, path: a.npy}, {kind: file, path: b.npy}]"))
    tree = run(path, tmp_path / "out.zarr")
    assert tree["sgd"].init.values.tolist() == ["file(path=a.npy)", "file(path=b.npy)"]
    assert tree["sgd"].params.isel(step=0, dim=0, seed=0).values.tolist() == [1.0, 2.0]
    np.save(tmp_path / "a.npy", np.zeros(2))
    with pytest.raises(StoreError, match=r"the content of init\[0\], init\[1\] has changed"):
        run(path, tmp_path / "out.zarr", resume=True)
