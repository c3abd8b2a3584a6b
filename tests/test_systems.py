"""The gallery's systems: folders of studies, the pages about them, `thalweg verify SYSTEM` and `thalweg list studies --paper`."""

import importlib.util
from pathlib import Path

import pytest
from thalweg.engine.cli import app
from thalweg.engine.commands._options import studies_and_systems
from thalweg.engine.commands.verify import members
from thalweg.specs.load import GALLERY, gallery, systems
from typer.testing import CliRunner

DOCS = Path(__file__).resolve().parent.parent / "docs"
WITHOUT_PAGE = {"examples", "least_squares"}
"""Folders of studies that show the language and follow no paper of their own."""


def pages():
    spec = importlib.util.spec_from_file_location("fill", DOCS / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_are_unique():
    files = [path.stem for path in GALLERY.rglob("*.yaml")]
    assert sorted(files) == [*gallery()]
    assert not set(gallery()) & set(systems())
    assert "all" not in {*gallery(), *systems()}


@pytest.mark.parametrize("name", [name for name in systems() if name not in WITHOUT_PAGE])
def test_every_system_has_a_page_with_a_picture_and_its_claims(name):
    text = (DOCS / "systems" / f"{name}.md").read_text(encoding="utf-8")
    assert f"]({name}.png)" in text
    assert (DOCS / "systems" / f"{name}.png").exists()
    assert "<!-- claims -->" in text
    assert "arxiv.org/abs/" in text


def test_pages_are_filled_from_what_was_measured():
    for path, text in pages().fill().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/fill.py"


def test_verify_takes_systems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert members(["neural_collapse", "deep_collapse"]) == systems()["neural_collapse"]
    assert members(["all"]) == [*gallery()]
    assert members(["no_such"]) == ["no_such"]
    Path("langevin").mkdir()
    assert members(["langevin"]) == ["langevin"], "what lies here goes before a system"
    assert {"all", "averaged_sgd"} <= set(studies_and_systems("a"))


def test_studies_of_a_paper():
    shown = CliRunner().invoke(app, ["list", "studies", "--paper", "arXiv:2301.00437"])
    assert shown.exit_code == 0
    assert "deep_collapse" in shown.output
    assert "river" not in shown.output
    assert "no bundled study" in str(CliRunner().invoke(app, ["list", "studies", "--paper", "9999.9"]).exception)
    assert "only studies belong to papers" in str(CliRunner().invoke(app, ["list", "probes", "--paper", "2301.00437"]).exception)


def test_a_system_may_have_a_study_without_claims(monkeypatch):
    """Unless it is named itself, it is no error."""
    from thalweg.engine import api
    from thalweg.specs.load import load_study

    monkeypatch.setattr(api, "verify_study", lambda spec, *_, **__: (load_study(spec), []))
    assert CliRunner().invoke(app, ["verify", "examples"]).exit_code == 0
    assert "nothing to verify" in str(CliRunner().invoke(app, ["verify", "digits_softmax"]).exception)
