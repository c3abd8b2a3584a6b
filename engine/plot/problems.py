"""A panel for each problem of one or several stores: the loss of every optimizer, or any recorded value, as in the kind loss.

The default for several stores, and for a store of several landscapes. On each problem an optimizer is at the best point of its own sweep.
"""

from typing import Any

import numpy as np

from . import loss
from ._across import Across
from ._axes import choice_note, legend, new_figure, outer_labels, panels_of, plain

OPTIONS = ("value", "seeds", "groups", "at")
ACROSS = Across
"""It draws several stores."""
MOST = 16
"""Problems that are shown; of more, these many at even distances."""


def draw(picture: Across) -> Any:
    """The panels in a grid of nearly equal sides."""
    every = [(name, one, problem) for name, one in picture.pictures.items() if one.groups for problem in one.problems()]
    kept = np.unique(np.linspace(0, len(every) - 1, min(len(every), MOST)).round().astype(int))
    shown = [every[k] for k in kept]
    columns = int(np.ceil(np.sqrt(len(shown)))) if len(shown) != 3 else 3
    rows = -(-len(shown) // columns)
    figure = new_figure(3.5 * columns + 0.6, 2.9 * rows + 1)
    panels = panels_of(figure, len(shown), rows, columns)
    said: dict[str, None] = {}
    for k, (axes, (name, one, problem)) in enumerate(zip(panels, shown, strict=True)):
        loss.on_axes(axes, one, problem)
        axes.set_title(plain(", ".join(text for text in (name, problem.text) if text)))
        what, _, counted = str(axes.get_ylabel()).partition("\n")
        said[counted] = None
        axes.set_ylabel(what)
        if k + columns < len(shown):
            axes.set_xlabel("")
    outer_labels(panels, columns)
    chosen = {label: best.chosen for _, _, problem in shown for label, best in problem.bests().items()}
    left = f"{len(shown)} of {len(every)} problems are shown" if len(shown) < len(every) else ""
    note = f"each optimizer at its best point on each problem: {'; '.join(said)}"
    legend(figure, lines_of(picture), [note, left, choice_note(chosen)])
    return figure


def lines_of(picture: Across) -> list[Any]:
    """A line for each optimizer in the legend."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=picture.colour(name), ls=picture.style(name), lw=2, label=name) for name in picture.labels]
