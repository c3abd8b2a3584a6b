"""Performance profiles: on which fraction of the instances an optimizer is within a factor of the best one (left), or done at all (right).

An instance is one seed of one problem; every optimizer is at its best point for the problem. The cost is the number of steps to come down
to f_best + 0.001 (f_start - f_best), f_best the lowest loss that any optimizer saw on the instance, or to --target; with `--value
final_loss` it is the final loss, and there is one panel. Sources: Dolan and More 2002, doi:10.1007/s101070100263 (profiles); More and Wild
2009, doi:10.1137/080724083 (the target, and data profiles: the right panel).
"""

from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..comparison import final_loss
from ..comparison.profiles import count_within, ratios_of
from ._axes import best_notes, handles, legend, new_figure, say
from ._picture import Picture, Problem

OPTIONS = ("value", "target", "groups", "at")
TOLERANCE = 1e-3


def draw(picture: Picture) -> Any:
    """The profile, and for steps the curves of the fraction that is done."""
    value = picture.options.value
    if value not in (None, "final_loss"):
        raise SpecError(f"plot: value '{value}': a profile is of steps (the default) or of final_loss")
    problems = picture.problems()
    of_steps = value is None
    if not of_steps and picture.options.target is not None:
        raise SpecError("plot: a profile of final losses has no target")
    costs, aim = steps_to_aim(picture, problems) if of_steps else (losses(picture, problems), "")
    figure = new_figure(11 if of_steps else 7, 5)
    axes = figure.subplots(1, 1 + of_steps, squeeze=False)[0]
    ratios, shares = performance_profile(costs)
    what = "steps" if of_steps else "final loss"
    curve(axes[0], picture, ratios, shares)
    axes[0].set_xscale("log", base=2)
    axes[0].set(xlabel=f"{what} / the best optimizer's {what}", ylabel="fraction of the instances", title="within this factor of the best")
    if of_steps:
        curve(axes[1], picture, *attained(costs))
        axes[1].set(xlabel="step (optimizer updates)", ylabel="fraction of the instances", title="at the target after so many steps")
    if not np.isfinite(costs).any():
        for one in axes:
            say(one, 0.5, "no run reaches the target" if of_steps else "every run diverged")
    count = f"{costs.shape[0]:,} instances ({len(problems)} problem{'s' * (len(problems) > 1)} x {picture.study.seeds} seeds)"
    legend(
        figure, handles(picture, problems, points=True), [f"{count}{'; ' if aim else ''}{aim}", best_notes(problems, picture.groups)[-1]]
    )
    return figure


def performance_profile(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dolan and More's profile of costs (instances, solvers), infinite where a solver failed: the ratios r at which it rises, increasing
    from 1, and rho(r) (ratios, solvers), the fraction of instances on which cost / lowest cost <= r. Where all fail, none has a ratio.

    Raises ValueError for costs that are not positive.

    >>> performance_profile(np.array([[1.0, 2.0], [4.0, 1.0], [3.0, np.inf]]))
    (array([1., 2., 4.]), array([[0.66666667, 0.33333333],
           [0.66666667, 0.66666667],
           [1.        , 0.66666667]]))
    """
    if not (costs > 0).all():
        raise ValueError("costs must be positive")
    ratio = ratios_of(costs)
    at = np.unique(np.append(ratio[np.isfinite(ratio)], 1.0))
    return at, count_within(ratio, at).T / len(ratio)


def attained(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The empirical distribution functions of costs (instances, solvers): where they rise, and the fractions (places, solvers)."""
    at = np.unique(np.append(costs[np.isfinite(costs)], 0.0))
    return at, count_within(costs, at).T / len(costs)


def steps_to_target(loss: np.ndarray, steps: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The first recorded step, at least 1, at which loss (..., steps) is at most target (...); infinity if there is none.

    >>> steps_to_target(np.array([[3.0, 2.0, 1.0], [3.0, np.nan, np.nan]]), np.array([0, 5, 10]), np.array([2.0, 1.0]))
    array([ 5., inf])
    """
    with np.errstate(invalid="ignore"):
        below = loss <= target[..., None]
    return np.where(below.any(-1), np.maximum(steps[below.argmax(-1)], 1).astype(np.float64), np.inf)


def steps_to_aim(picture: Picture, problems: list[Problem]) -> tuple[np.ndarray, str]:
    """Steps to the target (instances, optimizers), and the target in words. Raises SpecError where no steps are stored."""
    rows = []
    for problem in problems:
        losses_, bests = [], problem.bests()
        for name, dataset in problem.groups.items():
            if "loss" not in dataset:
                raise SpecError(f"plot: {name} has no loss of single runs over the steps, which a profile needs; try --value final_loss")
            losses_.append(dataset["loss"].isel(bests[name].index).transpose("seed", "step"))
        steps = losses_[0]["step"].values
        if len(steps) < 2:
            raise SpecError("plot: only the last step is stored; a profile of steps needs more: record every, or --value final_loss")
        loss = np.stack([one.values.astype(np.float64) for one in losses_], axis=1)  # (seeds, optimizers, steps)
        if picture.options.target is not None:
            aim = np.full(len(loss), picture.options.target)
        else:
            seen = np.where(np.isfinite(loss), loss, np.inf)
            start, best = seen[:, :, 0].min(1), seen.min((1, 2))
            aim = best + TOLERANCE * (start - best)
        rows.append(steps_to_target(loss, steps, np.broadcast_to(aim[:, None], loss.shape[:2])))
    given = picture.options.target
    said = f"loss {given:g}" if given is not None else f"the best loss seen plus {TOLERANCE:g} of the way from the start"
    return np.concatenate(rows), f"target: {said}"


def losses(picture: Picture, problems: list[Problem]) -> np.ndarray:
    """Final losses (instances, optimizers). Raises SpecError unless they are positive: ratios of others mean nothing."""
    rows = []
    for problem in problems:
        bests = problem.bests()
        own = [final_loss(dataset.isel(bests[name].index), name) for name, dataset in problem.groups.items()]
        rows.append(np.stack([np.where(np.isnan(one), np.inf, one) for one in own], axis=1))
    made = np.concatenate(rows)
    if not (made > 0).all():
        raise SpecError(
            "plot: some final losses are not positive, and ratios of them mean nothing; leave out --value for a profile of steps"
        )
    return made


def curve(axes: Any, picture: Picture, x: np.ndarray, shares: np.ndarray) -> None:
    """A step curve an optimizer, drawn on to a margin at the right."""
    end = max(x[-1] * 1.08, x[-1] + 1e-9)
    for name, share in zip(picture.groups, shares.T, strict=True):
        axes.plot(
            np.append(x, end),
            np.append(share, share[-1]),
            drawstyle="steps-post",
            color=picture.colour(name),
            ls=picture.style(name),
            lw=1.8,
        )
    axes.set(ylim=(-0.02, 1.02), xlim=(x[0], end))
    axes.grid(True)
