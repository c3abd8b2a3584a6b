"""Whatever a study file holds, reading it gives a Study or a SpecError: no crash, no hang, nothing executed, no file outside its folder."""

import contextlib
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thalweg.engine import check
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


@pytest.mark.parametrize("text", ["[" * 50_000, "{a: " * 50_000, "\n".join("  " * k + "a:" for k in range(500)), "- " * 5_000])
def test_deep_nesting_is_refused_at_once(text):
    began = time.process_time()
    with pytest.raises(SpecError, match=r"s:\d+:\d+: nested too deeply"):
        parse_study(f"a: {text}" if text[0] in "[{" else text, "s")
    assert time.process_time() - began < 3


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


@pytest.mark.parametrize(
    "data",
    [
        {"file": "../../secret.csv"},
        {"file": "secret.csv", "root": "."},
        {"file": "secret.csv", "root": "../.."},
        {"file": "../secret.csv", "root": "x"},
    ],
)
@pytest.mark.parametrize("quick", [False, True])
def test_relative_paths_start_at_the_study_s_folder_wherever_it_is_read_from(tmp_path, monkeypatch, data, quick):
    """The study is named by a relative path, and what is checked is what would be read; also in what `quick` changes."""
    (tmp_path / "secret.csv").write_text("a,y\n1,0\n2,1\n3,0\n")
    (tmp_path / "u" / "v").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    land = {"kind": "logistic_regression", "data": {**data, "y": "y"}}
    study = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5}
    study |= {"quick": {"landscape": land}} if quick else {"landscape": land}
    path = Path("u/v/s.yaml")
    path.write_text(json.dumps(study))
    with pytest.raises(SpecError, match=r"lies outside|there is no such file .*u/v/"):
        load_study(path, quick=quick)


def test_a_file_of_starts_is_bounded_and_a_damaged_one_is_one_line(tmp_path, monkeypatch):
    study = {"name": "s", "landscape": "himmelblau", "init": {"kind": "file", "path": "x.npz"}, "optimizers": ["sgd"], "steps": 5}
    (tmp_path / "s.yaml").write_text(json.dumps(study))
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((1, 2)))
    assert check(load_study(tmp_path / "s.yaml"))
    monkeypatch.setattr("thalweg.engine.executors.array.start_file.MAX_BYTES", 100)
    with pytest.raises(SpecError, match="holds 144 bytes; at most 100"):
        check(load_study(tmp_path / "s.yaml"))
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(SpecError, match=r"cannot read .*x\.npz"):
        check(load_study(tmp_path / "s.yaml"))
