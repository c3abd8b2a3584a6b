"""thalweg.verify, branch, merge and differ in Python, and what notebooks show of plans and verdicts."""

from html.parser import HTMLParser

import numpy as np
import pytest
import thalweg
from thalweg.engine.public import Verdicts

STUDY = {
    "name": "slide",
    "title": "<b>Sliding</b> & stopping",
    "landscape": {"kind": "expression", "variables": {"x": []}, "value": "x**2/2"},
    "init": {"kind": "point", "at": 1.0},
    "optimizers": [{"kind": "sgd", "lr": [0.1, 0.5], "momentum": 0.0}, {"kind": "sgd", "label": "heavy", "lr": 0.1, "momentum": 0.5}],
    "seeds": 2,
    "steps": 4,
    "record": {"every": 1, "state": [2]},
    "claims": [
        {"name": "(1 - lr)^t < 1", "measure": "max(final(params), 'seed')", "expected": "(1 - lr)**steps", "rtol": 1e-9},
        {"name": "wrong", "measure": "max(final(params), 'seed')", "less_than": 0},
    ],
}


class Balanced(HTMLParser):
    """Notes the tags that are open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_verify_gives_verdicts_that_print_as_a_table():
    found = thalweg.verify(STUDY)
    assert isinstance(found, Verdicts)
    assert not found.passed
    assert [one.verdict for one in found] == ["passed", "failed"]
    lines = repr(found).splitlines()
    assert lines[0].split() == ["verdict", "claim", "measured", "expected"]
    assert lines[2].startswith("failed   wrong")
    html = found._repr_html_()
    made = Balanced(html)
    assert made.open == []
    assert made.seen.count("tr") == 3
    assert "b" not in made.seen, "a title is text"
    assert "&lt;b&gt;Sliding" in html


def test_verify_reads_a_store_and_keeps_one(tmp_path):
    fine = {**STUDY, "claims": STUDY["claims"][:1]}
    assert thalweg.verify(fine, out=tmp_path / "s.zarr").passed
    assert thalweg.verify(tmp_path / "s.zarr").passed
    assert thalweg.verify("deep_collapse", ["seeds=2", "steps=4", "record.every=4"]).study.seeds == 2
    with pytest.raises(thalweg.SpecError, match="there are no claims"):
        thalweg.verify({key: value for key, value in STUDY.items() if key != "claims"})


def test_branch_goes_on_from_a_state(tmp_path):
    thalweg.run(STUDY, tmp_path / "s.zarr")
    further = thalweg.branch(tmp_path / "s.zarr", 2, ["sgd.weight_decay=0.5", "steps=3"])
    np.testing.assert_allclose(further["sgd"].params.sel(step=3).values.ravel()[0], 0.81 * 0.85)


def test_merge_and_differ(tmp_path):
    thalweg.run(STUDY, tmp_path / "a.zarr")
    other = {**STUDY, "optimizers": [{**STUDY["optimizers"][0], "lr": [0.2]}, STUDY["optimizers"][1]]}
    thalweg.run(other, tmp_path / "b.zarr")
    both = thalweg.merge([tmp_path / "a.zarr", tmp_path / "b.zarr"], tmp_path / "c.zarr")
    assert both["sgd"].lr.values.tolist() == [0.1, 0.2, 0.5]
    pair = {**STUDY, "optimizers": [{"kind": "sgd", "lr": 0.1, "momentum": 0.0}, STUDY["optimizers"][1]], "claims": []}
    thalweg.run(pair, tmp_path / "d.zarr")
    found = thalweg.differ(tmp_path / "d.zarr", "sgd", "heavy")
    assert int(found.step.sel(variable="loss")) == 2, "momentum starts with the gradient"
    with pytest.raises(thalweg.SpecError):
        thalweg.differ(tmp_path / "d.zarr", "sgd", "heavyy")


def test_a_plan_is_a_table_in_notebooks():
    html = thalweg.check(STUDY)._repr_html_()
    made = Balanced(html)
    assert made.open == []
    assert made.seen.count("tr") == 3
    assert "lr 2 x seed 2" in html
    assert "&lt;b&gt;Sliding" in html
