"""thalweg show and --version."""

import pytest
import thalweg
from helpers.repetitions import few
from thalweg.engine.claims.functions import CALLS, FUNCTIONS
from thalweg.engine.cli import app
from thalweg.engine.commands.show import known, names, registries
from thalweg.engine.text.fields import Describer
from thalweg.specs.claim import FUNCTIONS as KNOWN
from typer.testing import CliRunner


def shown(*words):
    ran = CliRunner().invoke(app, ["show", *words], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, (words, ran.exception)
    return ran.output


@pytest.mark.parametrize("first", few(range(4), keep=[0]))
def test_every_name_can_be_shown(first):
    for name in [*names()][first::4]:
        assert name in shown(name)


def test_what_is_shown():
    adam = shown("adam")
    for part in ("optimizer", "m^ / (sqrt(v^) + eps)", "arXiv:1412.6980", "beta1", "0.999", "kind: adam", "used in:", "adam.py"):
        assert part in adam
    assert "optimizers:" in adam
    assert "log_softmax(" not in shown("softmax").split("example, from")[1]
    assert "fit(y, x, dim" in shown("fit")


def test_pictures_and_views_are_shown_with_their_command():
    surface = shown("surface")
    assert "kind of picture" in surface
    assert "thalweg plot STORE surface [--seeds ...] [--group ...]" in surface
    assert ".png, .svg, .pdf, .gif, .mp4" in surface
    assert "thalweg compare STORE --view final" in shown("final")


def test_a_name_of_several_things_shows_all_of_them():
    assert "function of formulas" in shown("sqrt")
    assert "function of claims" in shown("sqrt")


def test_claim_functions_are_all_described():
    assert set(CALLS) == set(FUNCTIONS) == set(KNOWN)
    assert all(text.startswith(f"{name}(") for name, text in CALLS.items())


def test_fields_of_every_unit_have_a_meaning():
    for registry in registries().values():
        for kind in registry.kinds():
            for field in Describer().fields(registry.load(kind)):
                assert field.meaning, f"{kind}.{field.name}"
                assert field.kind


def test_what_is_refused():
    assert "did you mean 'adam'" in str(CliRunner().invoke(app, ["show", "adm"]).exception)


def test_completion():
    assert "river_valley" in known("river_v")


@pytest.mark.parametrize("word", ["--version"])
def test_version(word):
    assert CliRunner().invoke(app, [word]).output == f"thalweg {thalweg.__version__}\n"
