"""Measures of features, kernels and intervals that probes have stored, against the step: the median and the band from 25 to 75 %.

There is a panel for every measure, with each optimizer at its best point. `value` chooses measures, separated by commas: a probe (`kernel`) or one
of its arrays (`kernel.change`). It can also name arrays of other probes that have one number per point.
"""

from textwrap import fill
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..results.curves import Band, of_values
from ._axes import best_notes, draw_band, grid_of, handles, legend, new_figure, panels_of, plain, scale_steps, scale_values, statistic
from ._picture import Picture, Problem
from ._probed import at_best, named, of_kinds, scalars, stored

OPTIONS = ("value", "groups", "at")
KINDS = ("features", "kernel", "interval")
"""Probes whose measures are drawn where none are named."""
SECONDARY = ("worst", "power_law_r2")
"""Arrays that are drawn only where they are named."""
MAX_PANELS = 12
LETTERS = 34
"""Of a line of a label."""


def draw(picture: Picture) -> Any:
    """The panels, at the first of the study's problems. Raises SpecError if nothing is stored."""
    problems = picture.problems()
    problem = problems[0]
    found = {(name, group): at_best(picture, problem, group, name) for name in stored(picture) for group in picture.groups}
    panels, notes = wanted(picture, found), []
    if problem.text:
        notes.append(f"at {problem.text}{'; --at FIELD=VALUE chooses another' if len(problems) > 1 else ''}")
    if len(panels) > MAX_PANELS:
        notes.append(f"{MAX_PANELS} of {len(panels)} panels are shown; --value and --group choose")
        panels = panels[:MAX_PANELS]
    rows, columns = grid_of(len(panels), 3 if len(panels) > 4 else 2)
    figure = new_figure(*((7, 5.2) if len(panels) == 1 else (4.6 * columns, 3.4 * rows + 1)))
    bands: list[tuple[Band, int]] = []
    for axes, (name, array) in zip(panels_of(figure, len(panels), rows, columns), panels, strict=True):
        bands += on_axes(axes, picture, problem, name, array, {g: one for (n, g), one in found.items() if n == name and one is not None})
    notes.append(statistic(bands))
    legend(figure, handles(picture, [problem], points=True), [*notes, *best_notes([problem], picture.groups)])
    return figure


def wanted(picture: Picture, found: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """(probe, array) of every panel. Raises SpecError for what is not stored."""
    arrays: dict[str, list[str]] = {}
    for (name, group), one in found.items():
        if one is not None:
            arrays[name] = list(dict.fromkeys([*arrays.get(name, []), *scalars(picture, group, one)]))
    if not picture.options.value:
        return [(name, array) for name in of_kinds(picture, KINDS, "features") for array in arrays[name] if array not in SECONDARY]
    known = [word for name, own in arrays.items() if own for word in (name, *(f"{name}.{array}" for array in own))]
    if not known:
        raise SpecError("plot: no probe has stored numbers to draw; add one: thalweg probe STORE features --set features=...")
    made = []
    for word in picture.options.value.split(","):
        name, _, array = named(word.strip(), known).partition(".")
        made += [(name, array)] if array else [(name, one) for one in arrays[name]]
    return list(dict.fromkeys(made))


def on_axes(axes: Any, picture: Picture, problem: Problem, name: str, array: str, found: dict[str, Any]) -> list[tuple[Band, int]]:
    """The curves of one measure; returns what was drawn, each with the number of its seeds."""
    drawn, made, text = [], [], array
    for group, one in found.items():
        if array not in one:
            continue
        best = problem.bests()[group]
        values = one[array].transpose("probe_step", "seed").values[:, np.asarray(best.reports)]
        band = of_values(np.where(np.isfinite(values), values, np.nan))
        drawn.append(draw_band(axes, one["probe_step"].values, band, picture.colour(group), picture.style(group)))
        made.append((band, int(best.reports.sum())))
        text = str(one[array].attrs.get("long_name", array))
    scale_values(axes, drawn)
    scale_steps(axes, picture)
    axes.set_ylabel(plain(fill(text, LETTERS)))
    axes.set_title(plain(f"{name}: {array.replace('_', ' ')}"))
    return made
