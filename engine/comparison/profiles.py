"""Performance profiles (Dolan and More 2002, doi:10.1007/s101070100263), data profiles (More and Wild 2009, doi:10.1137/080724083) and
the runtime ECDF of COCO (Hansen et al. 2021, doi:10.1080/10556788.2020.1808977).

An instance is one seed of one problem: seeds share start and noise across optimizers. On an instance an optimizer has solved to the
accuracy tau once f <= f_L + tau (f_0 - f_L), where f_0 is the loss at the start and f_L the lowest that any of the optimizers reached. So
some optimizer solves every instance on which any progress was made; the others are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ..results.best import NO_CHOICE
from ..text.tables import Column
from .cells import choices, left_out, number, words
from .entries import Entry, on_all
from .running_time import first_steps, lows, starts

ACCURACIES = (1e-1, 1e-3, 1e-5)
PART = 2**16
"""Seeds looked at at a time."""


def fractions(
    found: Sequence[Entry], accuracies: Sequence[float], limits: Sequence[float], cost: Callable[[np.ndarray, list[Entry]], np.ndarray]
) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """(optimizers, the fraction of instances on which their cost is at most each limit (optimizers, accuracies, limits), what was left out).

    `cost` makes costs of the steps (instances, optimizers) to one accuracy, infinity where it was never reached. A part of the seeds is
    looked at after the other, so memory does not grow with their number. Raises SpecError where no optimizer, or no instance, is left.
    """
    solvers, problems, attributes = raced(found)
    solved, count, unmoved = np.zeros((len(solvers), len(accuracies), len(limits))), 0, 0
    for chosen in problems:
        for seeds in seed_parts(chosen):
            times, still = instances(chosen, seeds, accuracies)
            solved += np.stack([count_within(cost(t, chosen), limits) for t in times], axis=1)
            count, unmoved = count + times.shape[1], unmoved + still
    if not count:
        raise SpecError("no run got below its start, so there is nothing to profile")
    return solvers, solved / count, {"instances": count, "unmoved": unmoved, **attributes}


def costs(found: Sequence[Entry], accuracy: float, target: float | None = None) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """(optimizers, the steps to one accuracy on every instance (instances, optimizers), infinity where it was never reached, what was left
    out): the numbers behind `performance`. With a target they are steps to this loss instead, and no instance is left out.

    Raises SpecError where no optimizer, or no instance, is left.
    """
    solvers, problems, attributes = raced(found)
    parts, unmoved = [], 0
    for chosen in problems:
        for seeds in seed_parts(chosen):
            if target is None:
                times, still = instances(chosen, seeds, (accuracy,))
                unmoved += still
            else:
                times = np.stack([first_steps(runs, np.array([target])) for runs in runs_of(chosen, seeds)], axis=-1)
            parts.append(times[0])
    made = np.concatenate(parts)
    if not len(made):
        raise SpecError("no run got below its start, so there is nothing to profile")
    return solvers, made, {"instances": len(made), "unmoved": unmoved, **attributes}


def final_costs(found: Sequence[Entry]) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """(optimizers, their final losses on every instance (instances, optimizers), what was left out). Raises SpecError as `costs` does."""
    solvers, problems, attributes = raced(found)
    made = np.concatenate(
        [np.stack([one.at_best[np.isin(one.seeds, shared_seeds(chosen))] for one in chosen], axis=-1) for chosen in problems]
    )
    return solvers, made, {"instances": len(made), "unmoved": 0, **attributes}


def raced(found: Sequence[Entry]) -> tuple[list[str], list[list[Entry]], dict[str, Any]]:
    """(the optimizers that ran on every problem, their entries on each, what was left out and how points were chosen). Raises SpecError where
    there is no such optimizer."""
    solvers, problems, others = on_all(found)
    if not solvers:
        raise SpecError("compare: no optimizer ran on every problem, so there is nothing to profile; compare fewer stores")
    ways = [{some[solver].best.chosen for some in problems.values()} - {NO_CHOICE} for solver in solvers]
    attributes = {"problems": len(problems), "left_out": ", ".join(others), "chosen": [min(way, default=NO_CHOICE) for way in ways]}
    return solvers, [[some[solver] for solver in solvers] for some in problems.values()], attributes


def seed_parts(chosen: Sequence[Entry]) -> Iterator[np.ndarray]:
    """The seeds of one problem that every optimizer reports, some at a time."""
    seeds = shared_seeds(chosen)
    for first in range(0, len(seeds), PART):
        yield seeds[first : first + PART]


def runs_of(chosen: Sequence[Entry], seeds: np.ndarray) -> list[Any]:
    """The runs of these seeds at the best point of each optimizer."""
    return [one.runs.isel(seed=np.flatnonzero(np.isin(one.seeds, seeds))) for one in chosen]


def instances(chosen: Sequence[Entry], seeds: np.ndarray, accuracies: Sequence[float]) -> tuple[np.ndarray, int]:
    """(steps to each accuracy on these seeds (accuracies, instances, optimizers), how many seeds no optimizer got below the start)."""
    mine, runs = [np.flatnonzero(np.isin(one.seeds, seeds)) for one in chosen], runs_of(chosen, seeds)
    start = np.max([starts(one, at) for one, at in zip(chosen, mine, strict=True)], axis=0)
    low = np.min([lows(run) for run in runs], axis=0)
    moved = start > low
    wanted = low + np.asarray(accuracies)[:, None] * (start - np.where(moved, low, start))
    times = np.stack([first_steps(run, wanted) for run in runs], axis=1)  # the instances last, as first_steps and sorting have them
    return (times if moved.all() else times[..., moved]).swapaxes(1, 2), int((~moved).sum())


def shared_seeds(chosen: Sequence[Entry]) -> np.ndarray:
    """The seeds of one problem that every optimizer reports. Raises SpecError if their random numbers are not shared, or there is none."""
    if len({one.root_seed for one in chosen}) > 1:
        raise SpecError(
            f"{chosen[0].problem}: the stores have different root_seeds, so their runs cannot be paired; run them with one root_seed"
        )
    seeds = chosen[0].seeds[chosen[0].done]
    for one in chosen[1:]:
        seeds = np.intersect1d(seeds, one.seeds[one.done])
    if not len(seeds):
        raise SpecError(f"{chosen[0].problem}: there is no seed that every optimizer has finished and reports")
    return seeds


def ratios_of(costs: np.ndarray) -> np.ndarray:
    """Costs (instances, optimizers), positive, over the least of their instance; infinity where unsolved.

    >>> ratios_of(np.array([[10.0, 20.0], [np.inf, 30.0]]))
    array([[ 1.,  2.],
           [inf,  1.]])
    """
    least = np.min(costs, axis=-1, keepdims=True)
    return np.where(np.isfinite(costs), costs / np.where(np.isfinite(least), least, 1.0), np.inf)


def step_ratios(times: np.ndarray) -> np.ndarray:
    """Steps (instances, optimizers) over the least of their instance; what took none counts as one step."""
    return ratios_of(np.maximum(times, 1.0))


def count_within(numbers: np.ndarray, limits: "Sequence[float] | np.ndarray") -> np.ndarray:
    """On how many instances a number (instances, optimizers) is finite and at most each limit: (optimizers, limits)."""
    ordered = np.sort(numbers.T, axis=-1)
    return np.stack([np.searchsorted(row[np.isfinite(row)], limits, side="right") for row in ordered])


def rises(numbers: np.ndarray, start: float) -> tuple[np.ndarray, np.ndarray]:
    """The distribution functions of numbers (instances, optimizers) exactly: from `start` on the places where any of them rises, and at each
    the fraction of instances on which an optimizer's number is at most that (places, optimizers).

    >>> rises(ratios_of(np.array([[10.0, 20.0], [40.0, 10.0], [30.0, np.inf]])), 1.0)
    (array([1., 2., 4.]), array([[0.66666667, 0.33333333],
           [0.66666667, 0.66666667],
           [1.        , 0.66666667]]))
    """
    at = np.unique(np.append(numbers[np.isfinite(numbers)], start))
    return at, count_within(numbers, at).T / len(numbers)


def powers(most: float) -> list[float]:
    """Powers of two below the budget, and the budget."""
    return [*(2.0 ** np.arange(0, np.ceil(np.log2(max(most, 1))))), most]


def profile(solved: np.ndarray, solvers: list[str], coords: dict[str, Any], attributes: dict[str, Any]) -> Any:
    """A profile as an xarray.Dataset along `optimizer` and the coordinates."""
    import xarray

    chosen = attributes.pop("chosen")
    data = {"solved": (("optimizer", *coords), solved), "chosen": ("optimizer", chosen)}
    return xarray.Dataset(data, coords={"optimizer": solvers, **coords}, attrs=attributes)


def profile_columns(dataset: Any, along: str, heading: Callable[[float], str]) -> list[Column]:
    """One row an optimizer (and accuracy), one column a ratio or budget."""
    solved = dataset["solved"].transpose("optimizer", ..., along)
    if "accuracy" in solved.dims:
        solved = solved.transpose("accuracy", "optimizer", along)
    at = pick(len(dataset[along]))
    shown = {at[k] for k in pick(len(at), 6)}
    cells = solved.values.reshape(-1, len(dataset[along]))
    names = words(dataset["optimizer"])
    made = (
        []
        if "accuracy" not in solved.dims
        else [Column("accuracy", np.repeat([number(a) for a in dataset["accuracy"].values], len(names)).tolist())]
    )
    made.append(Column("optimizer", names * (len(cells) // len(names)), name=True))
    return made + [Column(heading(float(dataset[along][k])), [f"{v:.2f}" for v in cells[:, k]], minor=k not in shown) for k in at]


def pick(count: int, most: int = 10) -> list[int]:
    """At most so many of the columns, evenly, the last always."""
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def steps_heading(limit: float) -> str:
    """A number of steps as a column's title."""
    return f"{limit:,.0f}" if limit >= 10 else f"{limit:g}"


def profile_note(dataset: Any, what: str) -> list[str]:
    """What is said below a profile."""
    about = dataset.attrs
    where = f"{about['instances']:,} instances: the reported seeds of {about['problems']:,} problem{'s' * (about['problems'] > 1)}"
    unmoved = f", {about['unmoved']:,} without any progress left out" if about["unmoved"] else ""
    return [choices(dataset), what, where + unmoved, left_out(dataset)]
