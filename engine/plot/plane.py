"""The loss on a plane through stored points with the trajectory on it, as stored by the probe `plane`.

There is a panel for every optimizer at its best point, at the last probed step; with a single optimizer, one panel per step. The seed is the first.
`value` names the probe if there are several planes.
"""

from typing import Any

import numpy as np

from ..results.probed import settings
from ._axes import best_notes, grid_of, handles, legend, new_figure, number, panel_width, panels_of, plain, say
from ._ground import filled
from ._picture import PANELS, Picture, Problem, spread_out
from ._probed import at_best, named, of_kinds
from .landscape import follow

OPTIONS = ("value", "groups", "at", "cmap")
MARGIN = 1e-3
"""Of the range of heights: how far below the lowest the logarithm begins."""
AXES = {"random": "random direction", "hessian": "eigenvector", "adam": "Adam's eigenvector", "pca": "principal direction"}


def draw(picture: Picture) -> Any:
    """The panels, at the first of the study's problems. Raises SpecError if no plane is stored."""
    known = of_kinds(picture, ("plane",), "plane")
    name = named(picture.options.value, known) if picture.options.value else known[0]
    problems = picture.problems()
    problem = problems[0]
    found = {group: one for group in picture.groups if (one := at_best(picture, problem, group, name)) is not None}
    panels = [
        (group, k)
        for group, one in found.items()
        for k in range(one.sizes["probe_step"])
        if len(found) == 1 or k == one.sizes["probe_step"] - 1
    ]
    shown, _ = spread_out(panels)
    rows, columns = grid_of(len(shown))
    figure = new_figure(*((7, 5.8) if len(shown) == 1 else (panel_width(columns) * columns, 3.9 * rows + 1.1)))
    for axes, (group, k) in zip(panels_of(figure, len(shown), rows, columns), shown, strict=True):
        on_axes(axes, picture, group, found[group].isel(seed=0, probe_step=k))
    lines = [line for line, group in zip(handles(picture, [problem], points=True), picture.groups, strict=True) if group in found]
    notes = [_problem_note(problem, len(problems)), f"{PANELS} of {len(panels)} planes are shown" * (len(panels) > len(shown))]
    legend(
        figure,
        [*lines, *marks(picture)],
        [n for n in (*notes, *best_notes([problem], found, numbers=False)) if n],
    )
    return figure


def _problem_note(problem: Problem, count: int) -> str:
    return f"at {problem.text}{'; --at FIELD=VALUE chooses another' if count > 1 else ''}" if problem.text else ""


def on_axes(axes: Any, picture: Picture, group: str, plane: Any) -> None:
    """One plane of one run."""
    x, y, loss = plane["plane_x"].values, plane["plane_y"].values, plane["loss"].values
    axes.set_title(plain(f"{group}, step {int(plane['probe_step']):,}"))
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    if not np.isfinite(loss).any():
        say(axes, 0.5, "no finite loss here: the run diverged, or stood still")
        return
    height = np.where(np.isfinite(loss), loss, np.nan)
    low, high = float(np.nanmin(height)), float(np.nanmax(height))
    bottom = 0.0 if 0 <= low < MARGIN * high else low - MARGIN * (high - low)
    filled(axes, picture.theme, x, y, height, bottom, "loss", picture.options.cmap)
    follow(axes, picture, group, plane["trajectory"].values)
    axes.plot(0, 0, "o", mfc="none", mec=picture.theme.ink, ms=12, mew=1.3, zorder=6)
    for k, set_label in enumerate((axes.set_xlabel, axes.set_ylabel)):
        set_label(plain(said(plane, k)))


def said(plane: Any, k: int) -> str:
    """What an axis is, in words."""
    given = settings(plane)
    axes = given.get("axes", "random")
    if not isinstance(axes, str):
        return f"way to step {axes[0]}" if k == 0 else f"way to step {axes[1]}, what is left of it"
    what = f"{AXES.get(axes, axes)} {k + 1}"
    if axes == "pca":
        return f"{what} ({100 * float(plane['explained'][k]):.3g} % of the variance)"
    if "curvature" in plane:
        return f"{what} (curvature {number(plane['curvature'][k])})"
    how = given.get("normalize", "none")
    return what if how == "none" else f"{what} (normalised by {how})"


def marks(picture: Picture) -> list[Any]:
    """What the signs on the plane mean, for the legend."""
    from matplotlib.lines import Line2D

    theme = picture.theme
    blank: dict[str, Any] = {"ls": "", "mec": theme.paper}
    which = "1 seed each" if picture.study.seeds == 1 else "the first seed of each"
    return [
        Line2D([], [], marker="s", color=theme.ink, ms=6, label="start", **blank),
        Line2D([], [], marker="o", color=theme.ink, ms=6, label=f"end ({which})", **blank),
        Line2D([], [], marker="o", mfc="none", mec=theme.ink, ms=10, mew=1.3, ls="", label="the point that the plane is laid through"),
    ]
