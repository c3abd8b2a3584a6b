"""Trajectories on the landscape, animated, with the loss beside them: .gif by Pillow, .mp4 by ffmpeg.

The picture shows what `landscape` and `loss` draw, with all optimizers at once. Trajectories fade behind their current points. With many seeds
(--seeds), each seed is a moving dot, and only the first ones have trajectories. --fps and --size are the frames per second and the width in pixels.
An .mp4 needs ffmpeg on the PATH, or the package imageio-ffmpeg, which contains it: pip install 'thalweg[video]'.
"""

import shutil
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..text.whole_file import whole
from . import landscape, loss
from ._axes import best_notes, grid_of, handles, legend, new_figure, panels_of, plain
from ._picture import Picture, spread_out

OPTIONS = ("seeds", "groups", "at", "cmap", "fps", "size")
FORMATS = ("gif", "mp4")
FRAMES, RATE, HOLD = 72, 15, 1.5
"""Frames at most, frames a second, and seconds the last one stays."""
TAIL, FADED = 0.2, 0.3
"""The part of the way so far that is drawn in full behind an end, and how much is left of the colour before it."""
PATHS = 12
"""Seeds of an optimizer up to which each has a path; of more, the first three."""
WIDTHS = {"gif": 640, "mp4": 1280}
"""Pixels across, where no size is given."""
SHADES, CLEAR = 64, 255
"""Colours of a .gif beside the theme's own, and the number of the one that is not drawn."""


def film(picture: Picture, target: Path) -> None:
    """Write the film. Raises SpecError if the landscape cannot be drawn or there is no ffmpeg, StoreError if it cannot be written."""
    write(*scene(picture), picture, target)


def write(figure: Any, frames: Iterator[int], picture: Picture, target: Path) -> None:
    """Write a figure and what moves it on. Raises SpecError if there is no ffmpeg, StoreError if it cannot be written."""
    moving = target.suffix.lower() == ".mp4"
    program = ffmpeg() if moving else None
    with whole(target) as part:
        figure.set_dpi((picture.options.size or WIDTHS["mp4" if moving else "gif"]) / figure.get_figwidth())
        rate = picture.options.fps or RATE
        if program:
            write_mp4(figure, frames, part, program, rate)
        else:
            write_gif(figure, frames, part, rate, (picture.theme.paper, picture.theme.ink, picture.theme.star, *picture.theme.colours))


def frames_of(count: int) -> np.ndarray:
    """The last of so many points on the paths that each frame shows."""
    return np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int))


def scene(picture: Picture) -> tuple[Any, Iterator[int]]:
    """The figure, and an iterator that moves it on; it yields the stored step that is shown."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown, note = spread_out(landscape.drawable(picture))
    alone = len(shown) == 1 and all("loss" in dataset for dataset in shown[0].groups.values())
    rows, columns = (1, 2) if alone else grid_of(len(shown))
    figure = new_figure(*((11, 5.6) if alone else (8, 6) if len(shown) == 1 else (5 * columns, 3.8 * rows + 1)))
    FigureCanvasAgg(figure)
    scenes, moving = [landscape.scene(picture, problem) for problem in shown], []
    panels = panels_of(figure, 2 if alone else len(shown), rows, columns)
    now = None
    if alone:
        medians = copy(picture)
        medians.options = replace(picture.options, seeds=None)
        loss.on_axes(panels[1], medians, shown[0])
        panels[1].set_title("loss")
        now = panels[1].axvline(0, color=picture.theme.ink, lw=0.9, zorder=4)
    for axes, one in zip(panels, scenes, strict=False):
        landscape.contours(axes, picture, one)
        for name, paths in one.paths.items():
            whole_paths = paths if len(paths) <= PATHS else paths[:3]
            moving += [Track(axes, picture, name, path) for path in whole_paths]
            if len(paths) > PATHS:
                moving.append(Cloud(axes, picture, name, paths))
    entries = [*handles(picture, shown, points=True), *landscape.marks(picture, scenes)]
    legend(figure, entries, [note, *landscape.plane_notes(scenes), *best_notes(shown, picture.groups, numbers=False)])
    heading = figure.suptitle(plain(picture.title), x=0.01, ha="left")
    steps = scenes[0].steps
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the margins stay as they are

    def move() -> Iterator[int]:
        for last in frames_of(len(steps)):
            for one in moving:
                one.move(int(last))
            if now is not None:
                now.set_xdata([steps[last]] * 2)
            heading.set_text(plain(f"{picture.title}: step {steps[last]:,}"))
            yield int(steps[last])

    return figure, move()


class Track:
    """One path: faded where it is long past, with a dot at its end."""

    def __init__(self, axes: Any, picture: Picture, name: str, path: np.ndarray):
        self.path = path
        self.tail, self.dot = landscape.follow(axes, picture, name, path)
        self.past, *_ = axes.plot([], [], color=picture.colour(name), ls=picture.style(name), lw=0.9, alpha=FADED, zorder=2.8)

    def move(self, last: int) -> None:
        """Draw it up to this place."""
        kept = self.path[: last + 1]
        split = max(0, last - max(3, round(TAIL * last)))
        self.past.set_data(kept[: split + 1, 0], kept[: split + 1, 1])
        self.tail.set_data(kept[split:, 0], kept[split:, 1])
        known = kept[np.isfinite(kept).all(-1)]
        self.dot.set_data(*known[-1:].T)


class Cloud:
    """Many seeds of one optimizer, a dot each."""

    def __init__(self, axes: Any, picture: Picture, name: str, paths: np.ndarray):
        self.paths = paths
        self.dots, *_ = axes.plot([], [], ".", color=picture.colour(name), ms=3.5, alpha=0.55, mew=0, zorder=2.9)

    def move(self, last: int) -> None:
        """Draw where the seeds are at this place; of those that diverged, nothing."""
        self.dots.set_data(*self.paths[:, last].T)


def write_gif(figure: Any, frames: Iterator[int], target: Path, rate: float, colours: Sequence[str]) -> None:
    """One palette for all frames, each of which stores only what has changed."""
    from PIL import Image

    taken = []
    for _ in frames:
        figure.canvas.draw()
        taken.append(Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))
    palette = palette_of(taken[-1], colours)
    shown = [np.asarray(image.quantize(palette=palette, dither=Image.Dither.NONE)) for image in taken]
    unchanged = [np.where(now == before, CLEAR, now) for before, now in pairwise(shown)]
    images = [Image.fromarray(pixels, "P") for pixels in (shown[0], *unchanged)]
    for image in images:
        image.putpalette(palette.getpalette())
    times = [round(1000 / rate)] * (len(images) - 1) + [round(1000 * HOLD)]
    keep = {"disposal": 1, "transparency": CLEAR, "optimize": False}
    images[0].save(target, format="GIF", save_all=True, append_images=images[1:], duration=times, loop=0, **keep)


def palette_of(image: Any, colours: Sequence[str]) -> Any:
    """A palette of SHADES colours of the image, and these exactly: thin lines would lose theirs."""
    from matplotlib.colors import to_rgb
    from PIL import Image

    common = image.quantize(SHADES, dither=Image.Dither.NONE).getpalette()[: 3 * SHADES]
    exact = [round(255 * part) for colour in colours for part in to_rgb(colour)]
    made = Image.new("P", (1, 1))
    made.putpalette((exact + common + exact[:3] * 256)[: 3 * 256])
    return made


def write_mp4(figure: Any, frames: Iterator[int], target: Path, program: str, rate: float) -> None:
    """H.264 in yuv420p, which every player shows."""
    import matplotlib as mpl
    from matplotlib.animation import FFMpegWriter

    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(2, "No such file or directory")
    with mpl.rc_context({"animation.ffmpeg_path": program}):
        writer = FFMpegWriter(fps=round(rate), codec="h264", extra_args=["-pix_fmt", "yuv420p", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2"])
        with writer.saving(figure, str(target), figure.get_dpi()):
            for _ in frames:
                writer.grab_frame()
            for _ in range(round(rate * HOLD)):
                writer.grab_frame()


def ffmpeg() -> str:
    """The ffmpeg program: on the path, or in the package imageio-ffmpeg. Raises SpecError that names both."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg  # type: ignore[import-not-found]

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        remedies = "install ffmpeg, or pip install 'thalweg[video]'"
        raise SpecError(f"plot: an .mp4 needs ffmpeg: {remedies}; a .gif needs neither") from None
