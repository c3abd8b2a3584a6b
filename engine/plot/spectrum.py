"""Spectra and curvature: recorded singular values and diagnostics against the step, and the Hessian's eigenvalues at the end points.

There is a panel for every stored diagnostic (record.variables: singular_values, update_singular_values, hessian_top, kernel_min, ...) and,
if the landscape is a formula, one for the exact Hessian at the last stored iterates. `value` chooses some of them, separated by commas.
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ...specs.landscapes.base import SymbolicLandscape
from ...specs.registry import DIAGNOSTICS
from ...specs.study import Study
from ...specs.variables import Variable, components, recorded
from ..results.curves import curves, of_values, over_seeds
from ._axes import (
    best_notes,
    draw_band,
    grid_of,
    handles,
    legend,
    new_figure,
    number,
    panels_of,
    plain,
    scale_steps,
    scale_values,
    statistic,
    words,
)
from ._picture import Picture, Problem

OPTIONS = ("value", "groups", "at")
HESSIAN = "hessian"
MAX_SIZE = 400
"""Components up to which the whole Hessian is taken."""
MAX_PANELS = 9


def drawable(study: Study) -> tuple[list[str], list[str]]:
    """The recorded diagnostics, as the study names them: those that are spectra, with one dimension of their own, each value a line; and those
    that are one number a step."""
    found: dict[str, Variable] = {v.name: v for o in study.optimizers for v in recorded(study, o) if v.diagnostic is not None}
    blocks = study.landscapes()[0].blocks
    spectra = [v.name for v in found.values() if v.own is not components and [len(dims) for dims in v.arrays(blocks).values()] == [1]]
    return spectra, [v.name for v in found.values() if v.is_scalar]


def draw(picture: Picture) -> Any:
    """The panels, at the first of the study's problems."""
    problems = picture.problems()
    problem, note = problems[0], ""
    if problem.text:
        note = f"at {problem.text}{'; --at FIELD=VALUE chooses another' if len(problems) > 1 else ''}"
    spectra, numbers = drawable(picture.study)
    panels = wanted(picture, problem, spectra, numbers)
    if len(panels) > MAX_PANELS:
        note = "; ".join(n for n in (note, f"{MAX_PANELS} of {len(panels)} panels are shown; --value and --group choose") if n)
        panels = panels[:MAX_PANELS]
    rows, columns = grid_of(len(panels), 3 if len(panels) > 4 else 2)
    figure = new_figure(*((7, 5.2) if len(panels) == 1 else (4.6 * columns, 3.4 * rows + 1)))
    for axes, (what, name) in zip(panels_of(figure, len(panels), rows, columns), panels, strict=True):
        if what == HESSIAN:
            eigenvalues_at_end(axes, picture, problem)
        elif what in spectra:
            spectrum(axes, picture, problem, what, name)
        else:
            over_steps(axes, picture, problem, what)
    fading = any(what in spectra for what, _ in panels)
    notes = [
        note,
        f"{seeds_said(problem)}, each optimizer at its best point",
        best_notes([problem], picture.groups)[-1],
        "the first value has the strongest line" * fading,
    ]
    legend(figure, handles(picture, [problem], points=True), notes)
    return figure


def seeds_said(problem: Problem) -> str:
    """What the lines are, and of how many seeds."""
    counts = [int(best.reports.sum()) for best in problem.bests().values()]
    return statistic([(of_values(np.zeros((1, count))), count) for count in counts])


def wanted(picture: Picture, problem: Problem, spectra: list[str], numbers: list[str]) -> list[tuple[str, str]]:
    """(what, group) of every panel: all that is stored, or what `value` names. Raises SpecError if nothing is there."""
    stored = {name: [d for d in (*spectra, *numbers) if d in dataset] for name, dataset in problem.groups.items()}
    known = [d for d in (*spectra, *numbers) if any(d in found for found in stored.values())]
    reason = no_hessian(problem)
    known += [HESSIAN] if reason is None else []
    asked = [word.strip() for word in picture.options.value.split(",")] if picture.options.value else known
    for word in asked:
        if word == HESSIAN and reason:
            raise SpecError(f"plot: {reason}")
        if word not in known:
            have = ", ".join(known) or "none"
            raise SpecError(f"plot: '{word}' is not stored{suggest(word, known)} (there are: {have}); add it to record.variables")
    if not asked:
        raise SpecError(f"plot: no diagnostic is stored; add some of {', '.join(DIAGNOSTICS.kinds())} to record.variables and run again")
    made = []
    for word in asked:
        made += [(word, name) for name in stored if word in stored[name]] if word in spectra else [(word, "")]
    return made


def no_hessian(problem: Problem) -> str | None:
    """Why the Hessian at the end point cannot be had; None if it can."""
    land = problem.landscape
    if not isinstance(land, SymbolicLandscape):
        return f"the landscape {land.kind} is not a formula, so its exact Hessian is not available; record hessian_top"
    if land.size > MAX_SIZE:
        return f"the Hessian of {land.size} components is too large to draw (at most {MAX_SIZE}); record hessian_top"
    if not any("params" in dataset for dataset in problem.groups.values()):
        return "the Hessian at the end points needs params; add params to record.variables and run again"
    return None


def spectrum(axes: Any, picture: Picture, problem: Problem, what: str, name: str) -> None:
    """The medians over the seeds of every value of a spectrum, the first the strongest."""
    best = problem.bests()[name]
    point = best.reporting(problem.groups[name]).isel(best.index)
    (dim,) = (str(d) for d in point[what].dims if d not in ("step", "seed"))
    found = point[what].transpose(dim, "step", "seed")
    (medians,) = over_seeds(point, found, what, (0.5,))
    strength = np.linspace(1, 0.3, len(medians))
    for median, alpha in zip(medians, strength, strict=True):
        axes.plot(found["step"].values, median, color=picture.colour(name), lw=0.6 + alpha, alpha=alpha)
    scale_values(axes, [medians[np.isfinite(medians)]])
    scale_steps(axes, picture)
    axes.set_ylabel(plain(f"{dim} value" if dim == "singular" else dim))
    axes.set_title(plain(f"{name}: {what.replace('_', ' ')}"))


def over_steps(axes: Any, picture: Picture, problem: Problem, what: str) -> None:
    """One diagnostic, a band an optimizer."""
    drawn, bests = [], problem.bests()
    for name, dataset in problem.groups.items():
        if what in dataset:
            point = bests[name].reporting(dataset).isel(bests[name].index)
            found = curves(point, what)
            if found is not None:
                drawn.append(draw_band(axes, point["step"].values, found, picture.colour(name), picture.style(name)))
    scale_values(axes, drawn)
    scale_steps(axes, picture)
    axes.set_ylabel(what)
    axes.set_title(words(what).removesuffix(f" ({what})"))


def eigenvalues_at_end(axes: Any, picture: Picture, problem: Problem) -> None:
    """The eigenvalues of the exact Hessian at the last stored iterates, from the largest on."""
    from matplotlib.ticker import MaxNLocator

    drawn, land, bests = [], problem.landscape, problem.bests()
    for name, dataset in problem.groups.items():
        if "params" in dataset:
            end = bests[name].reporting(dataset)["params"].isel(bests[name].index).isel(step=-1).transpose("seed", ...).values
            found = of_values(hessian_spectrum(land, end.astype(np.float64)).T)
            at = np.arange(1, len(found.middle) + 1)
            drawn.append(draw_band(axes, at, found, picture.colour(name), picture.style(name), marker="o"))
    scale_values(axes, drawn)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="eigenvalue, from the largest on", ylabel="eigenvalue of the Hessian")
    largest = max((values.max() for values in drawn if values.size), default=float("nan"))
    axes.set_title(f"Hessian at the end points (largest {number(largest)})")


def hessian_spectrum(land: Any, points: np.ndarray) -> np.ndarray:
    """The Hessian's eigenvalues at points (n, dim), decreasing, (n, dim); NaN where the Hessian is not finite."""
    values = {name: np.full(len(points), v) for name, v in land.numbers().items()}
    with np.errstate(all="ignore"):
        found = np.broadcast_to(np.asarray(land.calculus.hessian(points, values, np)), (*points.shape, points.shape[-1]))
    good = np.isfinite(found).all((-2, -1))
    made = np.full(points.shape, np.nan)
    made[good] = np.linalg.eigvalsh(found[good])[:, ::-1]
    return made
