"""Why a group of runs has no kernel."""

import math
from collections.abc import Callable

from ...plan import Group, Shard
from ...store.matched import varies


class NotFusable(Exception):
    """Why a part of a study cannot become a kernel; the array executor runs it."""


def refusal(group: Group, lower: Callable[[Shard], object], most_steps: float = math.inf) -> str | None:
    """The reason why a group has no kernel, or None: too many steps, diagnostics, or what `lower` raises NotFusable for on one of its shards."""
    if group.study.steps > most_steps:
        return f"{group.study.steps:,} steps, above {most_steps:,}"
    if group.diagnostics:
        return f"{group.diagnostics[0].kind} is recorded"
    if any(varies(used, group.name) for used in group.study.landscape.stored.values()):
        return "it uses parameters of runs that are swept, which differ from point to point"
    try:
        for shard in group.structures():
            lower(shard)
    except NotFusable as reason:
        return str(reason)
    return None
