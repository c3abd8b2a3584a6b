"""What is compared: every optimizer of every store on every problem, at the best point of its own sweep.

A problem is a landscape with its start and its noise. Where a study sweeps these, every point of that sweep is a problem of its own, and
hyperparameters are chosen for each; two stores of the same landscape, start and noise are one problem.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...specs.errors import SpecError, ThalwegError
from ...specs.study import PARTS, Study
from ..dims import FORKS
from ..results.best import Best, each_problem, in_words, to_minimise
from ..results.groups import groups, named, sweep_dims, swept_coordinates
from ..results.quantiles import quantile
from ..results.swept import PROBLEM, swept_field


@dataclass(frozen=True)
class Entry:
    """One optimizer on one problem."""

    study: str
    group: str
    problem: str
    """The problem in words; equal problems have equal words."""
    key: str
    """The problem, exactly."""
    root_seed: int
    dataset: Any
    """The group at this problem, lazily read: hyperparameters, seed, step."""
    final: np.ndarray
    """Final losses (hyperparameters..., seed)."""
    seeds: np.ndarray
    best: Best
    minimum: float | None
    """The lowest value of the landscape, where it is known."""
    simplex: float
    """Simplex gradients a step costs: 1 for a rule of gradients, particles / (dim + 1) for a swarm that only evaluates the loss."""
    label: str = ""
    """The row's name, unique."""
    solver: str = ""
    """The optimizer's name across problems."""

    @property
    def at_best(self) -> np.ndarray:
        """Final losses at the best point, (seed,)."""
        return self.final[tuple(self.best.index.values())]

    @property
    def done(self) -> np.ndarray:
        """The seeds that report and whose run at the best point is finished, (seed,)."""
        return self.best.reports & ~np.isnan(self.at_best)

    @property
    def runs(self) -> Any:
        """The group at the best point: seed, step."""
        return self.dataset.isel(self.best.index)


@dataclass(frozen=True)
class Measure:
    """What optimizers are compared by: a variable at the end of the runs, and that on which hyperparameters are chosen."""

    value: str = "loss"
    by: str = "loss"
    largest: bool = False
    """Larger is better: values are negated, so that the lowest is the best."""

    def final(self, dataset: Any, variable: str, group: str) -> np.ndarray:
        """Values of a variable at the end (sweep dims..., seed), lower is better; infinity where diverged, NaN where not finished."""
        return to_minimise(dataset, variable, self.largest, group)


LOSS = Measure()


def entries(sources: Sequence[Any], measure: Measure = LOSS) -> list[Entry]:
    """Every optimizer on every problem of these stores (paths or opened ones): problems in their order, the best median first.

    Raises StoreError for a path that is no store, SpecError where no loss was recorded or nothing was given.
    """
    if not sources:
        raise SpecError("compare: give at least one store")
    return arranged([one for name, tree in named(tuple(sources)) for one in of_store(name, tree, measure)])


def arranged(found: list[Entry]) -> list[Entry]:
    """Problems in their order and with a name each, the lowest median first, and every row with a label of its own."""
    words: dict[str, str] = {}
    for one in found:
        if one.key not in words:
            words[one.key] = one.problem if one.problem not in words.values() else f"{one.study}: {one.problem}"
    order = list(words)
    found = [replace(one, problem=words[one.key]) for one in found]
    found.sort(key=lambda one: (order.index(one.key), np.isnan(one.best.median), one.best.median))
    return labelled(found)


def of_store(name: str, tree: Any, measure: Measure = LOSS) -> Iterator[Entry]:
    """The entries of one store."""
    return of_groups(name, json.loads(tree.attrs.get("study", "{}")), groups(tree), measure)


def of_groups(name: str, attributes: dict[str, Any], datasets: Mapping[str, Any], measure: Measure = LOSS) -> Iterator[Entry]:
    """The entries of some groups of a store, of which swept fields may be held at a value; `attributes` is the study as plain data."""
    try:
        study = Study.model_validate(attributes) if attributes else None
    except (ThalwegError, ValueError, OSError):  # a plug-in or a data file is gone: the losses can be compared all the same
        study = None
    for group, dataset in datasets.items():
        dims = sweep_dims(dataset)
        final = measure.final(dataset, measure.value, group)
        chooses = final if measure.by == measure.value else measure.final(dataset, measure.by, group)
        dataset = dataset.assign({key: dataset[key].transpose(*dims, "seed").load() for key in ("status", "last_step") if key in dataset})
        seeds = np.asarray(dataset["seed"].values)
        for at, best in each_problem(dataset, group, chooses):
            here = dataset.isel(at)
            own = final[tuple(at.get(dim, slice(None)) for dim in dims)]
            if chooses is not final:
                q25, median, q75 = map(float, quantile(own[tuple(best.index.values())][best.reports], (0.25, 0.5, 0.75)))
                best = replace(best, q25=q25, median=median, q75=q75)
            fields = {key: swept_field(here[key]) for key in (*swept_coordinates(dataset), *map(str, here.coords)) if here[key].ndim == 0}
            values = {key: here[key].values.item() for key, (owner, _) in fields.items() if owner}
            shared = {key: value for key, value in values.items() if fields[key][0] in PROBLEM}
            key, minimum, simplex = on(study, attributes, group, [(*fields[k], v) for k, v in values.items()], best)
            problem = f"{name}, {in_words(shared)}" if shared else name
            yield Entry(name, group, problem, key, attributes.get("root_seed", 0), here, own, seeds, best, minimum, simplex)


def on(
    study: Study | None, attributes: dict[str, Any], group: str, swept: list[tuple[str, str, Any]], best: Best
) -> tuple[str, float | None, float]:
    """(key, known minimum, simplex gradients a step) of the problem at these swept values, (owner, path, value) each."""
    if study is None:
        return json.dumps([attributes.get(part) for part in PARTS] + [s for s in swept if s[0] in PROBLEM], default=str), None, 1.0
    study = study.with_labels({path: value for owner, path, value in swept if owner == "study"})
    parts: dict[str, Any] = {part: study.start() if part == "init" else getattr(study, part) for part in PARTS}
    for owner, path, value in swept:
        if owner in PARTS:
            parts[owner] = parts[owner].replace({tuple(path.split(".")): value})
    land = parts["landscape"]
    numbers = land.numbers()
    lows = [m.value for m in land.minima(numbers) if not m.local]
    rule = next((o for o in study.optimizers if o.name == group), None)
    particles = best.values.get("particles", getattr(rule, "particles", None))
    simplex = float(particles) / (land.size + 1) if isinstance(particles, (int, float)) else 1.0
    forks = [s for s in swept if s[0] in FORKS]
    return json.dumps([*(part.model_dump(mode="json") for part in parts.values()), *forks]), min(lows) if lows else None, simplex


def labelled(found: list[Entry]) -> list[Entry]:
    """With a unique `label` each, and the same `solver` on every problem."""
    apart = {(a.key, a.group) for k, a in enumerate(found) for b in found[:k] if (a.key, a.group) == (b.key, b.group)}
    clashes = {group for _, group in apart}
    names = [one.group for one in found]
    labels = [one.group if names.count(one.group) == 1 else f"{one.study}/{one.group}" for one in found]
    words = [
        f"{label} at {one.problem.split(', ', 1)[-1]}" if labels.count(label) > 1 else label
        for label, one in zip(labels, found, strict=True)
    ]
    return [
        replace(one, label=label, solver=f"{one.study}/{one.group}" if one.group in clashes else one.group)
        for one, label in zip(found, words, strict=True)
    ]


def lowest_known(of_problem: Sequence[Entry]) -> float:
    """The lowest value known on a problem: the landscape's minimum, or the lowest final loss of any run of its whole sweep if that is
    lower or no minimum is known; infinity if there is none."""
    known = [one.minimum for one in of_problem if one.minimum is not None]
    return min([*known, *(float(np.min(one.final, where=np.isfinite(one.final), initial=np.inf)) for one in of_problem)])


def by_problem(found: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The entries of every problem, by its words."""
    made: dict[str, list[Entry]] = {}
    for one in found:
        made.setdefault(one.problem, []).append(one)
    return made


def on_all(found: Sequence[Entry]) -> tuple[list[str], dict[str, dict[str, Entry]], list[str]]:
    """(the optimizers that ran on every problem, problem -> optimizer -> entry, the optimizers left out)."""
    problems = {problem: {one.solver: one for one in some} for problem, some in by_problem(found).items()}
    every = list(dict.fromkeys(one.solver for one in found))
    kept = [solver for solver in every if all(solver in some for some in problems.values())]
    return kept, problems, [solver for solver in every if solver not in kept]
