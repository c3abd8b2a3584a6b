"""thalweg cite: BibTeX that a parser reads, with authors and years where sources name them."""

import re

import pytest
from thalweg.engine.cli import app
from thalweg.engine.commands.cite import references
from thalweg.specs.load import gallery
from typer.testing import CliRunner


def entries(text):
    """Key -> fields of BibTeX, by a reader that knows balanced braces alone."""
    made = {}
    for kind, key, body in re.findall(r"@(\w+)\{([^,]+),\n(.*?)\n\}", text, re.DOTALL):
        fields = re.findall(r"^  (\w+) = \{(.*)\},$", body, re.MULTILINE)
        assert len(fields) == len(body.splitlines()), body
        assert all(value.count("{") == value.count("}") for _, value in fields)
        made[key] = {"kind": kind, **dict(fields)}
    return made


@pytest.mark.parametrize("name", ["lr_transfer_edge", "unlearning_by_matching", "muon_presets", "river_valley", "cbo_variants"])
def test_bundled_studies(name):
    ran = CliRunner().invoke(app, ["cite", name])
    assert ran.exit_code == 0, ran.exception
    found = entries(ran.output)
    assert found["thalweg"]["kind"] == "software"
    assert len(found) == ran.output.count("@") > 1


def test_authors_and_notes():
    found = entries(CliRunner().invoke(app, ["cite", "lr_transfer_edge"]).output)
    assert found["2402_17457"]["author"] == "Noci and others"
    assert found["2402_17457"]["year"] == "2024"
    assert found["2003_02218"]["author"] == "Lewkowycz and others"
    assert found["2402_17457"]["note"] == "used here: study"
    found = entries(CliRunner().invoke(app, ["cite", "unlearning_by_matching"]).output)
    assert found["2410_23232"]["author"].startswith("Georgiev and Rinberg and Park")


@pytest.mark.full
def test_every_source_of_the_gallery_is_read():
    for name in gallery():
        assert CliRunner().invoke(app, ["cite", name]).exit_code == 0, name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Kingma & Ba 2015, arXiv:1412.6980", [("1412.6980", "Kingma and Ba", "2015")]),
        ("Polyak 1964, doi:10.1016/0041-5553(64)90137-5.", [("10.1016/0041-5553(64)90137-5", "Polyak", "1964")]),
        ("after arXiv:2601.21750", [("2601.21750", None, None)]),
        ("Source: https://kellerjordan.github.io/posts/muon/.", [("https://kellerjordan.github.io/posts/muon/", None, None)]),
        ("nothing", []),
    ],
)
def test_references(text, wanted):
    assert [(one["id"], one.get("author"), one.get("year")) for one in references(text)] == wanted
