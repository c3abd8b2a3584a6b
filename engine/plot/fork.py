"""A branch and the study it left: curves over the steps, the other study's going on thin and dashed beside the branch's.

`thalweg branch` makes such stores. Every optimizer is at the best point of the branch's sweep, and the other study at the same point.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, StoreError
from ..comparison import groups, opened, quantile, swept_coordinates
from ..results.swept import swept_field
from ._axes import (
    band,
    best_notes,
    handles,
    legend,
    outer_labels,
    panels_for,
    plain,
    say,
    scale_steps,
    scale_values,
    statistic,
    why_none,
    words,
)
from ._picture import Picture, Problem, spread_out
from ._values import curves

OPTIONS = ("value", "groups", "at")


def draw(picture: Picture) -> Any:
    """A panel a problem."""
    branch = picture.study.branch
    if branch is None:
        raise SpecError("plot: fork needs a branch (thalweg branch STORE --at STEP --set ...); this store is none, choose loss")
    try:
        other = Picture(opened(branch.store), picture.theme, type(picture.options)(value=picture.options.value))
    except StoreError as error:
        raise StoreError(f"plot: the store that this is a branch of cannot be read: {error}") from None
    shown, note = spread_out(picture.problems())
    figure, panels, columns = panels_for(shown, sharex=True)
    for axes, problem in zip(panels, shown, strict=True):
        on_axes(axes, picture, problem, other)
        axes.set_title(plain(problem.text or f"Left at step {branch.at:,}"))
    outer_labels(panels, columns)
    told = f"from step {branch.at:,} on: bold the branch, dashed what it left"
    legend(figure, handles(picture, shown, points=True), [told, note, *best_notes(shown, picture.groups)])
    return figure


def on_axes(axes: Any, picture: Picture, problem: Problem, other: Picture) -> None:
    """The curves of one problem."""
    import xarray

    branch, bests, drawn = picture.study.branch, problem.bests(), []
    assert branch is not None
    results, before = picture.results(problem.groups), other.results()
    for name in problem.groups:
        colour = picture.colour(name)
        dataset = problem.groups[name].isel(bests[name].index)
        left = curves(other, before, name, origin(picture, dataset, groups(opened(branch.store))[name], name))
        found = curves(picture, results, name, bests[name].index)
        left = left.isel(step=left["step"].values >= 2 * branch.at - picture.study.steps)  # as much before the fork as after it
        old, then = left.where(left["step"] <= branch.at, drop=True), left.where(left["step"] >= branch.at, drop=True)
        if found["step"].values[0] > branch.at and old.shape[-1] == found.shape[-1]:
            found = xarray.concat([old[old["step"].values == branch.at], found], "step")
        new, values = np.asarray(found["step"]), np.asarray(found)
        drawn.append(band(axes, old["step"].values, old.values, colour, "-"))
        after = quantile(np.where(np.isnan(then.values), np.inf, then.values), 0.5)
        axes.plot(then["step"].values, np.where(np.isfinite(after), after, np.nan), color=colour, ls=(0, (4, 2)), lw=1.1, zorder=2.8)
        drawn.append(after[np.isfinite(after)])
        drawn.append(band(axes, new, values, colour, "-"))
        axes.lines[-1].set_linewidth(2.6)
    axes.axvline(branch.at, color="0.5", lw=0.8, ls=":", zorder=1)
    scale_values(axes, drawn)
    scale_steps(axes, picture)
    axes.set_ylabel(f"{words(picture.options.value or 'loss').removesuffix(' (loss)')}\n{statistic(picture)}")
    if not any(best.known for best in bests.values()):
        say(axes, 0.92, why_none(bests.values()))


def origin(picture: Picture, point: Any, other: Any, name: str) -> dict[str, int]:
    """Where on the other study's sweeps this point of the branch comes from."""
    study, places = picture.study, {}
    owners = {"landscape": study.landscape, "noise": study.noise, "init": study.start()}
    owners["optimizer"] = next(o for o in study.optimizers if o.name == name)
    for key in swept_coordinates(other):
        owner, path = swept_field(other[key])
        fixed = {".".join(p): v for p, v, _ in owners[owner].fields()}.get(path)
        value = point[key].values.item() if key in point.coords else fixed
        same = np.flatnonzero(other[key].values == value)
        if len(same):
            places[str(other[key].dims[0])] = int(same[0])
    return places
