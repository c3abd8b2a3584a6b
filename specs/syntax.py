"""Python's syntax trees, one thread at a time.

CPython up to 3.12.2 counts how deep it is in a tree in one place for all threads, and raises a SystemError where two of them make trees at once
(https://github.com/python/cpython/issues/106905).
"""

import ast
import threading
from typing import Any

_lock = threading.Lock()


def syntax_tree(text: str, mode: str = "exec") -> Any:
    """`ast.parse`: the tree of a module, or with mode "eval" of an expression. Raises SyntaxError, ValueError, MemoryError, RecursionError."""
    with _lock:
        return ast.parse(text, mode=mode)


def compiled(tree: ast.AST, name: str, mode: str) -> Any:
    """`compile` of a tree."""
    with _lock:
        return compile(tree, name, mode)  # type: ignore[call-overload]
