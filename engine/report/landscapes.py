"""The landscapes of a study: one for every combination of its swept fields, with heights on a grid, of two components or on the plane of its best trajectories."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...specs.landscapes.base import Landscape
from ...specs.study import Study
from ..comparison import swept_coordinates
from ..results.landscape_grid import changing, flat_minima, framed, ground
from ..results.path_plane import PathPlane, axis_names_of, grid_side, ground_on, too_costly
from ..results.swept import swept_field
from ..results.trajectories import corners
from .sweep_points import Shown
from .thinning import plain, spread

HEIGHTS = 120_000
"""Numbers in all grids together."""
FINEST, COARSEST, MOST_GRIDS = 120, 40, 60
Drawn = list[tuple[np.ndarray, bool]]
"""Trajectories (steps, 2), and whether each is one of a best point."""
Place = tuple[int, ...]
"""Which value each swept field of the landscape has, as positions in the study's sweeps."""


def fields_of(group: Shown) -> dict[tuple[str, ...], str]:
    """The swept fields of the landscape: path below it -> coordinate of the group."""
    fields = {key: swept_field(group.dataset[key]) for key in swept_coordinates(group.dataset)}
    return {tuple(field.split(".")): key for key, (owner, field) in fields.items() if owner == "landscape"}


def lands_of(group: Shown, paths: list[tuple[str, ...]]) -> list[Place]:
    """For every point shown, its landscape."""
    coordinates = fields_of(group)
    columns = []
    for path in paths:
        dim = group.dataset[coordinates[path]].dims[0]
        shape = [len(places) if name == dim else 1 for name, places in group.places.items()]
        columns.append(np.broadcast_to(group.places[dim].reshape(shape), group.shape).ravel())
    return [tuple(int(column[k]) for column in columns) for k in range(group.count)]


def all_lands(found: list[Shown]) -> tuple[list[tuple[str, ...]], list[Place], list[list[int]]]:
    """(swept paths of the landscape, the combinations that occur, for every group the combination of each of its points)."""
    paths = [*fields_of(found[0])]
    by_group = [lands_of(group, paths) for group in found]
    places = sorted({place for places in by_group for place in places})
    return paths, places, [[places.index(place) for place in own] for own in by_group]


def resolved(study: Study, paths: list[tuple[str, ...]], place: Place) -> tuple[Landscape, str]:
    """The landscape at this combination, and the combination in words."""
    sweeps = study.landscape.swept()
    values = {path: sweeps[path][0].values[k] for path, k in zip(paths, place, strict=True)}
    text = ", ".join(f"{path[-1]}={v:.4g}" if isinstance(v, float) else f"{path[-1]}={v}" for path, v in values.items())
    return (study.landscape.replace(values) if values else study.landscape), text


def unseen(land: Landscape, count: int) -> str:
    """Why there is no picture of this landscape, one of so many; empty if there is one."""
    if land.size < 2:
        return f"the landscape {land.kind} has 1 component; a picture of it needs 2"
    if land.disorder(lambda count: np.zeros((1, count))):
        return f"every seed has a landscape {land.kind} of its own"
    return changing(land) or too_costly(land, count)


@dataclass(frozen=True)
class Seen:
    """What is drawn on a landscape: the trajectories, and the plane if it has more than two components."""

    drawn: Drawn
    plane: PathPlane | None = None


def described(study: Study, paths: list[tuple[str, ...]], places: list[Place], seen: Mapping[int, Seen]) -> list[dict[str, Any]]:
    """Every landscape in words and, where it can be drawn, its heights around the trajectories drawn on it."""
    made = []
    drawable = set(spread(len(places), MOST_GRIDS).tolist())
    side = int(np.clip(np.sqrt(HEIGHTS / len(drawable)), COARSEST, FINEST))
    for k, place in enumerate(places):
        land, text = resolved(study, paths, place)
        why = unseen(land, len(places)) or (
            "" if k in drawable else f"of {len(places)} landscapes {len(drawable)} are drawn, and not this one"
        )
        one = seen.get(k, Seen([]))
        if not why and land.size > 2 and one.plane is None:
            why = f"the landscape {land.kind} has {land.size:,} components, and no trajectories are stored of which to draw the plane"
        made.append({"text": text, "why": why} if why else {"text": text} | described_ground(land, one, side, len(drawable)))
    return made


def described_ground(land: Landscape, seen: Seen, side: int, count: int) -> dict[str, Any]:
    """The loss above its lowest value in sight on a grid, the corners, and the minima."""
    low, high = frame(seen.drawn, land)
    sight = ground_on(land, seen.plane, low, high, grid_side(land, side, count)) if seen.plane else ground(land, low, high, side)
    made = {
        "x": plain(np.array([low[0], high[0]]), 8),
        "y": plain(np.array([low[1], high[1]]), 8),
        "side": len(sight.x),
        "bottom": sight.bottom,
        "above": plain(sight.height - sight.bottom),
        "minima": [{"at": plain(np.array(m.at), 6), "value": plain(m.value), "local": m.local} for m in sight.minima],
    }
    return made | ({"axes": list(axis_names_of(seen.plane))} if seen.plane else {})


def frame(drawn: Drawn, land: Landscape) -> tuple[np.ndarray, np.ndarray]:
    """The corners of what is shown: the trajectories of best points, all others that reach not much farther, minima nearby, a margin."""
    boxes = []
    for path, best in drawn:
        low, high = corners(path)
        if np.isfinite([low, high]).all():
            boxes.append((low, high, float(np.max(high - low)), best))
    if boxes:
        reach = max([4 * float(np.median([box[2] for box in boxes])), *(1.5 * box[2] for box in boxes if box[3])])
        near = [box for box in boxes if box[2] <= reach]
        low, high = np.min([b[0] for b in near], axis=0), np.max([b[1] for b in near], axis=0)
    else:
        low, high = np.full(2, float(land.domain[0])), np.full(2, float(land.domain[1]))
    return framed(low, high, [m.at for m in flat_minima(land, land.numbers())], 0.58)
