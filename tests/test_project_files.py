"""Files that other services read: the workflow of GitHub Actions, the citation file, and that both go with pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import thalweg
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize(
    ("schema", "file"), [("vendor.github-workflows", ".github/workflows/ci.yml"), ("vendor.citation-file-format", "CITATION.cff")]
)
def test_it_fits_the_schema_of_its_service(schema, file):
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_workflow_tests_every_python_that_is_supported():
    jobs = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    classified = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if line.startswith("Programming Language :: Python :: 3.")]
    assert jobs["test"]["strategy"]["matrix"]["python"] == classified
    assert {job for name, one in jobs.items() for job in one.get("needs", [])} <= set(jobs)


def test_the_citation_has_the_version():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    assert citation["version"] == thalweg.__version__
    assert citation["license"] == PROJECT["license"]
