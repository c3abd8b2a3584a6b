"""Texts of the package's own files with constants set."""

import ast

import pytest
from thalweg.engine.executors.cpu.specialise import specialise


def test_constants_are_set_and_imports_are_absolute():
    tree = ast.parse(specialise("lane_functions", (("PRECISION", "float32"), ("W", 8))))
    values = {
        ast.unparse(n.targets[0]): n.value.value for n in tree.body if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant)
    }
    assert (values["PRECISION"], values["W"], values["REFRESH"]) == ("float32", 8, 64)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert all(n.level == 0 for n in imports)
    assert {n.module for n in imports if "thalweg" in (n.module or "")} >= {
        "thalweg.engine.executors.cpu.elementary",
        "thalweg.engine.executors.cpu.llvm",
    }


def test_a_module_that_moved_is_imported_from_its_new_place():
    text = specialise("drive_points", (("SELDOM", False),), (("thalweg.engine.executors.cpu.lane_functions", "k_0"),))
    assert "from k_0 import" in text
    assert "SELDOM = False" in text
    assert "lane_functions import" not in text


@pytest.mark.parametrize(
    ("constants", "moved", "what"),
    [
        ((("PRECISON", "float32"),), (), "lane_functions.py assigns PRECISON 0 times"),
        ((), (("thalweg.engine.executors.lane", "k_0"),), "lane_functions.py does not import thalweg.engine.executors.lane"),
    ],
)
def test_what_is_not_there_is_an_error(constants, moved, what):
    with pytest.raises(AssertionError, match=what):
        specialise("lane_functions", constants, moved)
