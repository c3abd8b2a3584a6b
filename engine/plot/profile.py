"""Performance profiles: the fraction of instances on which an optimizer is within a factor of the best one (left), and that it solves at all (right).

The numbers are those of `thalweg compare --view performance` at the accuracy 0.001. An instance is one reported seed of one problem,
and every optimizer is at its best point for the problem. The cost is the number of steps to reach f_L + 0.001 (f_0 - f_L), or --target, with
f_0 the loss at the start and f_L the lowest loss of any optimizer on the instance. With `--value final_loss` the cost is the
final loss, and there is one panel. Sources: Dolan and More 2002, doi:10.1007/s101070100263 (profiles); More and Wild 2009,
doi:10.1137/080724083 (the target, and data profiles: the right panel).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..comparison.entries import Entry
from ..comparison.profiles import costs, final_costs, ratios_of, rises, step_ratios
from ._across import Across
from ._axes import choice_note, legend, new_figure, say, why_none

OPTIONS = ("value", "target", "groups", "at")
ACROSS = Across
"""It draws several stores."""
ACCURACY = 1e-3


def draw(picture: Across) -> Any:
    """The profile, and for steps the curves of the fraction that is done."""
    value = picture.options.value
    if value not in (None, "final_loss"):
        raise SpecError(f"plot: value '{value}': a profile is of steps (the default) or of final_loss")
    of_steps = value is None
    if not of_steps and picture.options.target is not None:
        raise SpecError("plot: a profile of final losses has no target")
    names, numbers, about = instances(picture)
    figure = new_figure(11 if of_steps else 7, 5)
    axes = figure.subplots(1, 1 + of_steps, squeeze=False)[0]
    what = "steps" if of_steps else "final loss"
    curve(axes[0], picture, names, *rises(step_ratios(numbers) if of_steps else ratios_of(numbers), 1.0))
    axes[0].set_xscale("log", base=2)
    axes[0].set(xlabel=f"{what} / the best optimizer's {what}", ylabel="fraction of the instances", title="within this factor of the best")
    if of_steps:
        curve(axes[1], picture, names, *rises(numbers, 0.0))
        axes[1].set(xlabel="step (optimizer updates)", ylabel="fraction of the instances", title="at the target after so many steps")
    if not np.isfinite(numbers).any():
        for one in axes:
            say(one, 0.5, "no run reaches the target" if of_steps else "every run diverged")
    legend(
        figure,
        lines_of(picture, names, about["entries"]),
        [told(picture, about), choice_note(dict(zip(names, about["chosen"], strict=True)))],
    )
    return figure


def instances(picture: Across) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """(the optimizers in their order, their costs (instances, optimizers), what was left out).

    Raises SpecError where no steps are stored, or final losses are not positive: ratios of others mean nothing.
    """
    of_steps = picture.options.value is None
    for name, dataset in [item for one in picture.pictures.values() for item in one.groups.items()]:
        if of_steps and "loss" not in dataset:
            raise SpecError(f"plot: {name} has no loss of single runs over the steps, which a profile needs; try --value final_loss")
        if of_steps and dataset.sizes["step"] < 2:
            raise SpecError("plot: only the last step is stored; a profile of steps needs more: record every, or --value final_loss")
    found = picture.entries()
    solvers, numbers, about = costs(found, ACCURACY, picture.options.target) if of_steps else final_costs(found)
    if not of_steps and not (numbers > 0).all():
        raise SpecError(
            "plot: some final losses are not positive, and ratios of them mean nothing; leave out --value for a profile of steps"
        )
    names = sorted(solvers, key=lambda name: place(picture, name))
    order = [solvers.index(name) for name in names]
    return names, numbers[:, order], about | {"chosen": [about["chosen"][k] for k in order], "entries": found}


def place(picture: Across, solver: str) -> int:
    """Where an optimizer stands among all, which gives its colour; STUDY/LABEL stands where LABEL does."""
    label = solver if solver in picture.all else solver.rpartition("/")[2]
    return picture.all.index(label)


def lines_of(picture: Across, names: Sequence[str], found: Sequence[Entry]) -> list[Any]:
    """A line for each optimizer in the legend, with its best point where that is the same on every problem."""
    from matplotlib.lines import Line2D

    made = []
    for name in names:
        bests = [one.best for one in found if one.solver == name]
        note = bests[0].text if len({best.text for best in bests}) == 1 else ""
        if not any(best.known for best in bests):
            note = why_none(bests)
        k = place(picture, name)
        line = {"color": picture.theme.colour(k), "ls": picture.theme.style(k), "lw": 2}
        made.append(Line2D([], [], **line, label=f"{name}: {note}" if note else name))
    return made


def told(picture: Across, about: dict[str, Any]) -> str:
    """The instances and the target, in words."""
    problems, target = about["problems"], picture.options.target
    gone = f"; left out, as they did not run on every problem: {about['left_out']}" if about["left_out"] else ""
    left_out = f", {about['unmoved']:,} without any progress left out" if about["unmoved"] else ""
    made = f"{about['instances']:,} instances: the reported seeds of {problems:,} problem{'s' * (problems > 1)}{left_out}{gone}"
    if picture.options.value is not None:
        return made
    return f"{made}; target: {f'loss {target:g}' if target is not None else f'{ACCURACY:g} of the way from the lowest loss reached to the start'}"


def curve(axes: Any, picture: Across, names: Sequence[str], x: np.ndarray, shares: np.ndarray) -> None:
    """A step curve for each optimizer, drawn on to a margin at the right."""
    end = max(x[-1] * 1.08, x[-1] + 1e-9)
    for name, share in zip(names, shares.T, strict=True):
        axes.plot(
            np.append(x, end),
            np.append(share, share[-1]),
            drawstyle="steps-post",
            color=picture.theme.colour(place(picture, name)),
            ls=picture.theme.style(place(picture, name)),
            lw=1.8,
        )
    axes.set(ylim=(-0.02, 1.02), xlim=(x[0], end))
    axes.grid(True)
