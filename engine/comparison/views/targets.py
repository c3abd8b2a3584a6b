"""Steps to reach a target: expected running time and success rate of every optimizer at its best point (comparison/running_time.py)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....specs.errors import SpecError
from ...results.groups import needs_loss
from ...text.tables import Column
from ..cells import choices, counts, never, number, problem_column, words
from ..entries import Entry, by_problem
from ..running_time import first_steps, running_time, spent, starts, wilson

GAPS = (1e-1, 1e-2, 1e-3)
"""Targets if none are given: what is left of the gap between the start and the bottom, see gap_targets."""


def view(found: Sequence[Entry], targets: Sequence[float] = (), confidence: float = 0.95) -> Any:
    """How fast and how often each optimizer at its best point reached each target, as an xarray.Dataset along `optimizer` and `target`
    (the given losses) or `gap` (by default 0.1, 0.01, 0.001 of the gap that `gap_targets` defines).

    Variables: `loss`, the target; `ert`; `median`, of the steps to it, infinity where fewer than half of the runs reached it; `success`,
    `successes`, `seeds`; `low`, `high`, the Wilson interval of the success rate.
    """
    import xarray

    wanted = {
        problem: np.asarray(targets, dtype=float) if len(targets) else gap_targets(some) for problem, some in by_problem(found).items()
    }
    parts: dict[str, list[np.ndarray]] = {}
    for one in found:
        made = reached(one, wanted[one.problem]) | {"loss": wanted[one.problem]}
        made["low"], made["high"] = wilson(made["successes"], made["seeds"], confidence)
        for key, numbers in made.items():
            parts.setdefault(key, []).append(numbers)
    dim, along = ("target", targets) if len(targets) else ("gap", GAPS)
    coords = {
        "optimizer": [one.label for one in found],
        "problem": ("optimizer", [one.problem for one in found]),
        "best": ("optimizer", [one.best.text for one in found]),
        "chosen": ("optimizer", [one.best.chosen for one in found]),
        dim: np.asarray(along, dtype=float),
    }
    attributes = {"confidence": confidence}
    return xarray.Dataset({key: (("optimizer", dim), np.array(rows)) for key, rows in parts.items()}, coords=coords, attrs=attributes)


def reached(one: Entry, wanted: np.ndarray) -> dict[str, np.ndarray]:
    """ert, median, success, successes, seeds of one entry's reporting runs, (targets,) each."""
    from ...results.quantiles import quantile

    needs_loss(one.dataset, one.label)
    runs = one.runs.isel(seed=np.flatnonzero(one.done))
    first = first_steps(runs, wanted)
    made = running_time(first, spent(runs)[None], np.ones(first.shape[1:], dtype=bool)[None])
    with np.errstate(invalid="ignore"):
        middle = quantile(first, 0.5) if first.shape[-1] else np.full(len(wanted), np.nan)
    return made | {"median": middle}


def gap_targets(some: Sequence[Entry], gaps: Sequence[float] = GAPS) -> np.ndarray:
    """The losses that leave these fractions of the gap between the median start and the bottom: the landscape's minimum, or the lowest
    median final loss of an optimizer if that is lower or no minimum is known.

    Raises SpecError if the start was not stored, or nothing got below it.
    """
    start = float(np.median(np.concatenate([starts(one)[one.done] for one in some])))
    low = min(
        [one.best.median for one in some if np.isfinite(one.best.median)] + [one.minimum for one in some if one.minimum is not None],
        default=np.inf,
    )
    if not start > low:
        raise SpecError(
            f"{some[0].problem}: no run ended below the start, whose loss is {start:.4g}; say which loss to reach with --target"
        )
    return low + np.asarray(gaps) * (start - low)


def columns(dataset: Any) -> list[Column]:
    """The table's columns."""
    dim = "gap" if "gap" in dataset.dims else "target"
    along = dataset[dim].values
    n = len(along)

    def each(name: str, show: Any = None) -> list[str]:
        return [(show or number)(v) for v in dataset[name].values.ravel()]

    times = [never(v) for v in dataset["ert"].values.ravel()]
    rate = [f"{a}/{b}" for a, b in zip(counts(dataset["successes"]), counts(dataset["seeds"]), strict=True)]
    low, high = (each(name, lambda v: f"{v:.2f}") for name in ("low", "high"))
    return [
        *problem_column(dataset, n),
        Column("optimizer", np.repeat(words(dataset["optimizer"]), n).tolist(), name=True),
        Column("best at", np.repeat(words(dataset["best"]), n).tolist(), text=True, minor=True),
        *([Column("gap left", [number(g) for g in along] * dataset.sizes["optimizer"])] if dim == "gap" else []),
        Column("target", each("loss")),
        Column("reached", rate),
        Column(f"{dataset.attrs['confidence']:.0%} of rate".replace("%", " %"), [f"[{a}, {b}]" for a, b in zip(low, high, strict=True)]),
        Column("median steps", [never(v) for v in dataset["median"].values.ravel()], minor=True),
        Column("ERT", times),
    ]


def note(dataset: Any) -> list[str]:
    """What is said below the table."""
    default = (
        "targets: losses that leave this share of the gap from the median start to the landscape's minimum, "
        "or to the best median if that is lower or no minimum is known (--target gives others)"
    )
    return [
        choices(dataset),
        default if "gap" in dataset.dims else "",
        "ERT: steps of all runs up to the target, divided by the number of runs that reached it",
    ]
