"""Whatever a study file holds, reading it gives a Study or a SpecError: no crash, no hang, nothing executed, no file outside its folder."""

import contextlib
import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thalweg.engine.cli import app
from thalweg.specs.errors import SpecError
from thalweg.specs.expression import Formula, parse
from thalweg.specs.load import gallery, load_study, parse_study
from typer.testing import CliRunner

TEXTS = [path.read_text() for path in gallery().values()]
WORDS = [
    "sin",
    "exp",
    "sum",
    "x[i]",
    "x",
    "y",
    "**",
    "/",
    "(",
    ")",
    "1e308",
    "-",
    "+",
    ",",
    "0",
    "__import__",
    "lambda",
    "'",
    "[",
    "]",
    ":=",
    "if",
]
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def read(text):
    """True if it is a study, False if it is refused."""
    began = time.perf_counter()
    try:
        parse_study(text)
        return True
    except SpecError:
        return False
    finally:
        assert time.perf_counter() - began < 20


@SLOW
@given(st.text(max_size=300))
def test_any_text(text):
    assert not read(text)


@SLOW
@given(st.sampled_from(TEXTS), st.integers(0, 4000), st.integers(0, 40), st.text(max_size=20))
def test_a_study_with_a_hole_or_a_patch(text, at, length, patch):
    read(text[: at % len(text)] + patch + text[at % len(text) + length :])


def test_escaped_surrogate_pairs_are_one_character():
    study = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5, "title": "\U0001f600"}
    assert parse_study(json.dumps(study)).title == "\U0001f600"
    with pytest.raises(SpecError, match="half a surrogate pair"):
        parse_study(json.dumps({**study, "title": "\ud83d"}))
    with pytest.raises(SpecError, match="not UTF-8 text"):
        parse_study("name: \ud83d")


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["sgd", "uniform", "kind"]))
TREES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)))
KEYS = st.sampled_from(
    ["landscape", "init", "noise", "optimizers", "seeds", "steps", "record", "stop", "claims", "zip", "quick", "precision"]
)


@SLOW
@given(KEYS, TREES)
def test_a_part_replaced_by_anything(key, tree):
    study = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5, key: tree}
    read(json.dumps(study))


@SLOW
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join))
def test_any_formula(text):
    with contextlib.suppress(SpecError, ValueError):
        parse(Formula(text, ("x", "y")))


def test_files_outside_the_study_s_folder_are_not_read_unless_allowed(tmp_path):
    (tmp_path / "secret.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / "s.yaml"
    for file in ("../secret.csv", str(tmp_path / "secret.csv")):
        land = {"kind": "logistic_regression", "data": {"file": file, "y": "y"}}
        path.write_text(json.dumps({"name": "s", "landscape": land, "optimizers": ["sgd"], "steps": 5}))
        with pytest.raises(SpecError, match=r"s\.yaml.*lies outside the study's folder"):
            load_study(path)
        assert load_study(path, outside=True).landscape.dataset.x.shape == (3, 1)
        assert CliRunner().invoke(app, ["check", str(path)]).exit_code != 0
        assert CliRunner().invoke(app, ["check", str(path), "--allow-outside"]).exit_code == 0
    link = tmp_path / "studies" / "linked.csv"
    link.symlink_to(tmp_path / "secret.csv")
    path.write_text(path.read_text().replace(str(tmp_path / "secret.csv"), "linked.csv"))
    with pytest.raises(SpecError, match="lies outside"):
        load_study(path)
    path.write_text(
        json.dumps(
            {"name": "s", "landscape": "himmelblau", "init": {"kind": "file", "path": "../x.npy"}, "optimizers": ["sgd"], "steps": 5}
        )
    )
    with pytest.raises(SpecError, match="lies outside"):
        load_study(path)
