"""A critical-difference diagram: the average rank of each optimizer on an axis, where 1 is best; bars join optimizers that Nemenyi's test cannot
distinguish.

The numbers are those of `thalweg compare --view ranks`. Source: Demsar 2006, JMLR 7:1, section 3.2.2.
"""

from typing import Any

import numpy as np

from ..comparison.cells import chance
from ..comparison.views import ranks
from ._across import Across
from ._axes import choice_note, legend, new_figure, plain

OPTIONS = ("value", "groups", "at")
ACROSS = Across
"""It draws several stores."""
LINE = 0.34
"""Inches from one name to the next."""


def draw(picture: Across) -> Any:
    """One axis, names below it at both sides, bars between."""
    found = picture.entries(picture.measure)
    numbers = ranks.view(found)
    figure = new_figure(8, 1.9 + LINE * (depth(numbers) + 1.2))
    on_axes(figure.subplots(), picture, numbers)
    about = numbers.attrs
    blocks = f"{about['count']:,} {about['blocks']}{' of one problem' * (about['blocks'] == 'seeds')}"
    apart = "bars join optimizers that cannot be told apart" if bars_of(numbers) else "every two optimizers differ"
    said = f"average ranks over {blocks}, 1 is the best; {apart} (Nemenyi's test at {about['alpha']:g}; Friedman's test: p {chance(about['p_friedman'])})"
    out = f"left out, as they did not run on every problem: {about['left_out']}" if about["left_out"] else ""
    value = picture.options.value
    what = f"ranked by the final {value}, {'largest' if picture.measure.largest else 'lowest'} first" if value not in (None, "loss") else ""
    legend(figure, [], [said, what, out, choice_note({one.solver: one.best.chosen for one in found}, numbers=False)])
    return figure


def into(axes: Any, picture: Across) -> None:
    """The diagram in axes of somebody's own figure."""
    on_axes(axes, picture, ranks.view(picture.entries(picture.measure)))


def on_axes(axes: Any, picture: Across, numbers: Any) -> None:
    """The diagram of these ranks."""
    rank, names, bars = numbers["rank"].values, numbers["optimizer"].values, bars_of(numbers)
    low, high = 1.0, float(max(len(rank), 2))
    pad, half, below = 0.34 * (high - low), (len(rank) + 1) // 2, 0.45 * len(bars) + 0.5
    axes.set(xlim=(low - pad, high + pad), ylim=(-depth(numbers), 1.9))
    axes.set_axis_off()
    ink, soft = picture.theme.ink, picture.theme.soft
    axes.plot([low, high], [0, 0], color=ink, lw=1.1, solid_capstyle="butt")
    for tick in np.arange(low, high + 1):
        axes.plot([tick, tick], [0, 0.22], color=ink, lw=1.1)
        axes.text(tick, 0.34, f"{tick:g}", ha="center", va="bottom", fontsize=10)
    for k, (at, name) in enumerate(zip(rank, names, strict=True)):
        left = k < half
        y = -(below + (k if left else len(rank) - 1 - k))
        end = low - 0.03 * (high - low) if left else high + 0.03 * (high - low)
        colour = picture.colour(str(name)) if str(name) in picture.all else ink
        axes.plot([at, at, end], [0, y, y], color=colour, lw=1.3)
        axes.text(end, y, plain(f" {name}  {at:.2f} "), ha="right" if left else "left", va="center", color=colour, fontsize=10)
    for k, (first, last) in enumerate(bars):
        y = -0.42 * (k + 1)
        axes.plot([rank[first] - 0.02, rank[last] + 0.02], [y, y], color=ink, lw=4.5, solid_capstyle="round", zorder=4)
    distance = numbers.attrs["critical_difference"]
    shown = min(distance, high - low + pad)
    axes.plot([low, low, low + shown, low + shown], [1.25, 1.4, 1.4, 1.25], color=soft, lw=1.1)
    axes.text(low, 1.5, f"critical difference {distance:.3g}", color=soft, fontsize=9, va="bottom")


def bars_of(numbers: Any) -> list[tuple[int, int]]:
    """The bars of these ranks."""
    return cliques(numbers["rank"].values, numbers.attrs["critical_difference"])


def depth(numbers: Any) -> float:
    """How far the diagram reaches below its axis, in lines."""
    return 0.45 * len(bars_of(numbers)) - 0.1 + (numbers.sizes["optimizer"] + 1) // 2


def cliques(rank: np.ndarray, distance: float) -> list[tuple[int, int]]:
    """(first, last) of every longest run of at least two sorted average ranks that lie less than the critical difference apart.

    >>> cliques(np.array([1.0, 1.5, 2.2, 3.9]), 1.0)
    [(0, 1), (1, 2)]
    """
    made: list[tuple[int, int]] = []
    for first in range(len(rank)):
        last = int(np.flatnonzero(rank - rank[first] < distance)[-1])
        if last > first and (not made or last > made[-1][1]):
            made.append((first, last))
    return made
