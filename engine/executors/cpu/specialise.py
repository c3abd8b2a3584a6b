"""A file of this package as a module of its own, with some of its constants set: how one text serves every precision and lane width."""

import ast
import functools
from pathlib import Path

from ....specs.syntax import syntax_tree


@functools.cache
def specialise(name: str, constants: tuple[tuple[str, str | int | bool], ...] = (), moved: tuple[tuple[str, str], ...] = ()) -> str:
    """The text of engine/executors/NAME.py as a module that stands outside the package.

    Parameters
    ----------
    name: the file, without its ending.
    constants: (name, value) pairs. Each name must be assigned exactly once, alone, at the top level of the file.
    moved: (module, new module) pairs: an import from this module of the package becomes one from the new module. Each must occur.

    Returns
    -------
    Python source without comments, whose relative imports are absolute.

    Raises
    ------
    AssertionError if the file does not assign a constant exactly once, or does not import a module that has moved.
    """
    tree = syntax_tree(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    for constant, value in constants:
        found = [n for n in tree.body if isinstance(n, ast.Assign) and [ast.unparse(t) for t in n.targets] == [constant]]
        assert len(found) == 1, f"{name}.py assigns {constant} {len(found)} times"
        found[0].value = ast.Constant(value)
    places = dict(moved)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = (__package__ or "").split(".")
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            node.module, node.level = places.pop(base, base), 0
    assert not places, f"{name}.py does not import {', '.join(places)}"
    return ast.unparse(tree) + "\n"
