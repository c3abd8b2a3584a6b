"""thalweg: simulate optimizers on landscapes, thousands to millions of runs in parallel, from YAML studies.

The public API is loaded on first use, so ``import thalweg`` is cheap:

>>> import thalweg
>>> thalweg.__version__.count(".")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

_PUBLIC = {
    "Study": "thalweg.specs.study",
    "SpecError": "thalweg.specs.errors",
    "load_study": "thalweg.engine.api",
    "run": "thalweg.engine.api",
    "open_run": "thalweg.engine.api",
    "check": "thalweg.engine.api",
    "verify": "thalweg.engine.public",
    "branch": "thalweg.engine.public",
    "merge": "thalweg.engine.public",
    "differ": "thalweg.engine.public",
    "optimizer": "thalweg.specs.session",
    "landscape": "thalweg.specs.session",
    "compare": "thalweg.engine.comparison",
    "plot": "thalweg.engine.plot",
    "report": "thalweg.engine.report",
}
__all__ = [*_PUBLIC, "__version__"]

if TYPE_CHECKING:
    from .engine.api import check, load_study, open_run, run
    from .engine.comparison import compare
    from .engine.plot import plot
    from .engine.public import branch, differ, merge, verify
    from .engine.report import report
    from .specs.errors import SpecError
    from .specs.session import landscape, optimizer
    from .specs.study import Study


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'thalweg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
