"""One view of some stores: what `thalweg.compare` and the command line show."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

from ...specs.errors import SpecError
from ..results.best import highest_is_best
from .entries import LOSS, Measure, entries
from .views import VIEWS


def compare(
    *sources: Any,
    view: str = "final",
    target: "float | Sequence[float] | None" = None,
    field: str = "",
    value: str = "loss",
    best: str = "",
    by: str = "",
) -> Any:
    """Every optimizer at the best point of its sweep, as an xarray.Dataset; problems in their order, the lowest median first.

    `sources` are stores (paths) or opened ones (xarray.DataTree). Hyperparameters are chosen on the seeds with an even number, and
    all numbers are of those with an odd one; of an optimizer without a sweep all seeds report, and a single seed chooses and reports
    (`chosen` says which). A swept landscape, start or noise makes a problem of each of its values. Groups of the same name on
    one problem are told apart as study/group.

    Views: `final` (the loss at the end: median, its 95 % interval, quartiles, numbers of runs), `targets` (expected running time and
    success rate for `target`, a loss or several), `ecdf`, `performance`, `data` (profiles), `sensitivity` (to `field`, the learning rate
    if not given), `fit` (power laws of the best value of `field`), `pairs` (tests between optimizers), `ranks` (across problems). The files
    of engine/comparison/views/ have the definitions, docs/compare.md how to read them.

    Parameters
    ----------
    sources : stores (paths) or opened ones.
    view : the view's name, as `thalweg list views` has it.
    target : a loss to reach or several, for the view targets.
    field : a swept hyperparameter, for the views sensitivity and fit.
    value : what is compared at the end of the runs: the loss, or another recorded variable with one number a run (views final, pairs, ranks).
    best : min or max; by default max for variables whose name ends in accuracy, else min.
    by : the variable on which hyperparameters are chosen, such as a validation accuracy; by default `value`.

    Returns
    -------
    xarray.Dataset : the view's numbers.

    Raises
    ------
    StoreError : for a path that is no store.
    SpecError : where nothing was given, no loss was recorded, or a view lacks what it needs.
    """
    try:
        module = VIEWS.load(view)
    except (LookupError, ImportError) as error:
        raise SpecError(f"compare: {error.args[0]}") from None
    wanted = [] if target is None else [float(t) for t in ([target] if isinstance(target, (int, float)) else target)]
    takes = inspect.signature(module.view).parameters
    if wanted and "targets" not in takes:
        raise SpecError(f"compare: a target belongs to the view targets, not to {view}")
    if field and "field" not in takes:
        raise SpecError(f"compare: a field belongs to the views sensitivity and fit, not to {view}")
    if not all(map(math.isfinite, wanted)):
        raise SpecError(f"compare: a target must be a finite number; given: {', '.join(map(str, wanted))}")
    if best not in ("", "min", "max"):
        raise SpecError(f"compare: best must be min or max, given {best!r:.40}")
    largest = best == "max" or (not best and highest_is_best(value))
    measure = Measure(value, by or value, largest)
    if measure != LOSS and not hasattr(module, "SIGNED"):
        raise SpecError(f"compare: the view {view} is about losses; other values are compared by the views {', '.join(of_any_value())}")
    options: dict[str, Any] = {"targets": wanted} if "targets" in takes else {}
    shown = module.view(entries(sources, measure), **options, **({"field": field} if field else {}))
    if largest:
        shown = shown.assign({name: -shown[other] for pair in module.SIGNED for name, other in (pair, pair[::-1])})
    return shown.assign_attrs(view=view, value=value, by=measure.by, best="max" if largest else "min")


def of_any_value() -> list[str]:
    """The views that compare by any variable."""
    return [name for name in VIEWS.own_kinds() if hasattr(VIEWS.load(name), "SIGNED")]
