"""A branch and the study it branched from: curves against the step, with those of the original study thin and dashed beside the branch.

`thalweg branch` makes such stores. Every optimizer is at the best point of the branch's sweep; the original study is at the same point.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, StoreError
from ...specs.sweep import Sweep, resolved
from ..comparison import opened, swept_coordinates
from ..results.curves import Band
from ..results.swept import swept_field
from ._axes import (
    draw_band,
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
from ._values import lines
from .loss import notes, seeds_of

OPTIONS = ("value", "groups", "at")


def draw(picture: Picture) -> Any:
    """A panel a problem."""
    branch = picture.study.branch
    if branch is None:
        raise SpecError("plot: fork needs a branch (thalweg branch STORE --at STEP --set ...); this store is not one; choose loss")
    try:
        other = Picture(opened(branch.store), picture.theme, type(picture.options)(value=picture.options.value))
    except StoreError as error:
        raise StoreError(f"plot: the store from which this one branched cannot be read: {error}") from None
    shown, note = spread_out(picture.problems())
    figure, panels, columns = panels_for(shown, sharex=True)
    for axes, problem in zip(panels, shown, strict=True):
        on_axes(axes, picture, problem, other)
        axes.set_title(plain(problem.text or f"Left at step {left_at(picture, problem):,}"))
    outer_labels(panels, columns)
    steps = sorted({left_at(picture, problem) for problem in shown})
    told = f"from step {', '.join(f'{t:,}' for t in steps)} on: bold the branch, dashed what it left"
    legend(figure, handles(picture, shown, points=True), [told, note, *notes(picture, shown)])
    return figure


def on_axes(axes: Any, picture: Picture, problem: Problem, other: Picture) -> None:
    """The curves of one problem."""
    fork, bests, drawn, shown = left_at(picture, problem), problem.bests(), [], []
    for name, best in bests.items():
        colour = picture.colour(name)
        place = origin(picture, problem.groups[name].isel(best.index), other.groups[name], name)
        then, left = lines(other, other.results(seeds=best.reports), name, place)
        now, found = lines(picture, picture.results(problem.groups, best.reports), name, best.index)
        near = then >= 2 * fork - picture.study.steps  # as much before the fork as after it
        before, after = near & (then <= fork), near & (then >= fork)
        if now[0] > fork and (then == fork).any() and len(left.parts) == len(found.parts):
            now, found = np.append(fork, now), joined(at(left, then == fork), found)
        drawn.append(draw_band(axes, then[before], at(left, before), colour, "-"))
        middle = np.where(np.isfinite(left.middle[after]), left.middle[after], np.nan)
        axes.plot(then[after], middle, color=colour, ls=(0, (4, 2)), lw=1.1, zorder=2.8)
        drawn.append(middle[np.isfinite(middle)])
        drawn.append(draw_band(axes, now, found, colour, "-"))
        axes.lines[-1].set_linewidth(2.6)
        shown.append((found, seeds_of(found, best)))
    axes.axvline(fork, color="0.5", lw=0.8, ls=":", zorder=1)
    scale_values(axes, drawn)
    scale_steps(axes, picture)
    axes.set_ylabel(f"{words(picture.options.value or 'loss').removesuffix(' (loss)')}\n{statistic(shown)}")
    if not any(best.known for best in bests.values()):
        say(axes, 0.92, why_none(bests.values()))


def left_at(picture: Picture, problem: Problem) -> int:
    """The step at which the runs of a problem left the others."""
    branch = picture.study.branch
    assert branch is not None
    if not isinstance(branch.at, Sweep):
        return branch.at
    dataset = next(iter(problem.groups.values()))
    (own,) = (key for key in dataset.coords if swept_field(dataset[key]) == ("branch", "at"))
    return int(dataset[own].values)


def at(numbers: Band, where: np.ndarray) -> Band:
    """A band at some of its steps."""
    return Band(*(part[where] for part in numbers.parts), what=numbers.what)


def joined(first: Band, second: Band) -> Band:
    """One band after the other."""
    return Band(*(np.concatenate(pair) for pair in zip(first.parts, second.parts, strict=True)), what=second.what)


def origin(picture: Picture, point: Any, other: Any, name: str) -> dict[str, int]:
    """Where on the other study's sweeps this point of the branch comes from."""
    study, places = picture.study, {}
    owners: dict[str, Any] = {"landscape": study.landscape, "noise": resolved(study.noise), "init": study.start()}
    owners["optimizer"] = next(o for o in study.optimizers if o.name == name)
    for key in swept_coordinates(other):
        owner, path = swept_field(other[key])
        fixed = {".".join(p): v for p, v, _ in owners[owner].fields()}.get(path) if owner in owners else None
        value = point[key].values.item() if key in point.coords else fixed
        same = np.flatnonzero(other[key].values == value)
        if len(same):
            places[str(other[key].dims[0])] = int(same[0])
    return places
