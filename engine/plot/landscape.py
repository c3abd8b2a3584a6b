"""Trajectories of the first seeds on contours of the noiseless loss, with known minima and the river, where there is one.

The contours are spaced by the logarithm of the height above the lowest visible point. Every optimizer is at its best point; a study that sweeps
its landscape, noise or start has a panel for each of their values. A landscape of more than two components, such as a network, is drawn on a
plane along the two principal directions of the trajectories, through the end of the best one. The trajectories are projected onto it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.landscapes.base import Landscape
from ...specs.status import Status
from ..comparison import Best
from ..results.landscape_grid import Ground, changing, flat_minima, framed, ground
from ..results.path_plane import PathPlane, axis_names_of, grid_side, ground_on, path_plane, too_costly
from ..results.trajectories import corners, iterates, joined, names_of
from ._axes import best_notes, grid_of, handles, legend, new_figure, panel_width, panels_of, plain, say, why_none
from ._ground import filled, less
from ._picture import Picture, Problem, only_problem, spread_out

OPTIONS = ("seeds", "groups", "at", "cmap")
TRAJECTORIES = 3
"""Seeds whose trajectories are drawn, an optimizer; one of each where there are more than three optimizers."""
HEIGHT = "noiseless loss"
GRID = 300
RIVER = (0, (5, 3))
"""Its line style, above the trajectories: they hide it where they follow it."""
STORED, NUMBERS = 3000, 2**24
"""Points of a trajectory that are drawn, and their numbers in all; of more, every k-th."""


@dataclass(frozen=True)
class Scene:
    """A landscape, of two components or on a plane, and the paths over it."""

    problem: Problem
    bests: dict[str, Best]
    paths: dict[str, np.ndarray]
    """Group -> (seeds, steps, 2)."""
    ground: Ground
    steps: np.ndarray
    """The steps of the points on the paths of the first optimizer."""
    plane: PathPlane | None = None

    def river(self) -> np.ndarray | None:
        """The river in sight, (points, 2)."""
        if self.plane:
            return None
        land = self.problem.landscape
        return land.river(self.ground.x, land.numbers())


def draw(picture: Picture) -> Any:
    """A panel for each problem. Raises SpecError if its landscape cannot be drawn, or the iterates are not stored."""
    shown, note = spread_out(drawable(picture))
    rows, columns = grid_of(len(shown))
    figure = new_figure(*((7, 5.8) if len(shown) == 1 else (panel_width(columns) * columns, 3.9 * rows + 1.1)))
    scenes = [scene(picture, problem) for problem in shown]
    for axes, one in zip(panels_of(figure, len(shown), rows, columns), scenes, strict=True):
        on_axes(axes, picture, one)
    entries = [*handles(picture, shown, points=True), *marks(picture, scenes)]
    legend(figure, entries, [note, *plane_notes(scenes), *best_notes(shown, picture.groups, numbers=False)])
    return figure


def into(axes: Any, picture: Picture) -> None:
    """One problem in axes of somebody's own figure, with its legend."""
    drawable(picture)
    one = scene(picture, only_problem(picture))
    on_axes(axes, picture, one)
    entries = [*handles(picture, [one.problem], points=True), *marks(picture, [one])]
    axes.legend(handles=entries, fontsize="small", frameon=False)


def drawable(picture: Picture) -> list[Problem]:
    """The problems that can be drawn. Raises SpecError with the reason if there is none."""
    problems = picture.problems()
    wide = [problem for problem in problems if problem.landscape.size >= 2]
    if not wide:
        raise SpecError(
            f"plot: the landscape {problems[0].landscape.kind} has 1 component, a picture of it needs 2; choose loss, sweep or phase"
        )
    for problem in wide:
        land = problem.landscape
        if why := changing(land) or too_costly(land):
            raise SpecError(f"plot: {why}; choose loss, sweep or phase")
        names = names_of(land.blocks)
        for name, dataset in problem.groups.items():
            if any(variable not in dataset.data_vars for variable in names):
                reason = "trajectories need; add params to record.variables and run again"
                raise SpecError(f"plot: {name} has no params of single runs, which {reason}")
    return wide


def scene(picture: Picture, problem: Problem) -> Scene:
    """What is drawn of one problem: the first seeds, whether they chose or report. Raises SpecError where no run moves, if a plane is to be drawn."""
    bests, land = problem.bests(), problem.landscape
    count = picture.options.seeds or (TRAJECTORIES if len(problem.groups) <= 3 else 1)
    stride = stride_of(problem, count * len(bests))
    paths, fine = {}, {}
    for name, best in bests.items():
        point = problem.groups[name].isel(best.index)
        paths[name] = paths_of(point, land, count, stride)
        fine[name] = point["status"].values[: len(paths[name])] != Status.DIVERGED
    plane = None
    if land.size > 2:
        order = sorted(bests, key=lambda name: (not np.isfinite(bests[name].median), bests[name].median))
        plane = path_plane([path for name in order for path in paths[name][fine[name]]])
        if plane is None:
            raise SpecError(f"plot: no trajectory on {land.kind} moves, so that there is no plane to draw; choose loss, sweep or phase")
        paths = {name: plane.project(path) for name, path in paths.items()}
    low, high = frame([paths[name][fine[name]] for name in paths], paths, land)
    sight = ground_on(land, plane, low, high, grid_side(land)) if plane else ground(land, low, high, GRID)
    steps = next(iter(problem.groups.values()))["step"].values[::stride]
    return Scene(problem, bests, paths, sight, steps, plane)


def plane_notes(scenes: list[Scene]) -> list[str]:
    """What planes are, for the legend."""
    if not any(one.plane for one in scenes):
        return []
    return ["the plane of the trajectories' principal directions through the end of the best; trajectories are projected onto it"]


def on_axes(axes: Any, picture: Picture, one: Scene) -> None:
    """The landscape and the whole paths."""
    contours(axes, picture, one)
    for name, paths in one.paths.items():
        for k, path in enumerate(paths):
            follow(axes, picture, name, path, faint=k > 0)
    if not any(best.known for best in one.bests.values()):
        say(axes, 0.92, why_none(one.bests.values()))


def follow(axes: Any, picture: Picture, name: str, path: np.ndarray, faint: bool = False) -> tuple[Any, Any]:
    """One path with its start and its end, faint behind that of the first seed; returns the line and the dot at the end."""
    from matplotlib.patheffects import Normal, Stroke

    looks: dict[str, Any] = {"lw": 0.7, "alpha": 0.35, "zorder": 2.7}
    if not faint:
        halo = [Stroke(linewidth=2.6, foreground=picture.theme.paper, alpha=0.8), Normal()]
        looks = {"lw": 1.2, "path_effects": halo, "zorder": 3}
    line, *_ = axes.plot(path[:, 0], path[:, 1], color=picture.colour(name), ls=picture.style(name), **looks)
    kept = path[np.isfinite(path).all(-1)]
    paper = {"mec": picture.theme.paper, "mew": 0.8}
    dot, *_ = axes.plot(*kept[-1:].T, "o", color=picture.colour(name), ms=5.5, zorder=5, **paper)
    axes.plot(*kept[:1].T, "s", color=picture.theme.ink, ms=5, zorder=4, **paper)
    return line, dot


def contours(axes: Any, picture: Picture, one: Scene) -> None:
    """Filled contours, logarithmic above the lowest value in sight, minima as stars, the river as a broken line."""
    theme, land, sight = picture.theme, one.problem.landscape, one.ground
    x, y = sight.x, sight.y
    filled(axes, theme, x, y, sight.height, sight.bottom, HEIGHT, picture.options.cmap)
    river = one.river()
    if river is not None:
        axes.plot(river[:, 0], river[:, 1], color=theme.ink, ls=RIVER, lw=1.1, zorder=3.5, label="_river")
    for minimum in sight.minima:
        size = 10 if minimum.local else 15
        axes.plot(*minimum.at, "*", color=theme.star, mec="black", mew=0.9, ms=size, zorder=4.5)
    first, second = axis_names(one)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=plain(first), ylabel=plain(second))
    axes.set_title(plain(f"{land.kind}{f', {one.problem.text}' if one.problem.text else ''}"))


def axis_names(one: Scene) -> tuple[str, str]:
    """The two components, or the directions of a plane."""
    if one.plane is None:
        first, second = one.problem.landscape.labels or ("x[0]", "x[1]")
        return first, second
    return axis_names_of(one.plane)


def said_height(bottom: float) -> str:
    """What the height of a landscape is, of which `bottom` is taken away."""
    return less(HEIGHT, bottom)


def marks(picture: Picture, scenes: list[Scene]) -> list[Any]:
    """What the signs on the landscape mean, for the legend."""
    from matplotlib.lines import Line2D

    seeds = max(len(paths) for one in scenes for paths in one.paths.values())
    which = "1 seed each" if picture.study.seeds == 1 else "the first seed of each" if seeds == 1 else f"the first {seeds} seeds of each"
    theme = picture.theme
    blank: dict[str, Any] = {"ls": "", "mec": theme.paper}
    made = [
        Line2D([], [], marker="s", color=theme.ink, ms=6, label="start", **blank),
        Line2D([], [], marker="o", color=theme.ink, ms=6, label=f"end ({which})", **blank),
    ]
    if any(one.ground.minima for one in scenes):
        made.append(Line2D([], [], marker="*", color=theme.star, ms=11, ls="", mec="black", label="minimum"))
    if any(one.river() is not None for one in scenes):
        made.append(Line2D([], [], color=theme.ink, ls=RIVER, lw=1.1, label="river"))
    return made


def stride_of(problem: Problem, runs: int) -> int:
    """Every how manyth stored step is drawn of so many runs."""
    stored = max(dataset.sizes["step"] for dataset in problem.groups.values())
    return max(1, stored // min(STORED, max(2, NUMBERS // (problem.landscape.size * runs))))


def paths_of(point: Any, land: Landscape, count: int, stride: int) -> np.ndarray:
    """Trajectories of the first seeds at one point of the sweep, at every so manyth stored step, (seeds, steps, components)."""
    parts, _ = iterates(point.isel(step=slice(None, None, stride)), land.blocks, count)
    return joined(parts or [], land.blocks)


def frame(kept: list[np.ndarray], paths: dict[str, np.ndarray], land: Landscape) -> tuple[np.ndarray, np.ndarray]:
    """The corners (low, high) of what is shown: the trajectories of runs that did not diverge, near minima, and a margin."""
    low, high = corners(np.concatenate([path.reshape(-1, 2) for path in kept]))
    if not np.isfinite([low, high]).all():
        starts = np.concatenate([path[:, 0] for path in paths.values()])
        low, high = corners(np.concatenate([starts, np.array([[land.domain[0]] * 2, [land.domain[1]] * 2])]))
    return framed(low, high, [minimum.at for minimum in flat_minima(land, land.numbers())])
