"""Rules of the house that no linter knows: layering, one file a unit, every unit imports."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from helpers.import_graph import FOLDERS, ROOT, SOURCES, circles, import_graph
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS, PROBES, Registry

TESTS = Path(__file__).parent
BELOW = {"specs": ("engine", "optimizers"), "optimizers": ("engine",)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_inside_the_package_are_relative_and_point_one_way(path):
    tree = ast.parse(path.read_text())
    top = path.relative_to(ROOT).parts[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {*FOLDERS, "thalweg"}
        if isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level == 0:
                assert name.split(".")[0] not in {*FOLDERS, "thalweg"}
            else:
                assert not any(name.split(".")[0] == lower for lower in BELOW.get(top, ())), f"{path.name} imports {name}"


@pytest.mark.parametrize("registry", [LANDSCAPES, OPTIMIZERS, PROBES], ids=lambda r: r.noun)
def test_every_unit_loads_documents_itself_and_is_named_after_its_file(registry: Registry):
    assert registry.kinds()
    for kind in registry.kinds():
        unit = registry.load(kind)
        assert unit.model_fields["kind"].default == kind
        assert unit.describe()


def test_files_stay_small():
    for path in SOURCES:
        lines = len(path.read_text().splitlines())
        assert lines <= 420, f"{path.relative_to(ROOT)} has {lines} lines"


def test_no_modules_import_each_other_in_a_circle():
    """Also by imports inside functions."""
    assert circles(import_graph()) == []


ORDER = (
    "engine.commands engine.cli",
    "engine.public",
    "engine.api engine.accessor",
    "engine.plot engine.report",
    "engine.comparison",
    "engine.runner",
    "engine.probes",
    "engine.executors.choose engine.executors.memory engine.executors.layouts",
    "engine.executors.cuda",
    "engine.executors.cpu",
    "engine.executors.array",
    "engine.results",
    "engine.executors.executor engine.executors.outcome engine.executors.philox engine.executors.state",
    "engine.executors.tensors",
    "engine.claims engine.store engine.executors.codegen",
    "engine.plan engine.dims engine.progress engine.text engine.cores optimizers",
    "specs",
)
"""Folders and files, top to bottom: an import goes down this list, or stays in its line."""


def test_imports_go_down_the_list():
    def line(module: str) -> int:
        places = {name: k for k, names in enumerate(ORDER) for name in names.split()}
        return places[max((name for name in places if f"{module}.".startswith(f"{name}.")), key=len)]

    up = [f"{module} imports {target}" for module, targets in import_graph().items() for target in targets if line(target) < line(module)]
    assert up == []


def test_folders_stay_small():
    for folder in {path.parent for path in SOURCES}:
        modules = [path for path in SOURCES if path.parent == folder and path.name != "__init__.py"]
        most = {
            ROOT / "engine": 8,
            ROOT / "optimizers": 40,
            ROOT / "engine" / "plot": 40,
            ROOT / "engine" / "commands": 40,
            ROOT / "specs": 60,
            ROOT / "specs" / "landscapes": 60,
            ROOT / "specs" / "functions": 200,
        }.get(folder, 20)
        assert len(modules) <= most, f"{folder.relative_to(ROOT)} has {len(modules)} modules"


def test_no_file_imports_a_test_file():
    """What two of them use is in tests/helpers."""
    files = sorted(TESTS.rglob("*.py"))
    tests = {path.stem for path in files if path.stem.startswith("test_")}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                words = set(re.findall(r"\w+", ast.unparse(node)))
                assert not words & tests, f"{path.relative_to(TESTS)} imports {words & tests}"


def test_tests_are_filed_as_the_package_is():
    for top in FOLDERS:
        for folder in {path.parent.relative_to(TESTS) for path in (TESTS / top).rglob("test_*.py")}:
            assert (ROOT / folder).is_dir(), f"tests/{folder}, but no {folder}"


def test_test_files_have_names_of_their_own():
    """Their folders are no packages, so pytest would take two files of one name for the same module."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
