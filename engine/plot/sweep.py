"""The final loss, or any other value, against one swept field: the median over the seeds with the band from 25 to 75 %.

Along a hyperparameter the others stay at each optimizer's best point; along a field of the landscape, the noise or the start every
hyperparameter is the best for each value. Crosses at the top mark values at which the median run diverged.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..comparison import quantile, sweep_dims
from ..results.swept import is_problem
from ._axes import (
    band,
    best_notes,
    handles,
    is_logarithmic,
    legend,
    outer_labels,
    panels_for,
    plain,
    say,
    scale_values,
    statistic,
    why_none,
    words,
)
from ._picture import Picture, Problem, spread_out, tuned
from ._values import axis_of, finals, numeric_fields

OPTIONS = ("x", "value", "target", "groups", "at")


def draw(picture: Picture) -> Any:
    """A panel a problem, all with the same field along x."""
    field = picture.options.x or usual(picture)
    along = fields_along(picture, field)
    shown, note = spread_out(picture.problems(keep=along))
    problem_field = any(is_problem(dataset[key]) for dataset in picture.groups.values() for key in along if key in dataset.coords)
    lost = False
    figure, panels, columns = panels_for(shown)
    for axes, problem in zip(panels, shown, strict=True):
        lost |= on_axes(axes, picture, problem, field, problem_field)
        what = "Final loss" if picture.options.value in (None, "final_loss") else words(str(picture.options.value))
        axes.set_title(plain(problem.text or f"{what} against {words(field)}"))
    notes = [note, "crosses at the top: the median run diverged" if lost else ""]
    if any(len(sweep_dims(dataset)) > 1 for problem in shown for dataset in problem.groups.values()):
        best = best_notes(shown, picture.groups)
        notes += [f"hyperparameters are the best at each value of {field}", best[-1]] if problem_field else best
    outer_labels(panels, columns)
    legend(figure, handles(picture, shown, points=False), notes)
    return figure


def usual(picture: Picture) -> str:
    """The field along x: the first numeric hyperparameter, else the first numeric field of the problem."""
    found = [(is_problem(dataset[key]), key) for dataset in picture.groups.values() for key in numeric_fields(dataset)]
    if not found:
        raise SpecError("plot: the study sweeps no numeric field; choose another kind")
    return min(found, key=lambda pair: pair[0])[1]


def fields_along(picture: Picture, text: str) -> set[str]:
    """The coordinates along the dimension of an axis, in all groups. Raises SpecError if no group sweeps it."""
    made: set[str] = set()
    for name, dataset in picture.groups.items():
        axis = axis_of(picture, picture.results(), text, name)
        if axis is not None:
            made |= {str(key) for key, c in dataset.coords.items() if c.dims == axis.dims}
    if not made:
        known = list(dict.fromkeys(key for dataset in picture.groups.values() for key in numeric_fields(dataset)))
        raise SpecError(f"plot: the axis '{text}' has one value in every group (swept: {', '.join(known) or 'nothing'})")
    return made


def on_axes(axes: Any, picture: Picture, problem: Problem, field: str, tune: bool) -> bool:
    """One panel. `tune`: hyperparameters are chosen anew for every value of the field. Returns whether crosses were drawn."""
    results, drawn, everywhere, lost, known = picture.results(problem.groups), [], [], [], False
    for name, dataset in problem.groups.items():
        axis = axis_of(picture, results, field, name)
        colour, style = picture.colour(name), picture.style(name)
        dim = None if axis is None else str(axis.dims[0])
        cut = along(finals(picture, results, name), dataset, name, dim, tune)
        known |= bool(np.isfinite(cut).any())
        if axis is None:
            median = quantile(cut[0], 0.5)
            if np.isfinite(median):
                axes.axhline(median, color=colour, ls="--", lw=1.4)
                drawn.append(np.array([median]))
            continue
        order = np.argsort(axis.values)
        x = axis.values[order]
        everywhere.append(x)
        drawn.append(band(axes, x, cut[order], colour, style, marker="o"))
        lost += [(name, at) for at, median in zip(x, quantile(cut[order], 0.5), strict=True) if np.isposinf(median)]
    for height, name in enumerate(dict.fromkeys(name for name, _ in lost)):
        at = [value for other, value in lost if other == name]
        y = [0.975 - 0.035 * height] * len(at)
        axes.plot(at, y, "x", color=picture.colour(name), ms=7, mew=1.8, transform=axes.get_xaxis_transform(), zorder=4)
    scale_values(axes, drawn, room=bool(lost))
    if is_logarithmic(np.unique(np.concatenate(everywhere))) and (lost or any(len(values) for values in drawn)):
        axes.set_xscale("log")
    value = picture.options.value or "final loss"
    axes.set(xlabel=words(field), ylabel=f"{words(value)}\n{statistic(picture)}")
    if not known:
        say(axes, 0.5, why_none(problem.bests().values()))
    return bool(lost)


def along(value: Any, dataset: Any, name: str, dim: str | None, tune: bool) -> np.ndarray:
    """The values along one dimension, (x, seeds), (1, seeds) without one: the other dimensions at the best point of the final loss."""
    others = [d for d in sweep_dims(dataset) if d != dim]
    value = value if "seed" in value.dims else value.expand_dims("seed")
    if dim and dim not in value.dims:
        value = value.expand_dims({dim: dataset.sizes[dim]})
    first = [dim] if dim else []
    if not tune or not others or dim is None:
        best = tuned(dataset, name).index if others else {}
        value = value.isel({d: best[d] for d in others if d in value.dims}).transpose(*first, "seed")
        return value.values.reshape(-1, value.sizes["seed"])
    rows = []
    for k in range(dataset.sizes[dim]):
        best = tuned(dataset.isel({dim: k}), name).index
        rows.append(value.isel({dim: k}).isel({d: best[d] for d in others if d in value.dims}).values)
    return np.stack(rows)
