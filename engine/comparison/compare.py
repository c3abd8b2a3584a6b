"""The views of a comparison, by name: what `thalweg.compare` and the command line show."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...specs.errors import SpecError, suggest
from .entries import entries
from .final import final
from .pairs import pairs
from .profiles import data, ecdf, performance
from .ranks import ranks
from .sensitivity import sensitivity
from .targets import targets

VIEWS: dict[str, Callable[..., Any]] = {
    "final": final,
    "targets": targets,
    "ecdf": ecdf,
    "performance": performance,
    "data": data,
    "sensitivity": sensitivity,
    "pairs": pairs,
    "ranks": ranks,
}


def compare(*sources: Any, view: str = "final", target: "float | Sequence[float] | None" = None) -> Any:
    """Every optimizer at the best point of its sweep, as an xarray.Dataset; problems in their order, the lowest median first.

    `sources` are stores (paths) or opened ones (xarray.DataTree). Hyperparameters are chosen on the seeds with an even number, and
    all numbers are of those with an odd one; of an optimizer without a sweep all seeds report, and a single seed chooses and reports
    (`chosen` says which). A swept landscape, start or noise makes a problem of each of its values. Groups of the same name on
    one problem are told apart as study/group.

    Views: `final` (the loss at the end: median, its 95 % interval, quartiles, numbers of runs), `targets` (expected running time and
    success rate for `target`, a loss or several), `ecdf`, `performance`, `data` (profiles), `sensitivity` (to the learning rate),
    `pairs` (tests between optimizers), `ranks` (across problems). The functions of engine/comparison/ of these names have the
    definitions, docs/compare.md how to read them.

    Raises StoreError for a path that is no store, SpecError where nothing was given, no loss was recorded, or a view lacks what it needs.
    """
    if view not in VIEWS:
        raise SpecError(f"compare: there is no view '{view}'{suggest(view, VIEWS)} (known: {', '.join(VIEWS)})")
    wanted = [] if target is None else [float(t) for t in ([target] if isinstance(target, (int, float)) else target)]
    if wanted and view != "targets":
        raise SpecError(f"compare: a target belongs to the view targets, not to {view}")
    if not all(map(math.isfinite, wanted)):
        raise SpecError(f"compare: a target must be a finite number; given: {', '.join(map(str, wanted))}")
    found = entries(sources)
    return VIEWS[view](found, wanted) if view == "targets" else VIEWS[view](found)
