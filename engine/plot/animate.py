"""Trajectories that grow on the landscape, a few seconds long: .gif by Pillow, .mp4 by ffmpeg.

What is drawn is what `landscape` draws, all optimizers at once. An .mp4 needs ffmpeg on the path, or the package imageio-ffmpeg, which
carries one: pip install 'thalweg[video]'.
"""

import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..text.whole_file import whole
from . import landscape
from ._axes import best_notes, grid_of, handles, legend, new_figure, panels_of, plain
from ._picture import Picture, spread_out

OPTIONS = ("seeds", "groups", "at")
FORMATS = ("gif", "mp4")
FRAMES, RATE, HOLD = 72, 15, 1.5
"""Frames at most, frames a second, and seconds the last one stays."""
DPI = 80
SHADES, CLEAR = 64, 255
"""Colours of a .gif beside the theme's own, and the number of the one that is not drawn."""


def film(picture: Picture, target: Path) -> None:
    """Write the film. Raises SpecError if the landscape cannot be drawn or there is no ffmpeg, StoreError if it cannot be written."""
    moving = target.suffix.lower() == ".mp4"
    program = ffmpeg() if moving else None
    figure, frames = scene(picture)
    with whole(target) as part:
        if program:
            write_mp4(figure, frames, part, program)
        else:
            write_gif(figure, frames, part, (picture.theme.paper, picture.theme.ink, picture.theme.star, *picture.theme.colours))


def scene(picture: Picture) -> tuple[Any, Iterator[int]]:
    """The figure, and an iterator that moves it on; it yields the stored step that is shown."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    shown, note = spread_out(landscape.drawable(picture))
    rows, columns = grid_of(len(shown))
    figure = new_figure(*((8, 6) if len(shown) == 1 else (5 * columns, 3.8 * rows + 1)))
    FigureCanvasAgg(figure)
    scenes, moving = [landscape.scene(picture, problem) for problem in shown], []
    for axes, one in zip(panels_of(figure, len(shown), rows, columns), scenes, strict=True):
        landscape.contours(axes, picture, one)
        for name, paths in one.paths.items():
            moving += [(path, *landscape.follow(axes, picture, name, path)) for path in paths]
    entries = [*handles(picture, shown, points=True), *landscape.marks(picture, scenes)]
    legend(figure, entries, [note, *best_notes(shown, picture.groups, numbers=False)])
    heading = figure.suptitle(plain(picture.title), x=0.01, ha="left")
    steps = next(iter(shown[0].groups.values()))["step"].values[
        :: max(1, next(iter(shown[0].groups.values())).sizes["step"] // landscape.STORED)
    ]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the margins stay as they are

    def move() -> Iterator[int]:
        count = len(steps)
        for last in np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int)):
            for path, line, dot in moving:
                kept = path[: last + 1]
                line.set_data(kept[:, 0], kept[:, 1])
                kept = kept[np.isfinite(kept).all(-1)]
                dot.set_data(*kept[-1:].T)
            heading.set_text(plain(f"{picture.title}: step {steps[last]:,}"))
            yield int(steps[last])

    return figure, move()


def write_gif(figure: Any, frames: Iterator[int], target: Path, colours: Sequence[str]) -> None:
    """One palette for all frames, each of which stores only what has changed."""
    from PIL import Image

    figure.set_dpi(DPI)
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
    times = [round(1000 / RATE)] * (len(images) - 1) + [round(1000 * HOLD)]
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


def write_mp4(figure: Any, frames: Iterator[int], target: Path, program: str) -> None:
    """H.264 in yuv420p, which every player shows."""
    import matplotlib as mpl
    from matplotlib.animation import FFMpegWriter

    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(2, "No such file or directory")
    with mpl.rc_context({"animation.ffmpeg_path": program}):
        writer = FFMpegWriter(fps=RATE, codec="h264", extra_args=["-pix_fmt", "yuv420p", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2"])
        with writer.saving(figure, str(target), DPI * 2):
            for _ in frames:
                writer.grab_frame()
            for _ in range(round(RATE * HOLD)):
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
