"""Spectral densities that a `spectrum` probe has stored, with one column per optimizer and one row per step, on a logarithmic scale.

Each eigenvalue, or Lanczos node with its weight, is broadened by a Gaussian, and the density is the mean over the seeds (Ghorbani, Krishnan & Xiao
2019, arXiv:1901.10159). Triangles mark the eigenvalues that stand apart. `value` names the probe; the default is the first of this kind.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ...specs.probe import STEP
from ..results import probed
from ..results.best import at_seeds
from ._axes import best_notes, handles, legend, new_figure, number, panel_width, panels_of, plain
from ._picture import Picture, Problem, spread_out

OPTIONS = ("value", "groups", "at")
MAX_STEPS, MAX_GROUPS = 5, 3
DECADES = 9
"""Of the density that are drawn at most."""


def draw(picture: Picture) -> Any:
    """The panels, at the first of the study's problems."""
    problems = picture.problems()
    problem, notes = problems[0], []
    if problem.text:
        notes.append(f"at {problem.text}{'; --at FIELD=VALUE chooses another' if len(problems) > 1 else ''}")
    name, found = wanted(picture)
    if len(found) > MAX_GROUPS:
        notes.append(f"{MAX_GROUPS} of {len(found)} optimizers are shown; --group chooses")
        found = dict(list(found.items())[:MAX_GROUPS])
    bests = {group: best for group, best in problem.bests().items() if group in found}
    looks = {}
    for group, dataset in found.items():
        held = problem.groups[group].isel(bests[group].index)
        looks[group] = at_seeds(probed.point_of(dataset, held), bests[group].reports)
    steps = sorted({int(t) for dataset in looks.values() for t in dataset[STEP].values})
    shown, left_out = spread_out(steps, MAX_STEPS)
    notes += [f"{len(shown)} of the {len(steps)} steps looked at are shown"] if left_out else []
    figure = new_figure(max(6.0, panel_width(3) * len(looks)), 1.2 + 1.9 * len(shown) if len(shown) > 1 else 4.4)
    panels = np.array(panels_of(figure, len(shown) * len(looks), len(shown), len(looks), sharex="col")).reshape(len(shown), len(looks))
    for k, (group, dataset) in enumerate(looks.items()):
        width = column(panels[:, k], picture, dataset, group, shown)
        panels[-1, k].set_xlabel(f"eigenvalue of the {probed.matrix(dataset)}\n(broadened by {number(width)})")
    for t, axes in zip(shown, panels[:, 0], strict=True):
        axes.set_ylabel(f"step {t:,}\ndensity")
    seeds = {int(best.reports.sum()) for best in bests.values()}
    said = f"mean over {' or '.join(map(str, sorted(seeds)))} seeds" if seeds != {1} else "one seed"
    pieces = "eigenvalues" if "eigenvalues" in next(iter(looks.values())) else "Lanczos nodes"
    told = f"probe {name}: {said}; triangles: {pieces} above the largest ratio of neighbours"
    small = Problem(problem.text, {group: problem.groups[group] for group in looks}, problem.landscape)
    entries = [entry for entry, group in zip(handles(picture, [problem], points=True), picture.groups, strict=True) if group in looks]
    legend(figure, entries, [told, *notes, *best_notes([small], looks)])
    return figure


def wanted(picture: Picture) -> tuple[str, dict[str, Any]]:
    """The name of the probe that is drawn, and its dataset by group. Raises SpecError if there is none."""
    stored = probed.probes(picture.tree, "spectrum")
    found = {group: stored[group] for group in picture.groups if group in stored}
    stated = [probe.name for probe in picture.study.probes]
    names = sorted({name for own in found.values() for name in own}, key=lambda name: (stated.index(name) if name in stated else 99, name))
    name = picture.options.value or (names[0] if names else "")
    if not names:
        raise SpecError("plot: no spectrum probe is stored; add {kind: spectrum} to the study's probes, or: thalweg probe STORE spectrum")
    if name not in names:
        raise SpecError(f"plot: there is no spectrum probe '{name}'{suggest(name, names)} (there are: {', '.join(names)})")
    return name, {group: own[name] for group, own in found.items() if name in own}


def column(panels: Any, picture: Picture, dataset: Any, group: str, steps: list[int]) -> float:
    """The densities of one optimizer, on one scale; returns the width of the Gaussian."""
    at = {int(t): k for k, t in enumerate(dataset[STEP].values)}
    values, weights = (part.reshape(-1, *part.shape[-2:]) for part in probed.eigenvalues(dataset))
    apart = probed.standing_apart(dataset).reshape(len(values), len(at), -1)
    shown = [at[t] for t in steps if t in at]
    width = probed.width_of(values[:, shown])
    grid = probed.places(values[:, shown], width, 1000)
    curves = {t: probed.density(values[:, at[t]], weights[:, at[t]], grid, width) for t in steps if t in at}
    highest = max((float(np.nanmax(curve)) for curve in curves.values() if np.isfinite(curve).any()), default=1.0)
    single = [float(np.interp(values[:, k][weights[:, k] > 0], grid, curves[t]).min(initial=highest)) for t, k in at.items() if t in curves]
    low = max(min(single, default=highest) / 10, highest / 10**DECADES)
    for axes, t in zip(panels, steps, strict=True):
        axes.set_yscale("log")
        axes.set_ylim(low, highest * 5)
        axes.grid(True)
        axes.set_axisbelow(True)
        if t not in curves or not np.isfinite(curves[t]).any():
            why = "not looked at" if t not in curves else "no finite eigenvalue"
            axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center")
            continue
        axes.plot(grid, np.maximum(curves[t], low / 10), color=picture.colour(group), ls=picture.style(group), lw=1.4)
        axes.fill_between(grid, low / 10, np.maximum(curves[t], low / 10), color=picture.colour(group), alpha=0.22, lw=0)
        marks = np.unique(apart[:, at[t]][np.isfinite(apart[:, at[t]])])
        heights = np.maximum(np.interp(marks, grid, curves[t]), low) * 1.6
        axes.plot(marks, heights, ls="", marker="v", ms=4.5, color=picture.theme.ink, mec=picture.theme.paper, mew=0.4, zorder=4)
    panels[0].set_title(plain(group))
    return width
