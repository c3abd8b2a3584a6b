"""What every kind of picture starts from: the store's groups, the optimizers' best points, and the options.

The landscape, the noise and the start are the problem; all else that is swept is a hyperparameter. Hyperparameters are tuned, problems
are not: an optimizer is shown at its best point for each problem, and pictures that hold one problem have a panel for each. Numbers over
seeds are those of the seeds that report, as in `thalweg compare` (engine/results/best.py).
"""

import itertools
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError, suggest
from ...specs.landscapes.base import Landscape
from ...specs.probe import FOLDER
from ..claims.evaluate import Results
from ..comparison import Best, best_point, groups, opened, swept_coordinates
from ..results.best import at_seeds
from ..results.swept import is_problem, swept_field
from ..store.open import read_study
from ._theme import Theme

PANELS = 4
"""Problems shown in one picture; of more, these many at even distances."""


@dataclass(frozen=True)
class Options:
    """What a user may choose. Every kind of picture takes some of these."""

    value: str | None = None
    """What is drawn, an expression of the claims' language (specs/claim.py); by default the loss."""
    x: str | None = None
    """The swept field along the x axis, or an expression of one."""
    y: str | None = None
    line: str | None = None
    """A theory line: where this expression of the swept fields is 0, or where its two sides are equal."""
    seeds: int | None = None
    """Single runs that are drawn."""
    target: float | None = None
    """The loss that counts as converged."""
    groups: tuple[str, ...] | None = None
    """The optimizers that are drawn, by label; by default all."""
    at: Mapping[str, float] | None = None
    """Swept fields held at one of their values."""
    cmap: str | None = None
    """A colour map of Matplotlib's, for maps and grounds."""
    fps: float | None = None
    """Frames a second of a film."""
    size: int | None = None
    """Pixels across of a film."""

    def given(self) -> list[str]:
        """The names of those that are set."""
        return [f.name for f in fields(self) if getattr(self, f.name) is not None]


@dataclass(frozen=True)
class Problem:
    """One landscape with one noise and one start, and every optimizer's runs on it."""

    text: str
    """'sharpness=5, noise.scale=0.1'; empty where there is but one problem."""
    groups: dict[str, Any]
    landscape: Landscape

    def bests(self) -> dict[str, Best]:
        """Each optimizer at the best point of its sweep on this problem, see engine/results/best.py."""
        return {name: best_point(dataset, name) for name, dataset in self.groups.items()}


class Picture:
    """A store as the kinds of pictures see it."""

    def __init__(self, source: Any, theme: Theme, options: Options):
        tree = opened(source)
        self.study = read_study(tree.attrs, source if isinstance(source, (str, Path)) else "plot")
        self.attributes = json.loads(tree.attrs.get("study", "{}"))
        self.title = str(tree.attrs.get("title") or self.study.name)
        self.theme, self.options = theme, options
        self.tree, self.all = tree, groups(tree)
        self.labels = list(self.all)
        self.groups = {name: held(self.all, name, options.at or {}) for name in chosen(self.all, options.groups)}
        for field in options.at or {}:
            if not any(field in dataset.coords and dataset[field].ndim == 0 for dataset in self.groups.values()):
                known = list(dict.fromkeys(key for dataset in self.all.values() for key in swept_coordinates(dataset)))
                raise SpecError(f"plot: at {field}: is not swept{suggest(field, known)} (swept: {', '.join(known) or 'nothing'})")

    def probes(self, kind: str, names: Collection[str] = ()) -> dict[tuple[str, str], Any]:
        """What probes of a kind stored of the groups that are drawn: (group, probe) -> dataset, with swept fields held as in the groups.

        Raises SpecError if there is none, or none of these names.
        """
        found: dict[tuple[str, str], Any] = {}
        for group in self.groups:
            below = self.tree[group].children.get(FOLDER)
            for name, node in (below.children if below is not None else {}).items():
                if node.attrs.get("kind") == kind:
                    dataset = node.to_dataset()
                    places = held_places(self.all[group], self.options.at or {})
                    found[group, name] = dataset.isel({dim: k for dim, k in places.items() if dim in dataset.dims})
        known = list(dict.fromkeys(name for _, name in found))
        if not known:
            raise SpecError(f"plot: no probe of kind {kind} is stored; add one to `probes`, or look with thalweg probe STORE {kind}")
        for name in names:
            if name not in known:
                raise SpecError(f"plot: there is no probe '{name}' of kind {kind}{suggest(name, known)} (stored: {', '.join(known)})")
        return {key: dataset for key, dataset in found.items() if not names or key[1] in names}

    def colour(self, name: str) -> str:
        return self.theme.colour(self.labels.index(name))

    def style(self, name: str) -> str:
        return self.theme.style(self.labels.index(name))

    def results(self, datasets: Mapping[str, Any] | None = None, seeds: np.ndarray | None = None) -> Results:
        """These groups (by default all drawn), at some seeds (by default all), as the language of claims sees them."""
        found = self.groups if datasets is None else datasets
        return Results(found if seeds is None else {name: at_seeds(dataset, seeds) for name, dataset in found.items()}, self.study)

    def problems(self, keep: Collection[str] = ()) -> list[Problem]:
        """Every combination of the problem's swept values, but for the fields in `keep`."""
        made = []
        for wanted in combinations(self.groups, keep):
            restricted = {name: restrict(dataset, wanted, keep) for name, dataset in self.groups.items()}
            text = ", ".join(f"{name}={short(value)}" for name, value in wanted.items())
            made.append(Problem(text, restricted, self.landscape(next(iter(restricted.values())))))
        return made

    def landscape(self, dataset: Any) -> Landscape:
        """The landscape with the swept fields that a dataset holds at one value."""
        fixed = {}
        for coordinate in dataset.coords.values():
            owner, path = swept_field(coordinate)
            if owner == "landscape" and coordinate.ndim == 0:
                fixed[tuple(path.split("."))] = coordinate.values.item()
        return self.study.landscape.replace(fixed) if fixed else self.study.landscape


def only_problem(picture: Picture, keep: Collection[str] = ()) -> Problem:
    """The one problem that a panel of somebody's own figure shows. Raises SpecError if there are several."""
    problems = picture.problems(keep)
    if len(problems) > 1:
        fields = list(problem_fields(next(iter(picture.groups.values())), keep))
        raise SpecError(f"plot: there are {len(problems)} problems, and one ax shows one; choose it with at={{'{fields[0]}': ...}}")
    return problems[0]


def spread_out(items: list[Any], most: int = PANELS) -> tuple[list[Any], str]:
    """At most so many of the items at even distances, and a note if some are left out."""
    if len(items) <= most:
        return items, ""
    at = np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))
    return [items[k] for k in at], f"{most} of {len(items)} problems are shown; --at FIELD=VALUE chooses"


def chosen(found: dict[str, Any], wanted: Collection[str] | None) -> list[str]:
    """The names of the groups that are drawn, in the study's order. Raises SpecError for one that is not there."""
    for name in wanted or ():
        if name not in found:
            raise SpecError(f"plot: there is no group '{name}'{suggest(name, found)} (known: {', '.join(found)})")
    return [name for name in found if not wanted or name in wanted]


def held(found: dict[str, Any], name: str, at: Mapping[str, float]) -> Any:
    """A group with the swept fields in `at` held at the nearest of their values, which must be within 1 %."""
    return found[name].isel(held_places(found[name], at))


def held_places(dataset: Any, at: Mapping[str, float]) -> dict[str, int]:
    """Where on which dimensions that is."""
    places: dict[str, int] = {}
    for field, wanted in at.items():
        if field not in swept_coordinates(dataset):
            continue
        values = dataset[field].values
        if values.dtype.kind not in "ifb":
            raise SpecError(f"plot: at {field}: its values are not numbers")
        k = int(np.argmin(np.abs(values.astype(np.float64) - wanted)))
        if not np.isclose(float(values[k]), wanted, rtol=0.01, atol=1e-12):
            raise SpecError(f"plot: at {field}={wanted:g}: is not one of the values swept ({', '.join(map(short, values[:20].tolist()))})")
        places[str(dataset[field].dims[0])] = k
    return places


def problem_fields(dataset: Any, keep: Collection[str]) -> dict[str, str]:
    """The problem's swept fields: coordinate -> dimension, without the dimensions that hold a field in `keep`."""
    kept = {dataset[key].dims[0] for key in swept_coordinates(dataset) if key in keep}
    found = {key: str(dataset[key].dims[0]) for key in swept_coordinates(dataset) if is_problem(dataset[key])}
    return {key: dim for key, dim in found.items() if dim not in kept}


def combinations(found: dict[str, Any], keep: Collection[str]) -> Iterator[dict[str, Any]]:
    """Field -> value, for every combination of the problem's fields as the first group has them."""
    dataset = next(iter(found.values()))
    where = problem_fields(dataset, keep)
    dims = list(dict.fromkeys(where.values()))
    for at in itertools.product(*(range(dataset.sizes[dim]) for dim in dims)):
        place = dict(zip(dims, at, strict=True))
        yield {key: dataset[key][place[dim]].values.tolist() for key, dim in where.items()}


def restrict(dataset: Any, wanted: Mapping[str, Any], keep: Collection[str]) -> Any:
    """A group at one problem; the dimensions of the problem are gone, their coordinates stay as single values."""
    places: dict[str, np.ndarray] = {}
    for key, dim in problem_fields(dataset, keep).items():
        if key in wanted:
            same = dataset[key].values == wanted[key]
            places[dim] = places[dim] & same if dim in places else same
    return dataset.isel({dim: int(np.flatnonzero(same)[0]) for dim, same in places.items()})


def short(value: Any) -> str:
    """Four significant digits of a number; any other value as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
