"""A phase diagram or heat map over two swept fields: by default the median final loss, with the best point marked.

A value can be a fraction of runs (diverged, converged) or any expression over the results; `line` draws a theoretical boundary. There is a
panel for each optimizer that sweeps both fields, and for each value of the landscape, the noise and the start that is on neither axis. Other
hyperparameters are at each panel's best point.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..comparison import Best, sweep_dims
from ..results.best import each_problem, positions, report_of
from ..results.curves import Band, of_values
from ..results.swept import is_problem
from ._axes import choice_note, grid_of, is_logarithmic, legend, new_figure, number, outer_labels, panels_of, plain, statistic, words
from ._ground import colour_map
from ._picture import Picture, spread_out
from ._theory_line import theory
from ._values import axis_of, finals, is_fraction, numeric_fields, shows_best

OPTIONS = ("value", "x", "y", "line", "target", "groups", "at", "cmap")
PANELS = 6


@dataclass(frozen=True)
class Map:
    """One panel: the numbers over a grid."""

    title: str
    name: str
    group: Any
    """The dataset at this problem and these hyperparameters: its only sweep dimensions are those of the axes."""
    x: Any
    y: Any
    values: np.ndarray
    """(y, x), increasing along both."""
    best: tuple[np.ndarray, np.ndarray]
    """Rows and columns of the best points: one for each problem where an axis is the problem's, none where both are, else one in all."""
    chosen: str
    """How best points were chosen, which are marked or at which hyperparameters are that lie on no axis; empty where none is shown."""
    seeds: int
    """Over how many seeds the numbers are."""


def draw(picture: Picture) -> Any:
    """A panel an optimizer and problem, one colour scale for all."""
    x, y = fields(picture)
    panels, note = spread_out(maps(picture, x, y), PANELS)
    rows, columns = grid_of(len(panels), 3 if len(panels) > 4 else 2)
    figure = new_figure(*((7, 5.4) if len(panels) == 1 else (4.6 * columns + 0.6, 3.6 * rows + 1)))
    everything = np.concatenate([panel.values.ravel() for panel in panels])
    norm, shades = scale(picture, everything)
    made = panels_of(figure, len(panels), rows, columns)
    lines = [on_axes(axes, picture, panel, norm, shades) for axes, panel in zip(made, panels, strict=True)]
    for axes in made:
        axes.set(xlabel=words(x), ylabel=words(y))
    outer_labels(made, columns)
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(norm, shades), ax=made, label=said(picture, panels), pad=0.02)
    bar.outline.set_edgecolor(picture.theme.soft)
    missed = "the theory line lies outside the picture" if picture.options.line and not any(lines) else ""
    chosen = {panel.name: panel.chosen for panel in panels if panel.chosen}
    legend(figure, entries(picture, panels, any(lines)), [note, missed, choice_note(chosen)])
    return figure


def fields(picture: Picture) -> tuple[str, str]:
    """The two axes: as chosen, else the first two numeric fields of the first optimizer that has two, hyperparameters before the problem's.

    Of a hyperparameter and a field of the problem, the problem's is along x. Raises SpecError if there are not two.
    """
    options = picture.options
    for name, dataset in picture.groups.items():
        taken = set()
        for text in (options.x, options.y):
            axis = axis_of(picture, picture.results(), text, name) if text else None
            taken |= set(axis.dims) if axis is not None else set()
        free: dict[str, str] = {}
        for key in sorted(numeric_fields(dataset), key=lambda key: is_problem(dataset[key])):
            free.setdefault(str(dataset[key].dims[0]), key)
        left = [key for dim, key in free.items() if dim not in taken]
        wanted = [text for text in (options.x, options.y) if text]
        if len(wanted) + len(left) >= 2:
            if not wanted:
                pair = sorted(left[:2], key=lambda key: not is_problem(dataset[key]))
                return pair[0], pair[1]
            return options.x or left[0], options.y or left[0]
    swept = list(dict.fromkeys(key for dataset in picture.groups.values() for key in numeric_fields(dataset)))
    raise SpecError(f"plot: phase needs two swept numeric fields in one optimizer (swept: {', '.join(swept) or 'nothing'}); choose sweep")


def maps(picture: Picture, x: str, y: str) -> list[Map]:
    """The panels. Raises SpecError if no optimizer sweeps both fields, along two dimensions."""
    axes = {name: [axis_of(picture, picture.results(), text, name) for text in (x, y)] for name in picture.groups}
    both = [name for name, pair in axes.items() if all(axis is not None for axis in pair)]
    if not both:
        raise SpecError(f"plot: no optimizer sweeps both {x} and {y}")
    if all(axes[name][0].dims == axes[name][1].dims for name in both):
        raise SpecError(f"plot: {x} and {y} vary together, along one dimension; a map needs two")
    keep = {str(k) for name in both for a in axes[name] for k, c in picture.groups[name].coords.items() if c.dims == a.dims}
    made = []
    for problem in picture.problems(keep=keep):
        for name in both:
            dataset, others = problem.groups[name], ""
            axis = [axis_of(picture, picture.results(problem.groups), text, name) for text in (x, y)]
            rest = [dim for dim in sweep_dims(dataset) if dim not in [str(a.dims[0]) for a in axis]]
            choosing = bool(rest) or shows_best(picture)
            seeds, chosen = report_of(dataset) if choosing else (np.ones(dataset.sizes["seed"], dtype=bool), "")
            found = list(each_problem(dataset, name)) if choosing else []
            value = finals(picture, picture.results(problem.groups, seeds), name)
            if rest:
                index = {dim: at for dim, at in positions(dataset, found).items() if dim in rest}
                value = value.isel({dim: at for dim, at in index.items() if dim in value.dims})
                keys = [str(key) for key, c in dataset.coords.items() if c.dims and c.dims[0] in rest]
                if found[0][0]:  # another problem in every column: the others are the best for each
                    dataset, others = dataset.isel(dict.fromkeys(rest, 0)).drop_vars(keys), f"best {', '.join(keys)} for each"
                else:
                    dataset, others = dataset.isel(index), ", ".join(f"{key}={number(found[0][1].values[key])}" for key in keys)
            title = ", ".join(text for text in (name if len(picture.all) > 1 else "", problem.text, others) if text)
            numbers = over_grid(picture, value, axis[0], axis[1])
            made.append(Map(title, name, dataset, axis[0], axis[1], numbers, best_cells(found, axis), chosen, int(seeds.sum())))
    return made


def over_grid(picture: Picture, value: Any, x: Any, y: Any) -> np.ndarray:
    """The value over (y, x), both increasing: over the seeds the median, or the fraction where it is one."""
    for axis in (x, y):
        if axis.dims[0] not in value.dims:
            value = value.expand_dims({axis.dims[0]: axis.size})
    seeded = value if "seed" in value.dims else value.expand_dims("seed")
    found = seeded.transpose(y.dims[0], x.dims[0], "seed").values
    over = of_values(found, fraction=is_fraction(picture)).middle
    return over[np.ix_(np.argsort(y.values), np.argsort(x.values))]


def on_axes(axes: Any, picture: Picture, panel: Map, norm: Any, shades: Any) -> bool:
    """One panel; returns whether the theory line is in it."""
    theme, x, y = picture.theme, np.sort(panel.x.values), np.sort(panel.y.values)
    finite = np.ma.masked_where(~np.isfinite(panel.values), panel.values)
    axes.pcolormesh(edges(x), edges(y), finite, norm=norm, cmap=shades, rasterized=panel.values.size > 2500)
    lost = np.ma.masked_where(~np.isposinf(panel.values), np.zeros_like(panel.values))
    if lost.count():
        from matplotlib.colors import ListedColormap

        axes.pcolor(edges(x), edges(y), lost, cmap=ListedColormap([theme.lost]), hatch="////", edgecolor=theme.soft, lw=0)
    if shows_best(picture) and np.isfinite(panel.values).any():
        rows, columns = panel.best
        axes.plot(x[columns], y[rows], "*", color=theme.star, mec="black", mew=0.9, ms=14, zorder=5)
        best = f"best: {number(float(panel.values[rows[0], columns[0]]))}" if len(rows) == 1 else ""
    else:
        best = ""
    for values, which in ((x, "x"), (y, "y")):
        if is_logarithmic(values):
            getattr(axes, f"set_{which}scale")("log")
    inside = theory(axes, picture, panel.name, panel.group, panel.x, panel.y) if picture.options.line else False
    axes.set(xlim=edges(x)[[0, -1]], ylim=edges(y)[[0, -1]])
    axes.set_title(plain(", ".join(text for text in (panel.title, best) if text)))
    return inside


def best_cells(found: list[tuple[dict[str, int], Best]], axes: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the best points of problems on the axes x, y; none where both axes are the problem's."""
    across, along = (str(axis.dims[0]) for axis in axes)
    places = [{**place, **best.index} for place, best in found if best.known and len({across, along} & {*place}) < 2]
    rank = {dim: np.argsort(np.argsort(axis.values)) for dim, axis in zip((across, along), axes, strict=True)}
    rows, columns = (np.array([rank[dim][at[dim]] for at in places], dtype=int) for dim in (along, across))
    return rows, columns


def edges(values: np.ndarray) -> np.ndarray:
    """The edges of cells around increasing values: halfway between neighbours, in the logarithm where the axis is logarithmic.

    >>> edges(np.array([1.0, 2.0, 4.0]))
    array([0.5, 1.5, 3. , 5. ])
    """
    if len(values) == 1:
        return values[0] + np.array([-0.5, 0.5]) * (abs(values[0]) or 1.0)
    v = np.log(values) if is_logarithmic(values) else values
    inner = (v[1:] + v[:-1]) / 2
    made = np.concatenate([[2 * v[0] - inner[0]], inner, [2 * v[-1] - inner[-1]]])
    return np.exp(made) if is_logarithmic(values) else made


def scale(picture: Picture, values: np.ndarray) -> tuple[Any, Any]:
    """The colour scale: 0 to 1 for fractions, logarithmic where all is positive over a decade, else between the ends."""
    from matplotlib.colors import LogNorm, Normalize, SymLogNorm

    shades, seen = colour_map(picture.options.cmap or "cividis"), values[np.isfinite(values)]
    if picture.options.value in ("converged", "diverged"):
        return Normalize(0, 1), shades
    if not seen.size:
        return Normalize(0, 1), shades
    low, high, size = seen.min(), seen.max(), np.abs(seen[seen != 0])
    if low > 0 and high / low > 10:
        return LogNorm(low, high), shades
    if low < 0 and size.max() / np.median(size) > 30:
        return SymLogNorm(10.0 ** np.floor(np.log10(np.median(size))), vmin=low, vmax=high), shades
    return Normalize(low, high if high > low else low + (abs(low) or 1.0)), shades


def said(picture: Picture, panels: list[Map]) -> str:
    """What the colours mean."""
    value = picture.options.value
    if is_fraction(picture):
        return words(str(value))
    what = "final loss" if shows_best(picture) else words(str(value))
    return f"{what}\n{statistic([(Band(panel.values), panel.seeds) for panel in panels])}"


def entries(picture: Picture, panels: list[Map], line: bool) -> list[Any]:
    """The legend: the star, the hatching, the theory line."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    theme, made = picture.theme, []
    if shows_best(picture) and any(len(panel.best[0]) for panel in panels):
        label = "best point, for each problem" if any(len(panel.best[0]) > 1 for panel in panels) else "best point"
        made.append(Line2D([], [], marker="*", color=theme.star, ms=12, ls="", mec="black", label=label))
    if any(np.isposinf(panel.values).any() for panel in panels):
        made.append(Patch(facecolor=theme.lost, edgecolor=theme.soft, hatch="////", lw=0, label="the median run diverged"))
    if line:
        text = str(picture.options.line)
        text = text if any(sign in text for sign in "<>=") else f"{text} = 0"
        made.append(Line2D([], [], color=theme.theory, lw=2.2, label=f"theory: {text}"))
    return made
