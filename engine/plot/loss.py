"""Curves against the step: the loss, or any recorded value, as the median over the seeds with the band from 25 to 75 %.

Every optimizer is at the best point of its sweep; a study that sweeps its landscape, noise or start has a panel for each of their values.
"""

from typing import Any

import numpy as np

from ..comparison import Best
from ..results.curves import Band
from ._axes import (
    best_notes,
    draw_band,
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
from ._picture import Picture, Problem, only_problem, spread_out
from ._values import lines, single_runs

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
    legend(figure, handles(picture, shown, points=True), [note, *notes(picture, shown)])
    return figure


def into(axes: Any, picture: Picture) -> None:
    """One problem in axes of somebody's own figure, with its legend."""
    problem = only_problem(picture)
    on_axes(axes, picture, problem)
    axes.set_title(plain(title(picture)))
    axes.legend(handles=handles(picture, [problem], points=True), fontsize="small", frameon=False)


def notes(picture: Picture, shown: list[Problem]) -> list[str]:
    """Where each optimizer is shown, and which seeds the curves are of."""
    runs = picture.options.value not in (None, "loss") or all("loss" in dataset for dataset in picture.groups.values())
    stored = "" if runs else "curves are of all seeds, whose statistics are stored"
    count = min(picture.options.seeds or 0, picture.study.seeds)
    single = f"thin lines: {'the first seed' if count == 1 else f'the first {count} seeds'} of each" if count else ""
    return [*best_notes(shown, picture.groups, numbers=runs), stored, single]


def title(picture: Picture) -> str:
    """What the picture shows, in words."""
    what = "Loss" if picture.options.value in (None, "loss") else words(str(picture.options.value))
    swept = any(best.text for problem in picture.problems()[:1] for best in problem.bests().values())
    return f"{what} at the best point of each sweep" if swept else f"{what} over the steps"


def on_axes(axes: Any, picture: Picture, problem: Problem) -> None:
    """The curves of one problem."""
    bests, every = problem.bests(), picture.results(problem.groups)
    found = {name: lines(picture, picture.results(problem.groups, best.reports), name, best.index) for name, best in bests.items()}
    drawn: list[np.ndarray] = []
    for name in sorted(found, key=lambda name: only_lost(bests, name)):  # what diverged comes last and does not set the scale
        if only_lost(bests, name) and axes.get_autoscaley_on():
            scale_values(axes, drawn)
            axes.autoscale_view()
            axes.set_autoscaley_on(False)
        colour, style = picture.colour(name), picture.style(name)
        drawn.append(draw_band(axes, *found[name], colour, style))
        count = picture.options.seeds or 0
        steps, runs = single_runs(picture, every, name, bests[name].index, count) if count else (np.empty(0), [])
        for single in runs:
            axes.plot(
                steps, np.where(np.isfinite(single), single, np.nan), color=colour, lw=0.5, alpha=max(0.08, min(0.6, 4 / count)), zorder=2.5
            )
    if axes.get_autoscaley_on():
        scale_values(axes, drawn)
    scale_steps(axes, picture)
    said = statistic([(numbers, seeds_of(numbers, bests[name])) for name, (_, numbers) in found.items()])
    axes.set_ylabel(f"{words(picture.options.value or 'loss').removesuffix(' (loss)')}\n{said}")
    if not any(best.known for best in bests.values()):
        say(axes, 0.92, why_none(bests.values()))


def seeds_of(numbers: Band, best: Best) -> int:
    """Over how many seeds these numbers are: those that report, but statistics are stored of all."""
    return int(best.reports.sum()) if numbers.what == "runs" else len(best.reports)
