"""The command line, one command a file: NAME.py holds a function NAME, which typer makes a command of.

The folder is the registry; a file that begins with _ is no command. Other packages plug in through entry points in the group
`thalweg.commands`: [project.entry-points."thalweg.commands"] tally = "their.module". Heavy libraries are imported inside the functions, so
that --help answers at once.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from ...specs.plugins import plugins

FIRST = ("new", "check", "run", "branch", "compare", "plot", "report", "verify", "differ", "merge", "probe", "list", "schema", "cache")
"""Their order in --help; what is not among them follows."""


def modules() -> dict[str, str]:
    """Every command and the module that holds it, in the order of --help: the folder's own, then those of plug-ins, in name order."""
    own = {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
    found = {name: f"{__name__}.{name}" for name in (*(name for name in FIRST if name in own), *sorted(own - {*FIRST}))}
    return found | {name: module for name, module in plugins("thalweg.commands").items() if name not in found}


def load(name: str, module: str) -> Callable[..., Any]:
    """The function of a command; of one that fails to import a function that says so, since it must not take the others down."""
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 another package's module may raise anything
        reason = f"the command '{name}' ({module}) fails to import: {error!r}"

    def broken() -> None:
        from ...specs.errors import ThalwegError

        raise ThalwegError(reason)

    broken.__doc__ = f"(broken: {reason})"
    return broken
