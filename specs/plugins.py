"""The plug-ins of other packages: entry points of the groups `thalweg.landscapes`, `thalweg.optimizers`, `thalweg.commands` and so on."""

from functools import cache
from typing import Any


@cache
def entry_points() -> Any:
    """All entry points of the environment, read once a process: reading them takes some hundredths of a second."""
    import importlib.metadata

    return importlib.metadata.entry_points()


def plugins(group: str) -> dict[str, str]:
    """The module of every plug-in of a group, such as `thalweg.optimizers`, by its name. Of two with the same name the first counts."""
    found: dict[str, str] = {}
    for point in sorted(entry_points().select(group=group), key=lambda point: point.name):
        found.setdefault(point.name, point.module)
    return found
