"""What probes have stored: single numbers at every step looked at, and of spectra their density, at every point shown."""

from typing import Any

import numpy as np

from ...specs.probe import STEP
from ..results import probed
from ..results.curves import of_values
from .sweep_points import Shown
from .thinning import plain, thinned

STEPS = 12
"""Steps that a table has."""
COMPONENTS = 6
"""Numbers of an array with one dimension of its own that are shown."""
NUMBERS = 60_000
"""In all densities of a probe together; of more, only best points have theirs."""
GRID = 160


def probes(tree: Any, found: list[Shown], order: list[str]) -> list[dict[str, Any]]:
    """Every probe of the store, those in `order` first: its name, kind and steps, and for every group shown its numbers, or null.

    Numbers are medians over the seeds that report; of what compares seeds they are as they are.
    """
    stored = probed.probes(tree)
    names = sorted({name for group in found for name in stored.get(group.name, {})}, key=lambda name: (place(order, name), name))
    made = []
    for name in names:
        looks = [stored.get(group.name, {}).get(name) for group in found]
        every = np.array(sorted({int(t) for look in looks if look is not None and STEP in look.coords for t in look[STEP].values}))
        steps = every[thinned(len(every), STEPS)] if len(every) else np.array([], dtype=np.int64)
        first = next(look for look in looks if look is not None)
        groups = [None if look is None else numbers(group, at_points(group, look), steps) for group, look in zip(found, looks, strict=True)]
        made.append(
            {"name": name, "kind": probed.kind_of(first), "steps": steps.tolist(), "left": len(every) - len(steps), "groups": groups}
        )
        if probed.kind_of(first) == "spectrum":
            made[-1] |= {"of": probed.matrix(first)}
            shares = max(1, sum(look is not None for look in looks))
            made[-1]["densities"] = [
                None if look is None else densities(group, at_points(group, look), steps, NUMBERS // shares)
                for group, look in zip(found, looks, strict=True)
            ]
    return made


def place(order: list[str], name: str) -> int:
    """Where a name stands in an order; behind it if it is not there."""
    return order.index(name) if name in order else len(order)


def at_points(group: Shown, look: Any) -> Any:
    """A probe's arrays at the points of the sweep that are shown, and the seeds that report."""
    held = look.isel({dim: at for dim, at in group.places.items() if dim in look.dims})
    return held.isel(seed=np.flatnonzero(group.reports)) if "seed" in held.dims else held


def numbers(group: Shown, look: Any, steps: np.ndarray) -> list[dict[str, Any]]:
    """The single numbers of one group: name, text, and values (points, steps); one column of what has no steps."""
    made = []
    for key, (array, text) in probed.scalars(look, COMPONENTS).items():
        middle = array
        if "seed" in array.dims:
            array = array.transpose(..., "seed")
            middle = array.isel(seed=0).copy(data=of_values(array.values).middle)
        if with_steps := STEP in middle.dims:
            middle = middle.reindex({STEP: steps})
        lacking = {dim: len(at) for dim, at in group.places.items() if dim not in middle.dims}
        values = middle.expand_dims(lacking).transpose(*group.places, *([STEP] if with_steps else [])).values.reshape(group.count, -1)
        made.append({"name": key, "text": text, "values": plain(values)})
    return made


def densities(group: Shown, look: Any, steps: np.ndarray, most: int) -> dict[str, Any]:
    """Spectral densities of one group on one grid: {grid, width, points: {point: [curve a step]}, apart: {point: [outliers a step]}}."""
    at = {int(t): k for k, t in enumerate(look[STEP].values)}
    look = look.transpose(*group.places, "seed", ...)
    values, weights = (part.reshape(group.count, -1, *part.shape[-2:]) for part in probed.eigenvalues(look))
    apart = probed.standing_apart(look).reshape(group.count, values.shape[1], len(at), -1)
    points = list(range(group.count))
    if group.count * len(steps) * GRID > most:
        best: set[int] = {group.best or 0, *(group.bests or [])}
        points = sorted(best)[: max(1, most // (len(steps) * GRID))]
    width = probed.width_of(values[points])
    grid = probed.places(values[points], width, GRID)
    made: dict[str, Any] = {"grid": plain(grid, 6), "width": plain(width), "points": {}, "apart": {}}
    for p in points:
        curves = [probed.density(values[p, :, at[t]], weights[p, :, at[t]], grid, width) if t in at else None for t in steps.tolist()]
        made["points"][p] = [None if curve is None or not np.isfinite(curve).any() else plain(curve, 3) for curve in curves]
        marks = [np.unique(apart[p, :, at[t]]) if t in at else np.empty(0) for t in steps.tolist()]
        made["apart"][p] = [plain(mark[np.isfinite(mark)][-40:]) for mark in marks]
    return made
