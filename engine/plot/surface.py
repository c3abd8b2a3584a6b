"""The landscape as a surface in three dimensions with the trajectories on it; .gif and .mp4 turn around it while the runs go on.

What is drawn is what `landscape` draws: a landscape of two components, or the plane of the trajectories' principal directions. The height is the logarithm
of the noiseless loss above the lowest point in sight. --fps and --size are frames a second and the width in pixels of an animation.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..results.landscape_grid import Ground
from . import animate, landscape
from ._axes import best_notes, grid_of, handles, legend, new_figure, panel_width, panels_of, plain
from ._ground import above_bottom, shades
from ._picture import Picture, spread_out

OPTIONS = ("seeds", "groups", "at", "cmap", "fps", "size")
FORMATS = ("png", "svg", "pdf", *animate.FORMATS)
PATCHES = 120
"""Patches of the surface a side."""
ELEVATION, AZIMUTH, TURN = 35, -60, 60
"""Degrees: where one looks from, and how far an animation turns."""
ASPECT = 0.6
"""Height of the surface, of the length of its sides."""
BEYOND = 0.25
"""How far from a minimum hills begin to hide it, of the length of a side."""
LIFT = 0.01
"""How far paths lie above the surface, of its height."""


def draw(picture: Picture) -> Any:
    """A surface for each problem, with the whole trajectories."""
    figure, _ = scene(picture)
    return figure


def film(picture: Picture, target: Path) -> None:
    """Write the animation. Raises SpecError if the landscape cannot be drawn or there is no ffmpeg, StoreError if it cannot be written."""
    animate.write(*scene(picture), picture, target)


def scene(picture: Picture) -> tuple[Any, Iterator[int]]:
    """The figure, and an iterator that moves it on; it yields the stored step that is shown."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown, note = spread_out(landscape.drawable(picture))
    rows, columns = grid_of(len(shown))
    figure = new_figure(*((8, 6.4) if len(shown) == 1 else (panel_width(columns) * columns, 4.2 * rows + 1)))
    FigureCanvasAgg(figure)
    scenes = [landscape.scene(picture, problem) for problem in shown]
    panels = panels_of(figure, len(shown), rows, columns, subplot_kw={"projection": "3d", "computed_zorder": False})
    moving = [part for axes, one in zip(panels, scenes, strict=True) for part in on_axes(axes, picture, one)]
    entries = [*handles(picture, shown, points=True), *landscape.marks(picture, scenes)]
    legend(figure, entries, [note, *landscape.plane_notes(scenes), *best_notes(shown, picture.groups, numbers=False)])
    heading = figure.suptitle(plain(picture.title), x=0.01, ha="left")

    def move() -> Iterator[int]:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the margins stay as they are
        steps = scenes[0].steps
        frames = animate.frames_of(len(steps))
        for k, last in enumerate(frames):
            for axes in panels:
                axes.view_init(ELEVATION, AZIMUTH + TURN * k / max(1, len(frames) - 1))
            for one in moving:
                one.move(int(last))
            heading.set_text(plain(f"{picture.title}: step {steps[last]:,}"))
            yield int(steps[last])

    return figure, move()


class Track:
    """One path on the surface, with a dot at its end."""

    def __init__(self, axes: Any, picture: Picture, name: str, path: np.ndarray, faint: bool):
        self.path = path
        colour = picture.colour(name)
        looks = {"lw": 0.8, "alpha": 0.45} if faint else {"lw": 1.7}
        self.line, *_ = axes.plot(*path.T, color=colour, ls=picture.style(name), zorder=3, **looks)
        paper = {"mec": picture.theme.paper, "mew": 0.8}
        kept = path[np.isfinite(path).all(-1)]
        self.dot, *_ = axes.plot(*kept[-1:].T, "o", color=colour, ms=5.5, zorder=5, **paper)
        axes.plot(*kept[:1].T, "s", color=picture.theme.ink, ms=5, zorder=4, **paper)

    def move(self, last: int) -> None:
        """Draw it up to this place."""
        kept = self.path[: last + 1]
        self.line.set_data_3d(*kept.T)
        self.dot.set_data_3d(*kept[np.isfinite(kept).all(-1)][-1:].T)


class Star:
    """A minimum, which is drawn where no hill hides it."""

    def __init__(self, axes: Any, picture: Picture, minimum: Any, sight: Ground, height: np.ndarray):
        self.axes, self.place, self.sight, self.height = axes, np.asarray(minimum.at, dtype=float), sight, height
        size = 10 if minimum.local else 14
        self.mark, *_ = axes.plot(*self.place, np.nanmin(height), "*", color=picture.theme.star, mec="black", mew=0.9, ms=size, zorder=4.5)
        self.move(0)

    def move(self, last: int) -> None:
        """Look whether a hill hides it now: whether the surface rises above the line from it to the eye. The walls of its own pit do not count."""
        elevation, azimuth = np.radians([self.axes.elev, self.axes.azim])
        low, span = np.nanmin(self.height), np.ptp(self.height[np.isfinite(self.height)])
        far = np.linspace(BEYOND, 1.5, 150)
        sides = np.array([self.sight.x[-1] - self.sight.x[0], self.sight.y[-1] - self.sight.y[0]])
        ray = self.place + far[:, None] * np.cos(elevation) * np.array([np.cos(azimuth), np.sin(azimuth)]) * sides
        above = at(self.sight, self.height, ray) > low + span * (far * np.sin(elevation) / ASPECT + 0.02)
        self.mark.set_visible(not above.any())


def on_axes(axes: Any, picture: Picture, one: landscape.Scene) -> "list[Track | Star]":
    """The surface, the paths on it and the minima, which can be moved."""
    from matplotlib.colors import LightSource

    theme, land, sight = picture.theme, one.problem.landscape, one.ground
    axes.set_title(plain(f"{land.kind}{f', {one.problem.text}' if one.problem.text else ''}"))
    first, second = landscape.axis_names(one)
    axes.set(xlabel=plain(first), ylabel=plain(second), xlim=(sight.x[0], sight.x[-1]), ylim=(sight.y[0], sight.y[-1]))
    axes.view_init(ELEVATION, AZIMUTH)
    axes.set_box_aspect((1, 1, ASPECT), zoom=1.12)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(theme.paper)
        axis.label.set_size("small")
    axes.tick_params(labelsize="small")
    found = above_bottom(sight.height, sight.bottom)
    if found is None:
        return []
    height, floor = np.log10(np.maximum(found.above, found.floor)), np.log10(found.floor)
    span = float(np.nanmax(height)) - floor
    step = max(1, len(sight.x) // PATCHES)
    x, y = np.meshgrid(sight.x[::step], sight.y[::step])
    z = height[::step, ::step]
    colours = LightSource(azdeg=315, altdeg=50).shade(
        np.where(np.isfinite(z), z, floor), cmap=shades(theme, picture.options.cmap), blend_mode="soft", vert_exag=len(z) / span / 2
    )
    axes.plot_surface(x, y, z, facecolors=colours, rstride=1, cstride=1, linewidth=0, antialiased=False, shade=False, zorder=1)
    axes.set_zlim(floor, floor + 1.05 * span)
    axes.set_zlabel(f"log10({landscape.said_height(sight.bottom)})", fontsize="small")
    made: list[Track | Star] = []
    for name, paths in one.paths.items():
        for k, path in enumerate(paths):
            lifted = np.column_stack([path, at(sight, height, path) + LIFT * span])
            if np.isfinite(lifted).all(-1).any():
                made.append(Track(axes, picture, name, lifted, faint=k > 0))
    made += [Star(axes, picture, minimum, sight, height) for minimum in sight.minima]
    return made


def at(sight: Ground, height: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The height of the surface below a path, (steps, 2) -> (steps,), linear between the points of the grid; NaN outside."""
    places = [(path[:, k] - line[0]) / (line[1] - line[0]) for k, line in enumerate((sight.x, sight.y))]
    inside = np.all([(place >= 0) & (place <= len(sight.x) - 1) for place in places], axis=0)
    a, b = (np.where(inside, place, 0.0) for place in places)
    i, j = (np.minimum(place.astype(int), len(sight.x) - 2) for place in (a, b))
    u, v = a - i, b - j
    found = (1 - v) * ((1 - u) * height[j, i] + u * height[j, i + 1]) + v * ((1 - u) * height[j + 1, i] + u * height[j + 1, i + 1])
    return np.where(inside, found, np.nan)
