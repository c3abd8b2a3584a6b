"""The final loss, or any other value, against one swept field: the median over the seeds with the band from 25 to 75 %.

Along a hyperparameter the others stay at each optimizer's best point; along a field of the landscape, the noise or the start every
hyperparameter is the best for each value. Crosses at the top mark values at which the median run diverged.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..comparison import sweep_dims
from ..results.best import each_problem, positions, report_of
from ..results.curves import Band, of_values
from ..results.groups import problem_dims
from ..results.swept import is_problem
from ._axes import (
    best_notes,
    choice_note,
    draw_band,
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
from ._picture import Picture, Problem, only_problem, spread_out
from ._values import axis_of, finals, is_fraction, numeric_fields, shows_best

OPTIONS = ("x", "value", "target", "groups", "at")


def draw(picture: Picture) -> Any:
    """A panel a problem, all with the same field along x."""
    field = picture.options.x or usual(picture)
    along = fields_along(picture, field)
    shown, note = spread_out(picture.problems(keep=along))
    problem_field = any(is_problem(dataset[key]) for dataset in picture.groups.values() for key in along if key in dataset.coords)
    tuning = any(len(sweep_dims(dataset)) > 1 for problem in shown for dataset in problem.groups.values())
    choosing, lost = tuning or shows_best(picture), False
    figure, panels, columns = panels_for(shown)
    for axes, problem in zip(panels, shown, strict=True):
        lost |= on_axes(axes, picture, problem, field, choosing)
        what = "Final loss" if picture.options.value in (None, "final_loss") else words(str(picture.options.value))
        axes.set_title(plain(problem.text or f"{what} against {words(field)}"))
    notes = [note, "crosses at the top: the median run diverged" if lost else ""]
    if problem_field and tuning:
        notes += [f"hyperparameters are the best at each value of {field}"]
    if choosing:
        chosen = {name: report_of(dataset)[1] for problem in shown for name, dataset in problem.groups.items()}
        notes += [choice_note(chosen)] if problem_field else best_notes(shown, picture.groups)
    outer_labels(panels, columns)
    legend(figure, handles(picture, shown, points=choosing and not problem_field), notes)
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


def into(axes: Any, picture: Picture) -> None:
    """One problem in axes of somebody's own figure, with its legend."""
    field = picture.options.x or usual(picture)
    problem = only_problem(picture, keep=fields_along(picture, field))
    tuning = any(len(sweep_dims(dataset)) > 1 for dataset in problem.groups.values())
    on_axes(axes, picture, problem, field, tuning or shows_best(picture))
    axes.legend(handles=handles(picture, [problem], points=tuning), fontsize="small", frameon=False)


def on_axes(axes: Any, picture: Picture, problem: Problem, field: str, choosing: bool) -> bool:
    """One panel. `choosing`: numbers are of the seeds that report, else of all. Returns whether crosses were drawn."""
    drawn, everywhere, lost, shown, known = [], [], [], [], False
    for name, dataset in problem.groups.items():
        seeds = report_of(dataset)[0] if choosing else np.ones(dataset.sizes["seed"], dtype=bool)
        results = picture.results(problem.groups, seeds)
        axis = axis_of(picture, results, field, name)
        colour, style = picture.colour(name), picture.style(name)
        dim = None if axis is None else str(axis.dims[0])
        value = finals(picture, results, name)
        values = along(value, dataset, name, dim)
        cut = of_values(values, is_fraction(picture)) if "seed" in value.dims else Band(values[:, 0], what="expression")
        shown.append((cut, int(seeds.sum())))
        known |= any(np.isfinite(part).any() for part in cut.parts)
        if axis is None:
            drawn.append(cut.middle[np.isfinite(cut.middle)])
            for height in drawn[-1]:
                axes.axhline(height, color=colour, ls="--", lw=1.4)
            continue
        order = np.argsort(axis.values)
        x = axis.values[order]
        everywhere.append(x)
        cut = Band(*(part[order] for part in cut.parts), what=cut.what)
        drawn.append(draw_band(axes, x, cut, colour, style, marker="o"))
        lost += [(name, at) for at, median in zip(x, cut.middle, strict=True) if np.isposinf(median)]
    for height, name in enumerate(dict.fromkeys(name for name, _ in lost)):
        at = [value for other, value in lost if other == name]
        y = [0.975 - 0.035 * height] * len(at)
        axes.plot(at, y, "x", color=picture.colour(name), ms=7, mew=1.8, transform=axes.get_xaxis_transform(), zorder=4)
    scale_values(axes, drawn, room=bool(lost))
    if is_logarithmic(np.unique(np.concatenate(everywhere))) and (lost or any(len(values) for values in drawn)):
        axes.set_xscale("log")
    value = picture.options.value or "final loss"
    axes.set(xlabel=words(field), ylabel=f"{words(value)}\n{statistic(shown)}")
    if not known:
        say(axes, 0.5, why_none(problem.bests().values()))
    return bool(lost)


def along(value: Any, dataset: Any, name: str, dim: str | None) -> np.ndarray:
    """The values along one dimension, (x, seeds), without one of each problem: other hyperparameters at the best point, of each problem."""
    others = [d for d in sweep_dims(dataset) if d != dim and d not in problem_dims(dataset)]
    value = value if "seed" in value.dims else value.expand_dims("seed")
    if dim and dim not in value.dims:
        value = value.expand_dims({dim: dataset.sizes[dim]})
    if others:
        best = positions(dataset, list(each_problem(dataset, name)))
        value = value.isel({d: best[d] for d in others if d in value.dims})
    return value.transpose(*([dim] if dim else []), ..., "seed").values.reshape(-1, value.sizes["seed"])
