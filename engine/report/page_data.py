"""Everything the page draws, as plain data; page.js says what becomes of it."""

from typing import Any

import numpy as np

from ...specs.landscapes.base import Landscape
from ...specs.status import Status
from ...specs.study import Study
from ...specs.text import printable
from ..results.best import NO_CHOICE, rule
from ..results.groups import problem_dims
from ..results.path_plane import path_plane
from ..store.open import study_in
from . import facts, landscapes, swarms, trajectories
from .curves import Variable, curves, variables
from .probes import probes
from .result import result
from .sweep_points import CURVES, FEWEST_STEPS, MOST_STEPS, Shown, chosen, dims, endings
from .thinning import plain, thinned


def payload(tree: Any, name: str = "") -> dict[str, Any]:
    """The data of a page, of an opened store; `name` is what the store is called on it. Raises StoreError, SpecError."""
    raw = study_in(tree.attrs, name or "report")
    study, problem = facts.read_study(raw)
    known: dict[str, Variable] = {}
    for child in tree.children.values():
        known |= {v.key: v for v in variables(child.to_dataset()) if v.key not in known} if "status" in child.data_vars else {}
    found = chosen(tree, len(known))
    total = sum(group.count for group in found)
    most = int(np.clip(CURVES // (3 * max(total, 1) * max(len(known), 1)), FEWEST_STEPS, MOST_STEPS))
    steps = thinned(found[0].dataset.sizes["step"], most)
    made = {
        "title": raw.get("title") or raw.get("name", ""),
        **{key: raw.get(key, "") for key in ("name", "source", "description", "seeds")},
        "logSteps": raw.get("record", {}).get("log") is not None,
        "steps": found[0].dataset["step"].values[steps].tolist(),
        "variables": [{"key": v.key, "text": v.long_name} for v in known.values()],
        "rule": rule({group.name: group.chosen for group in found}) if any(group.chosen != NO_CHOICE for group in found) else "",
        "groups": [described(group, known, steps) for group in found],
        **landscape(study, problem, raw, found, total),
        "result": result([tree]),
        "probes": probes(tree, found, [str(one.get("name") or one.get("kind")) for one in raw.get("probes", [])]),
        "claims": facts.claims(tree, raw),
        "verified": bool(tree.attrs.get("claims")),
        "unfinished": facts.unfinished(tree, name),
        "provenance": facts.provenance(tree, raw, name),
        "yaml": facts.as_yaml(raw, study),
    }
    stored = found[0].dataset.sizes["step"]
    made["notes"] = notes(found, stored, len(steps))
    return {key: value if key == "yaml" else visible(value) for key, value in made.items()}


def visible(value: Any) -> Any:
    """Plain data whose text holds nothing that hides or turns other text around. The YAML, which can be saved, is as it is."""
    if isinstance(value, str):
        return printable(value, keep="\n")
    if isinstance(value, dict):
        return {visible(key): visible(inner) for key, inner in value.items()}
    return [visible(inner) for inner in value] if isinstance(value, list) else value


def described(group: Shown, known: dict[str, Variable], steps: np.ndarray) -> dict[str, Any]:
    """One optimizer: its sweep, how the runs ended, its curves."""
    made: dict[str, Any] = {
        "name": group.name,
        "kind": str(group.dataset.attrs.get("optimizer", "")),
        "dims": dims(group),
        "best": group.best,
        "bests": group.bests,
        "points": endings(group),
        "curves": {},
        "statistic": {},
    }
    for key, variable in known.items():
        drawn = curves(group, variable, steps)
        if drawn is not None:
            made["curves"][key], made["statistic"][key] = drawn
    return made


def landscape(study: Study | None, problem: str, raw: dict[str, Any], found: list[Shown], total: int) -> dict[str, Any]:
    """The landscapes that occur, every point's own, and the trajectories on those that can be drawn."""
    if study is None:
        return {"lands": [{"text": "", "why": f"the landscape cannot be computed here: {problem}"}], "axes": [], "kind": ""}
    swept, places, own = landscapes.all_lands(found)
    seeds, most = trajectories.budget(total, raw.get("seeds", 1))
    where = trajectories.steps_of(found[0], most)
    lands = [landscapes.resolved(study, swept, place)[0] for place in places]
    drawn: dict[int, landscapes.Seen] = {}
    tracks, particles = [], []
    if any(land.size == 2 and not landscapes.unseen(land, len(lands)) for land in lands):
        drawn, tracks, particles = flat_tracks(lands, own, found, seeds, where)
    elif any(land.size > 2 and not landscapes.unseen(land, len(lands)) for land in lands):
        drawn, tracks = plane_tracks(lands, own, found, seeds, where)
        particles = [None] * len(found)
    return {
        "kind": study.landscape.kind,
        "axes": list(study.landscape.labels or ("params[0]", "params[1]"))[:2],
        "lands": landscapes.described(study, swept, places, drawn),
        "landOf": own,
        "tracks": tracks,
        "swarms": particles,
        "trackSteps": found[0].dataset["step"].values[where].tolist(),
    }


Tracks = list[dict[str, Any]]
"""Of every group: what the trajectories are, and those of all its points, None where there are none."""


def flat_tracks(
    lands: list[Landscape], own: list[list[int]], found: list[Shown], seeds: int, where: np.ndarray
) -> tuple[dict[int, landscapes.Seen], Tracks, list[Any]]:
    """Trajectories and swarms of all points, on landscapes of two components: (what is drawn on each landscape, for the page, swarms)."""
    drawn: dict[int, landscapes.Drawn] = {}
    tracks, particles = [], []
    for group, of_points, share in zip(found, own, swarms.shares(found, len(where)), strict=True):
        values, what = trajectories.trajectories(group, lands, of_points, seeds, where)
        tracks.append({"what": what, "values": None if values is None else [tracks_of(point) for point in values]})
        for at, path in staying(group, values):
            drawn.setdefault(of_points[at], []).append((path, at == group.best))
        held = swarms.swarms(group, *share, where)
        particles.append(swarms.listed(group, held))
        for at, swarm in held.items():
            drawn.setdefault(of_points[at], []).append((swarms.corners(swarm), at == group.best))
    return {k: landscapes.Seen(paths) for k, paths in drawn.items()}, tracks, particles


def plane_tracks(
    lands: list[Landscape], own: list[list[int]], found: list[Shown], seeds: int, where: np.ndarray
) -> tuple[dict[int, landscapes.Seen], Tracks]:
    """Trajectories of each group's best points, on the plane of those on the same landscape: (what is drawn on each landscape, for the page)."""
    tracks: Tracks = [{"what": "", "values": None} for _ in found]
    drawn = {}
    for k, land in enumerate(lands):
        if landscapes.unseen(land, len(lands)):
            continue
        paths = []
        for g, group in enumerate(found):
            for point in trajectories.best_points(group, own[g], k):
                values, what = trajectories.of_point(group, land, point, seeds, where)
                if values is not None:
                    paths.append((last_loss(group, point), g, point, values))
                    tracks[g]["what"] = what
        plane = path_plane([path for *_, values in sorted(paths, key=lambda one: one[:3]) for path in values])
        if plane is None:
            continue
        drawn[k] = landscapes.Seen([(path, True) for *_, values in paths for path in plane.project(values)], plane)
        for _, g, point, values in paths:
            tracks[g]["values"] = tracks[g]["values"] or [None] * found[g].count
            tracks[g]["values"][point] = tracks_of(plane.project(values))
    return drawn, tracks


def last_loss(group: Shown, point: int) -> float:
    """The last loss of the first seed at a point; infinity where there is none."""
    if "loss" not in group.dataset:
        return np.inf
    found = float(group.dataset["loss"].isel({**group.place(point), "seed": 0, "step": -1}).values)
    return found if np.isfinite(found) else np.inf


def tracks_of(point: np.ndarray) -> list[Any]:
    """(seeds, steps, 2) as [x, y] a seed."""
    return [[plain(seed[:, 0], 5), plain(seed[:, 1], 5)] for seed in point]


def staying(group: Shown, values: np.ndarray | None) -> list[tuple[int, np.ndarray]]:
    """(point, trajectory) of the runs that did not diverge."""
    if values is None:
        return []
    status = group.dataset["status"].transpose(*group.places, "seed").values.reshape(group.count, -1)
    lost = status[:, : values.shape[1]] == Status.DIVERGED
    return [(p, values[p, s]) for p in range(group.count) for s in range(values.shape[1]) if not lost[p, s]]


def notes(found: list[Shown], stored: int, steps: int) -> list[str]:
    """What the page leaves out."""
    made = [
        f"{group.name}: {group.count:,} of the {group.count + group.left_out:,} points of its sweep, evenly spread, and the best"
        f"{' of each problem' if problem_dims(group.dataset) else ''}"
        for group in found
        if group.left_out
    ]
    if stored > steps:
        made.append(f"{steps:,} of the {stored:,} stored steps, denser at the start")
    return made
