"""Which points of a group's sweep the page holds, and which steps: a few hundred points in all, the best always among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.status import Status
from ..comparison import final_loss, groups, sweep_dims, swept_coordinates
from ..results.best import each_problem, report_of
from ..results.curves import LEVELS, of_values
from ..results.groups import diverged, problem_dims
from ..results.quantiles import quantile
from .thinning import plain, spread

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
    bests: list[int] | None
    """For every point shown the best one of its problem; None if no loss is stored."""
    reports: np.ndarray
    """Which seeds the numbers are of, (seed,)."""
    chosen: str
    """How best points are chosen, see engine/results/best.py."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(found) for found in self.places.values())

    @property
    def count(self) -> int:
        return int(np.prod(self.shape))

    def place(self, point: int) -> dict[str, int]:
        """Where a point stands: swept dimension -> position."""
        return dict(zip(self.places, map(int, np.unravel_index(point, self.shape)), strict=True)) if self.places else {}

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
    apart = problem_dims(dataset)
    places = {dim: spread(sizes[dim], kept[dim]) for dim in dims}
    try:
        found = list(each_problem(dataset.isel({dim: places[dim] for dim in apart}), name))
    except SpecError:  # no loss is stored
        found = []
    for dim in (dim for dim in dims if dim not in apart):
        places[dim] = spread(sizes[dim], kept[dim], [best.index[dim] for _, best in found])
    shape = [len(places[dim]) for dim in dims]
    bests = np.empty(shape, dtype=int)
    for where, best in found:
        at = [where[dim] if dim in where else int(np.searchsorted(places[dim], best.index[dim])) for dim in dims]
        bests[tuple(where.get(dim, slice(None)) for dim in dims)] = np.ravel_multi_index(at, shape) if dims else 0
    first = int(bests.flat[0]) if found and found[0][1].known else None
    return Shown(name, dataset.isel(places), places, sizes, first, bests.ravel().tolist() if found else None, *report_of(dataset))


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
    """How the runs of every point ended: counts by status of all; of those that report the fraction that diverged, and the quartiles of the
    final loss where one is stored."""
    order = (*group.places, "seed")
    status = group.dataset["status"].transpose(*order).values.reshape(group.count, -1)
    made: list[dict[str, Any]] = [{"runs": [int((row == end).sum()) for end in Status]} for row in status]
    for point, part in zip(made, of_values(diverged(group.dataset)[..., group.reports], fraction=True).middle.ravel(), strict=True):
        point["diverged"] = plain(part)
    try:
        final = final_loss(group.dataset, group.name)[..., group.reports]
    except SpecError:
        return made
    for point, quartiles in zip(made, quantile(final, LEVELS).reshape(len(LEVELS), -1).T, strict=True):
        point["final"] = plain(quartiles)
    return made
