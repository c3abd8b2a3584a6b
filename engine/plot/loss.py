"""Curves over the steps: the loss, or any recorded value, as the median over the seeds with the band from 25 to 75 %.

Every optimizer is at the best point of its sweep; a study that sweeps its landscape, noise or start has a panel for each of their values.
"""

from typing import Any

import numpy as np

from ._axes import (
    band,
    best_notes,
    handles,
    legend,
    only_lost,
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

OPTIONS = ("value", "seeds", "groups", "at")


def draw(picture: Picture) -> Any:
    """A panel a problem."""
    shown, note = spread_out(picture.problems())
    figure, panels, columns = panels_for(shown, sharex=True)
    for axes, problem in zip(panels, shown, strict=True):
        on_axes(axes, picture, problem)
        axes.set_title(plain(problem.text or title(picture)))
    if len(shown) > 1:
        note = "; ".join(n for n in (title(picture), note) if n)
    outer_labels(panels, columns)
    legend(figure, handles(picture, shown, points=True), [note, *best_notes(shown, picture.groups)])
    return figure


def title(picture: Picture) -> str:
    """What the picture shows, in words."""
    what = "Loss" if picture.options.value in (None, "loss") else words(str(picture.options.value))
    swept = any(best.text for problem in picture.problems()[:1] for best in problem.bests().values())
    return f"{what} at the best point of each sweep" if swept else f"{what} over the steps"


def on_axes(axes: Any, picture: Picture, problem: Problem) -> None:
    """The curves of one problem."""
    results, bests = picture.results(problem.groups), problem.bests()
    found = {name: curves(picture, results, name, bests[name].index) for name in problem.groups}
    drawn: list[np.ndarray] = []
    for name in sorted(found, key=lambda name: only_lost(bests, name)):  # what diverged comes last and does not set the scale
        if only_lost(bests, name) and axes.get_autoscaley_on():
            scale_values(axes, drawn)
            axes.autoscale_view()
            axes.set_autoscaley_on(False)
        colour, style, steps, values = picture.colour(name), picture.style(name), found[name]["step"].values, found[name].values
        drawn.append(band(axes, steps, values, colour, style))
        for single in values.T[: picture.options.seeds or 0]:
            axes.plot(steps, np.where(np.isfinite(single), single, np.nan), color=colour, lw=0.5, alpha=0.6, zorder=2.5)
    if axes.get_autoscaley_on():
        scale_values(axes, drawn)
    scale_steps(axes, picture)
    axes.set_ylabel(f"{words(picture.options.value or 'loss').removesuffix(' (loss)')}\n{statistic(picture)}")
    if not any(best.known for best in bests.values()):
        say(axes, 0.92, why_none(bests.values()))
