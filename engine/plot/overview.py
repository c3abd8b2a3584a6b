"""The landscape with trajectories and the loss curves side by side; the loss alone if the landscape cannot be drawn.

A study that sweeps its landscape, noise or start has a row for each of their values.
"""

from typing import Any

from ...specs.errors import SpecError
from . import landscape, loss
from ._axes import handles, legend, new_figure, plain
from ._picture import Picture, spread_out

OPTIONS = ("seeds", "groups", "at", "cmap")


def draw(picture: Picture) -> Any:
    """Two panels a problem."""
    try:
        shown, note = spread_out(landscape.drawable(picture), 3)
        scenes = [landscape.scene(picture, problem) for problem in shown]
    except SpecError:
        return loss.draw(picture)
    figure = new_figure(12, 5.8 if len(shown) == 1 else 3.7 * len(shown) + 1.2)
    rows = figure.subplots(len(shown), 2, squeeze=False)
    for (left, right), problem, one in zip(rows, shown, scenes, strict=True):
        landscape.on_axes(left, picture, one)
        loss.on_axes(right, picture, problem)
        right.set_title(plain(f"loss{f', {problem.text}' if problem.text else ''}"))
    figure.get_layout_engine().set(wspace=0.06)
    entries = [*handles(picture, shown, points=True), *landscape.marks(picture, scenes)]
    legend(figure, entries, [note, *landscape.plane_notes(scenes), *loss.notes(picture, shown)])
    return figure
