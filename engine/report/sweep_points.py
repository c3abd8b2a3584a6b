"""Which points of a group's sweep the page holds, and which steps: a few hundred points in all, the best always among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.status import Status
from ..comparison import best_point, final_loss, groups, sweep_dims, swept_coordinates
from ..results.best import best_of, rule, split
from ..results.groups import problem_dims
from .thinning import band, plain, spread

POINTS = 400
"""Points of all groups' sweeps together."""
CURVES = 360_000
"""Numbers in the curves of all points together."""
FEWEST_STEPS, MOST_STEPS = 60, 400


@dataclass(frozen=True)
class Shown:
    """What the page holds of one group."""

    name: str
    dataset: Any
    """The group at the points shown."""
    places: Mapping[str, np.ndarray]
    """Swept dimension -> the positions shown, in the order of the store's dimensions."""
    sizes: Mapping[str, int]
    best: int | None
    """Which of the points shown is the best of the first problem; None if no loss is stored, or no run ended well."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(found) for found in self.places.values())

    @property
    def count(self) -> int:
        return int(np.prod(self.shape))

    @property
    def left_out(self) -> int:
        return int(np.prod([*self.sizes.values()])) - self.count


def chosen(tree: Any, variables: int) -> list[Shown]:
    """Every group of the store at the points that the page holds, fewer where many variables are stored."""
    found = groups(tree)
    most = int(np.clip(CURVES // (3 * FEWEST_STEPS * max(variables, 1)), 16, POINTS))
    return [shown(dataset, name, max(1, most // len(found))) for name, dataset in found.items()]


def shown(dataset: Any, name: str, most: int) -> Shown:
    """One group at no more than about `most` points: the longest dimensions of its sweep are thinned first."""
    dims = sweep_dims(dataset)
    sizes = {dim: int(dataset.sizes[dim]) for dim in dims}
    kept = dict(sizes)
    while int(np.prod([*kept.values()])) > most and max(kept.values()) > 1:
        longest = max(kept, key=lambda dim: kept[dim])
        others = int(np.prod([n for dim, n in kept.items() if dim != longest]))
        kept[longest] = max(1, min(kept[longest] - 1, max(most // others, kept[longest] * 3 // 4)))
    first = dict.fromkeys(problem_dims(dataset), 0)
    try:
        best = best_point(dataset.isel(first), name)
        index: Mapping[str, int] | None = {**first, **best.index} if best.known else None
    except SpecError:  # no loss is stored
        index = None
    places = {dim: spread(sizes[dim], kept[dim], index[dim] if index else None) for dim in dims}
    at = None
    if index is not None:
        at = int(
            np.ravel_multi_index([int(np.searchsorted(places[d], index[d])) for d in dims], [len(places[d]) for d in dims]) if dims else 0
        )
    return Shown(name, dataset.isel(places), places, sizes, at)


def bests(group: Shown) -> tuple[list[int] | None, str]:
    """For every point shown the best one of its problem, among the points shown, and what it is the best by; None if no loss is stored."""
    data, order = group.dataset, tuple(group.places)
    try:
        final = final_loss(data, group.name)
    except SpecError:
        return None, ""
    apart, made, found = problem_dims(data), np.empty(group.shape, dtype=int), []
    data = data[["status"]].load()
    for where in np.ndindex(*(data.sizes[dim] for dim in apart)):
        at = dict(zip(apart, where, strict=True))
        box = tuple(at.get(dim, slice(None)) for dim in order)
        own = final[box]
        best = best_of(data.isel(at), own, *split(data["seed"].values, int(np.prod(own.shape[:-1], dtype=int))))
        index = {**at, **best.index}
        made[box] = np.ravel_multi_index([index[dim] for dim in order], group.shape) if order else 0
        found.append(best)
    return made.ravel().tolist(), rule(found)


def dims(group: Shown) -> list[dict[str, Any]]:
    """The swept dimensions shown, with the values along them and those of sweeps zipped with them."""
    made = []
    for dim in group.places:
        along = [key for key in swept_coordinates(group.dataset) if group.dataset[key].dims[0] == dim]
        fields = [{"name": key, "values": values(group.dataset[key].values)} for key in along]
        made.append({"name": dim, "fields": fields, "stored": group.sizes[dim]})
    return made


def values(given: np.ndarray) -> list[Any]:
    """A coordinate's values: numbers as they are, all else as text."""
    return [plain(v, 6) for v in given.tolist()] if given.dtype.kind in "iuf" else [str(v) for v in given.tolist()]


def endings(group: Shown) -> list[dict[str, Any]]:
    """How the runs of every point ended: counts by status, and the quartiles of the final loss where one is stored."""
    order = (*group.places, "seed")
    status = group.dataset["status"].transpose(*order).values.reshape(group.count, -1)
    made: list[dict[str, Any]] = [{"runs": [int((row == end).sum()) for end in Status]} for row in status]
    try:
        final = final_loss(group.dataset, group.name).reshape(group.count, -1)
    except SpecError:
        return made
    for point, quartiles in zip(made, band(final).T, strict=True):
        point["final"] = plain(quartiles)
    return made
