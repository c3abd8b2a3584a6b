"""What the kinds of pictures share on their axes: bands, scales, labels, the legend beside the data."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from ...specs.text import printable
from ..comparison import Best
from ..results.best import CHOICES, NO_CHOICE, rule
from ..results.curves import Band
from ._picture import Picture, Problem, short

WORDS = {
    "lr": "learning rate",
    "beta": "momentum",
    "beta1": "decay rate of the first moment",
    "beta2": "decay rate of the second moment",
    "momentum": "momentum",
    "weight_decay": "weight decay",
    "sigma": "noise of the swarm",
    "particles": "particles",
    "noise.scale": "standard deviation of the gradient noise",
    "sharpness": "sharpness",
    "river": "progress down the river",
    "hill": "hill loss",
    "hessian_top": "largest eigenvalue of the Hessian",
    "gradient_norm": "norm of the gradient",
    "update_norm": "norm of the update",
    "kernel_min": "smallest eigenvalue of the tangent kernel",
    "kernel_max": "largest eigenvalue of the tangent kernel",
    "diverged": "fraction of runs that diverged",
    "converged": "fraction of runs that converged",
    "loss": "noiseless loss",
}
"""Plain words for names that many studies have."""
LINES = {"runs": "median of", "quantiles": "median of", "mean": "mean of", "fraction": "of", "expression": "over"}
DECADES = 1e-40
"""A logarithmic axis reaches down to the largest value times this: what is smaller is rounding."""
WHAT = dict.fromkeys(("runs", "quantiles"), "median and 25-75 % of") | {"mean and standard deviation": "mean and standard deviation of"}
"""What a band is, in words, without and with edges."""


def words(name: str) -> str:
    """'learning rate (lr)'; a name without plain words as it is."""
    said = WORDS.get(name)
    return plain(name if said is None else said if said == name or said.startswith("fraction") else f"{said} ({name})")


def plain(text: Any) -> str:
    """Text in which Matplotlib sees no mathematics."""
    return printable(text, keep="\n").replace("$", r"\$")


def new_figure(width: float, height: float) -> Any:
    """An empty figure with margins that fit what is in it."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def grid_of(count: int, most: int = 2) -> tuple[int, int]:
    """Rows and columns for so many panels: at most `most` columns, but three panels stand in a row.

    >>> grid_of(1), grid_of(3), grid_of(5)
    ((1, 1), (1, 3), (3, 2))
    """
    columns = 3 if count == 3 else min(count, most)
    return -(-count // columns), columns


def panels_for(problems: Sequence[Problem], **options: Any) -> tuple[Any, list[Any], int]:
    """A figure with a panel a problem: (figure, panels, columns)."""
    rows, columns = grid_of(len(problems))
    figure = new_figure(*((7, 5.2) if len(problems) == 1 else (panel_width(columns) * columns, 3.6 * rows + 1)))
    return figure, panels_of(figure, len(problems), rows, columns, **options), columns


def outer_labels(panels: Sequence[Any], columns: int) -> None:
    """Panels of one quantity name it at the left of each row."""
    for k, axes in enumerate(panels):
        if k % columns:
            axes.set_ylabel("")


def panel_width(columns: int) -> float:
    """Inches a panel."""
    return 4.4 if columns == 3 else 5.3


def panels_of(figure: Any, count: int, rows: int, columns: int, **options: Any) -> list[Any]:
    """The first `count` axes of a grid; the rest of it stays empty."""
    made = list(figure.subplots(rows, columns, squeeze=False, **options).ravel())
    for left in made[count:]:
        left.set_visible(False)
        left.set_in_layout(False)
    return made[:count]


def draw_band(axes: Any, x: np.ndarray, found: Band, colour: str, style: str, marker: str | None = None) -> np.ndarray:
    """A line with its band along x; returns the finite numbers that were drawn."""
    middle, *edges = parts = [np.where(np.isfinite(part), part, np.nan) for part in found.parts]
    if marker is None and len(x) == 1:
        marker = "o"
    axes.plot(x, middle, color=colour, ls=style, lw=1.6, marker=marker, ms=4, zorder=3)
    if edges:
        axes.fill_between(x, *edges, color=colour, alpha=0.22, lw=0, zorder=2)
    drawn = np.concatenate(parts)
    return drawn[np.isfinite(drawn)]


def scale_values(axes: Any, drawn: Sequence[np.ndarray], room: bool = False) -> None:
    """A logarithmic y axis where all is positive and spans a decade, down to DECADES of the largest; symmetric logarithm where signs differ and sizes too; else linear."""
    axes.grid(True)
    axes.set_axisbelow(True)
    values = np.concatenate([*drawn, np.empty(0)])
    if not values.size:
        axes.set_yticks([])
        return
    positive, size = values[values > 0], np.abs(values[values != 0])
    if values.min() >= 0 and positive.size and np.log10(positive.max()) - np.log10(positive.min()) > 1:
        axes.set_yscale("log")
        axes.margins(y=0.14 if room else 0.05)
        if positive.min() < positive.max() * DECADES:
            axes.set_autoscaley_on(False)  # before the axis looks at the data
            axes.set_ylim(positive.max() * DECADES, positive.max() * DECADES**-0.05)
        return
    elif values.min() < 0 and size.max() / np.median(size) > 30:
        from matplotlib.ticker import SymmetricalLogLocator

        threshold = 10.0 ** np.floor(np.log10(np.median(size)))
        axes.set_yscale("symlog", linthresh=threshold)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=threshold))
    elif np.ptp(values) < 1e-6 * np.abs(values).max():  # a constant and its rounding: no scale to speak of
        axes.set_ylim(values.mean() - 0.05 * np.abs(values).max(), values.mean() + 0.05 * np.abs(values).max())
    axes.margins(y=0.14 if room else 0.05)


def is_logarithmic(x: np.ndarray) -> bool:
    """Whether a swept field belongs on a logarithmic axis: positive, over a decade or more."""
    return bool(x.min() > 0 and x.max() / x.min() >= 10)


def scale_steps(axes: Any, picture: Picture) -> None:
    """The x axis of what happens over steps."""
    from matplotlib.ticker import MaxNLocator

    if picture.study.record.log is not None:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(left=0)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel("step (optimizer updates)")


def handles(picture: Picture, problems: Iterable[Problem], points: bool) -> list[Any]:
    """A line each optimizer for the legend, with its best point where that is the same in every panel."""
    from matplotlib.lines import Line2D

    bests = [problem.bests() for problem in problems]
    made = []
    for name in picture.groups:
        own = [best[name] for best in bests]
        note = own[0].text if len({best.text for best in own}) == 1 else ""
        if not any(best.known for best in own):
            points, note = True, why_none(own)
        label = f"{name}: {note}" if note and points else name
        made.append(Line2D([], [], color=picture.colour(name), ls=picture.style(name), lw=2, label=label))
    return made


def legend(figure: Any, entries: Sequence[Any], notes: Sequence[str] = ()) -> None:
    """The legend under the panels, never on the data, with notes in small print above it."""
    width = figure.get_figwidth()
    room = int(width * 12.5)
    for entry in entries:
        entry.set_label(plain(fill(str(entry.get_label()), max(30, room - 15))))
    longest = max((len(line) for h in entries for line in str(h.get_label()).splitlines()), default=1)
    columns = max(1, min(len(entries), room // (longest + 8), 5))
    title = "\n".join(plain(fill(note, int(width * 15))) for note in notes if note)
    if not entries and not title:
        return
    made = figure.legend(handles=list(entries), loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    if title:
        made.set_title(title, {"size": 8})
        made.get_title().set_multialignment("center")


def best_notes(problems: Sequence[Problem], names: Iterable[str], numbers: bool = True) -> list[str]:
    """Where each optimizer is shown, for panels of several problems one line a panel; and what that is the best by and, if there are
    `numbers` over the seeds that report, which these are."""
    made, chosen = [], {}
    for problem in problems:
        bests = {name: best for name, best in problem.bests().items() if name in names}
        chosen |= {name: best.chosen for name, best in bests.items()}
        said = [f"{name}: {best.text}" for name, best in bests.items() if best.text and best.known]
        made += [f"at {problem.text}: {'; '.join(said)}"] if said and len(problems) > 1 else []
    return [*made, choice_note(chosen, numbers)]


def choice_note(chosen: Mapping[str, str], numbers: bool = True) -> str:
    """How the points of optimizers were chosen, in words; empty where there was nothing to choose. With `numbers` also which seeds report."""
    if not {*chosen.values()} - {NO_CHOICE}:
        return ""
    return rule(chosen) if numbers else "; ".join(dict.fromkeys(CHOICES[way] for way in chosen.values() if CHOICES[way]))


def say(axes: Any, height: float, text: str) -> None:
    """A word over the panel, where there is nothing else to see."""
    axes.text(0.5, height, text, transform=axes.transAxes, ha="center", va="center", fontsize=13, zorder=10)


def only_lost(bests: dict[str, Best], name: str) -> bool:
    """Whether this optimizer only diverged while another did not."""
    return bool(bests[name].counts["diverged"]) and not bests[name].known and any(best.known for best in bests.values())


def why_none(bests: Iterable[Best]) -> str:
    return "every run diverged" if any(best.counts["diverged"] for best in bests) else "no run is finished yet"


def statistic(bands: Iterable[tuple[Band, int]]) -> str:
    """What lines show, in words, of (a band, over how many seeds it is).

    >>> statistic([(Band(np.zeros(3), np.zeros(3), np.zeros(3)), 8), (Band(np.zeros(3), np.zeros(3), np.zeros(3)), 16)])
    'median and 25-75 % of 8 or 16 seeds'
    >>> statistic([(Band(np.zeros(3), what="mean"), 8)]), statistic([(Band(np.zeros(3)), 1)])
    ('mean of 8 seeds', '1 seed')
    """
    counts = sorted({count for _, count in bands})
    said = dict.fromkeys(WHAT[one.what] if one.low is not None else LINES[one.what] for one, _ in bands)
    seeds = f"{' or '.join(f'{count:,}' for count in counts)} seed{'s' * (counts != [1])}"
    return seeds if counts == [1] else f"{', '.join(said)} {seeds}"


def number(value: float) -> str:
    return short(float(value))
