"""Which module of the package imports which, read from their source: at the top and inside functions, but not under TYPE_CHECKING."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("engine", "specs", "optimizers")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    """`engine/store.py` -> `engine.store`; a package is called by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, late imports among them. A package's `__init__` is left out: it only passes on
    names."""
    paths = {name_of(path): path for path in SOURCES}
    packages = {name for name, path in paths.items() if path.name == "__init__.py"}
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        if name not in packages:
            graph[name] = {target for target in _imported(name, path, set(paths)) if target not in packages | {name}}
    return graph


def _imported(name: str, path: Path, modules: set[str]) -> Iterator[str]:
    for node in _runtime_nodes(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.level == 0:
            continue
        base = ".".join([*name.split(".")[: -node.level], *((node.module or "").split(".") if node.module else [])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in modules else base


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _runtime_nodes(child)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The sets of modules that reach each other, more than one in each, sorted."""
    names = sorted(graph)
    edges = np.array([[target in graph[name] for target in names] for name in names])
    count, label = connected_components(edges, connection="strong")
    groups = ([name for name, own in zip(names, label, strict=True) if own == k] for k in range(count))
    return sorted(group for group in groups if len(group) > 1)
