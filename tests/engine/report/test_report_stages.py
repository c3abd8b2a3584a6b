"""The page of a study of stages: the tree, the lines of all stages, claims with verdicts, and every stage's own page in it."""

import json
import re

import numpy as np
import pytest
import thalweg
from ruamel.yaml import YAML
from thalweg.engine.api import verify_study
from thalweg.engine.cli import app
from thalweg.engine.report import stages as page
from thalweg.engine.report.page_data import payload
from thalweg.engine.report.stages import staged_payload
from typer.testing import CliRunner

EVIL = "</script><b>x"
STUDY = {
    "name": "tree",
    "title": EVIL,
    "stages": [
        {
            "name": "common",
            "landscape": {"kind": "expression", "variables": ["x", "y"], "value": "(x**2 + 5*y**2)/2"},
            "init": {"kind": "point", "at": 1.0},
            "noise": {"kind": "gaussian", "scale": 0.3},
            "optimizers": [{"kind": "sgd", "lr": [0.01, 0.1]}],
            "steps": 20,
            "seeds": 4,
            "record": {"every": 2, "state": [4, 10]},
        },
        {"name": "fork", "from": "common", "at": [4, 10], "noise_seed": [1, 2], "steps": 30},
        {"name": "more", "from": "fork", "steps": 40},
    ],
    "claims": [
        {"name": "in one", "stage": "fork", "measure": "mean(final(loss), 'seed')", "less_than": 9.0},
        {"name": "across", "measure": "mean(max(final(more.loss)) - final(common.loss), 'seed')", "less_than": 9.0},
    ],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    target = tmp_path_factory.mktemp("stages") / "tree.zarr"
    thalweg.run({**STUDY, "claims": []}, target)
    return target


def written(folder):
    with (folder / "tree.yaml").open("w") as file:
        YAML(typ="safe").dump(STUDY, file)
    return folder / "tree.yaml"


def test_the_tree_says_where_stages_begin_and_how_they_ended(store):
    tree = thalweg.open_run(store)
    made = staged_payload(tree, "tree.zarr")
    assert [(row["name"], row["depth"], row["whence"], row["steps"]) for row in made["tree"]] == [
        ("common", 0, "", [0, 20]),
        ("fork", 1, "from common at 4, 10", [4, 30]),
        ("more", 2, "from fork at 30", [30, 40]),
    ]
    (fork,) = made["tree"][1]["groups"]
    assert (fork["count"], fork["runs"], fork["ended"]) == (32, "at 2 x noise_seed 2 x lr 2 x seed 4", [0, 32, 0, 0])
    common, forks = tree["common/sgd"].to_dataset(), tree["fork/sgd"].to_dataset()
    best = int(np.argmin(common.loss.isel(step=-1, seed=[0, 2]).median("seed").values))
    medians = forks.loss.isel(step=-1, lr=best, seed=[1, 3]).median("seed").values
    np.testing.assert_allclose(fork["final"], [medians.min(), medians.max()], rtol=1e-3)
    assert made["unfinished"] == ""


def test_lines_are_those_of_the_forks_from_their_steps_on(store):
    made = staged_payload(thalweg.open_run(store))
    lines = {(line["stage"], line["text"]): line for line in made["lines"]}
    assert len(lines) == 1 + 4 + 4
    trunk = lines["common", ""]
    for at in (4, 10):
        fork = lines["fork", f"at={at}, noise_seed=2"]
        assert (fork["x"][0], fork["begins"]) == (at, at)
        assert fork["y"][0] == trunk["y"][trunk["x"].index(at)]
    assert {line["colour"] for line in made["lines"]} == {0, 1, 2}
    assert lines["more", "fork_at=4, noise_seed=1"]["x"] == list(range(30, 41, 2))


def test_every_stage_has_its_own_page_and_nothing_becomes_markup(store, tmp_path):
    out = tmp_path / "x.html"
    said = CliRunner().invoke(app, ["report", str(store), "-o", str(out)])
    assert said.exit_code == 0
    text = out.read_text()
    assert EVIL not in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert [*data["pages"]] == ["common", "fork", "more"]
    own = json.loads(json.dumps(payload(thalweg.open_run(store / "fork"), "tree.zarr/fork")))
    own["provenance"] = data["pages"]["fork"]["provenance"]
    assert data["pages"]["fork"] == own


def test_claims_with_the_verdicts_that_are_kept(store, tmp_path):
    tree = thalweg.run(STUDY)
    assert [(c["stage"], c["verdict"]) for c in staged_payload(tree)["claims"]] == [
        ("fork", "not checked"),
        ("across stages", "not checked"),
    ]
    verify_study(written(tmp_path), out=tmp_path / "t.zarr")
    tree = thalweg.open_run(tmp_path / "t.zarr")
    made = staged_payload(tree)
    assert [(c["name"], c["stage"], c["verdict"]) for c in made["claims"]] == [
        ("in one", "fork", "passed"),
        ("across", "across stages", "passed"),
    ]
    assert [c["verdict"] for c in made["pages"]["fork"]["claims"]] == ["passed"]
    assert made["pages"]["fork"]["verified"]
    assert made["pages"]["common"]["claims"] == []
    del tree.attrs["claims"]
    assert [(c["stage"], c["verdict"]) for c in staged_payload(tree)["claims"]] == [
        ("fork", "not checked"),
        ("across stages", "not checked"),
    ]


def test_pages_that_would_be_too_long_and_what_is_not_finished_are_said(store, monkeypatch, tmp_path):
    tree = thalweg.open_run(store)
    monkeypatch.setattr(page, "PAGES", len(json.dumps(payload(tree["common"], ""))) + 10)
    made = staged_payload(tree)
    assert [*made["pages"]] == ["common"]
    assert made["notes"][-1].endswith("thalweg report STORE/fork writes one")
    out = tmp_path / "a.zarr"
    assert CliRunner().invoke(app, ["run", str(written(tmp_path)), "-o", str(out), "--stage", "common", "-q"]).exit_code == 0
    made = staged_payload(thalweg.open_run(out), "a.zarr")
    assert made["unfinished"].startswith("not begun: fork, more: thalweg run a.zarr --resume finishes them")
    assert made["tree"][1]["groups"] == []
