"""How a study runs: planning, executors, the store, and the analysis of what came out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import check, load_study, open_run, run
    from .claims.verdict import verify
    from .comparison import compare

_PUBLIC = {"load_study": "api", "run": "api", "open_run": "api", "check": "api", "compare": "comparison", "verify": "claims.verdict"}
__all__ = ["check", "compare", "load_study", "open_run", "run", "verify"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
