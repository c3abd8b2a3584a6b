"""thalweg verify --format and --report: what other programs read."""

import json
from xml.etree import ElementTree

import pytest
from thalweg.engine.claims.formats import FORMATS, clean
from thalweg.engine.cli import app
from typer.testing import CliRunner

STUDY = """
name: three
title: "Three claims & <their> ends"
source: derived
landscape: {kind: expression, variables: [x], value: x**2/2}
init: {kind: point, at: 1.0}
optimizers: [{kind: sgd, lr: 0.5, momentum: 0.0}]
steps: 2
claims:
  - {name: "a | b < c", measure: final(params), expected: 0.25, rtol: 1.0e-9}
  - {name: wrong, measure: final(params), expected: 1, atol: 0.1}
  - {name: never, measure: "first_time_below(loss, 0)", less_than: 1}
"""


@pytest.fixture
def verify(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three.yaml").write_text(STUDY)
    return lambda *words: CliRunner().invoke(app, ["verify", "three.yaml", *words])


def test_json(verify):
    ran = verify("--format", "json")
    assert ran.exit_code == 1
    [study] = json.loads(ran.stdout)
    assert (study["study"], study["source"]) == ("three", "derived")
    assert [claim["verdict"] for claim in study["claims"]] == ["passed", "failed", "failed"]
    assert study["claims"][0]["measured"] == 0.25
    assert study["claims"][2]["measured"] == "inf"
    assert "1 passed, 0 undecided, 2 failed" in ran.stderr


def test_junit(verify, tmp_path):
    assert verify("--report", "out.xml").exit_code == 1
    root = ElementTree.fromstring((tmp_path / "out.xml").read_text())
    [suite] = root
    assert suite.attrib["tests"] == "3"
    assert suite.attrib["failures"] == "2"
    assert [case.attrib["name"] for case in suite] == ["a | b < c", "wrong", "never"]
    assert suite[1][0].tag == "failure"
    assert "measured 0.25 = 1" in suite[1][0].attrib["message"]
    assert suite[1][0].text == "final(params)"


def test_markdown_is_the_default_of_a_report(verify, tmp_path):
    printed = verify("--format", "markdown").stdout
    verify("--report", "out.txt")
    assert (tmp_path / "out.txt").read_text() == printed
    assert "## Three claims & \\<their\\> ends" in printed or "## Three claims" in printed
    assert printed.count("| failed |") == 2


def test_an_unknown_format_is_refused(verify):
    assert "did you mean 'junit'" in str(verify("--format", "junti").exception)
    assert list(FORMATS) == ["markdown", "json", "junit"]


def test_xml_holds_no_control_characters():
    assert clean("a\x00b\x1b[31m\ttab\ud800") == "a?b?[31m\ttab?"
    ElementTree.fromstring(f"<a>{clean(chr(0xFFFE))}</a>")
