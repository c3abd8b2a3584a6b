"""The page of a study of stages: the stages as a tree, with the loss of all of them, claims across stages, and every stage's own page in it."""

import json
from typing import Any

import numpy as np

from ...specs.errors import SpecError
from ...specs.stages import Stage, Stages
from ...specs.status import Status
from ..comparison import final_loss, groups
from ..results.best import at_seeds, each_problem
from ..results.curves import curves
from ..results.groups import children_of
from ..results.quantiles import quantile
from ..results.staged import Fork, forks, heads, swept_besides
from ..store.open import read_study
from ..store.provenance import plain as stored
from ..store.staged import stages_in
from . import facts
from .page_data import payload, visible
from .result import result
from .thinning import plain, thinned

PAGES = 4_000_000
"""Characters of all stages' own pages together."""
NUMBERS = 60_000
"""In all lines of the tree together."""


def staged_payload(tree: Any, name: str = "") -> dict[str, Any]:
    """The data of the page of an opened store of stages; `name` is what the store is called on it. Raises StoreError, SpecError."""
    return payload_of(stages_in(tree.attrs, name or "report"), children_of(tree), tree, name)


def several_payload(trees: dict[str, Any]) -> dict[str, Any]:
    """The same of several opened stores by name, each as a part. Raises StoreError, SpecError."""
    import xarray

    parts = [Stage(name, read_study(tree.attrs, name), "", ()) for name, tree in trees.items()]
    stages = Stages("comparison", ", ".join(trees), "", tuple(parts), part="store")
    return payload_of(stages, trees, xarray.DataTree(), "")


def payload_of(stages: Stages, begun: dict[str, Any], tree: Any, name: str) -> dict[str, Any]:
    """The data of the page of these parts, those that were begun; `tree` is their root, and `name` what it is called on the page."""
    datasets = {stage: groups(child) for stage, child in begun.items()}
    lines, notes = known_forks(stages, datasets) if stages.part == "stage" else ([], [])
    if lines and swept_besides(stages, datasets):
        notes.append("swept fields at the best point of the stage that others leave, in all stages")
    found = claims(tree, stages)
    pages, left, room = {}, [], PAGES
    for stage, child in begun.items():
        made = payload(child, f"{name}/{stage}" if name else "")
        if tree.attrs.get("claims"):  # verdicts lie in the root
            made |= {"claims": visible([claim | {"stage": ""} for claim in found if claim["stage"] == stage]), "verified": True}
        size = len(json.dumps(made))
        if size <= room:
            pages[stage], room = made, room - size
        else:
            left.append(stage)
    if left:
        notes.append(
            f"{stages.part}s without a page here, since theirs would make this one too long: thalweg report {name or 'STORE'}/{left[0]} writes one"
        )
    whole = {
        "title": stages.title or stages.name,
        "name": stages.name,
        "part": stages.part,
        "result": {} if stages.part == "stage" else result([tree] if stages.part == "landscape" else list(begun.values())),
        "source": stages.source,
        "description": "",
        "tree": [row(stages, stage, datasets.get(stage.name), lines) for stage in stages.stages],
        "lines": drawn(stages, datasets, lines),
        "labels": list(dict.fromkeys(label for own in datasets.values() for label in own)),
        "claims": found,
        "verified": bool(tree.attrs.get("claims")),
        "unfinished": unfinished(stages, datasets, name),
        "provenance": provenance(tree, stages, name),
        "notes": notes,
    }
    nothing: dict[str, list[Any]] = {key: [] for key in ("groups", "lands", "variables", "steps", "probes")}  # but the tree
    return {key: visible(value) for key, value in whole.items()} | nothing | {"pages": pages}


def known_forks(stages: Stages, datasets: dict[str, dict[str, Any]]) -> tuple[list[Fork], list[str]]:
    """The lines of the tree; none where a stage has no loss to choose a point by."""
    try:
        return forks(stages, datasets)
    except SpecError as error:
        return [], [str(error)]


def row(stages: Stages, stage: Stage, own: dict[str, Any] | None, lines: list[Fork]) -> dict[str, Any]:
    """One stage in the tree: how deep, where it begins, its dimensions, runs, steps, and the final losses of its optimizers."""
    origins = {one.name: one.origin for one in stages.stages}
    depth, above = 0, stage.origin
    while above:
        depth, above = depth + 1, origins.get(above, "")
    made: dict[str, Any] = {"name": stage.name, "depth": depth, "whence": stage.whence, "groups": []}
    made["steps"] = [stage.study.first, stage.study.steps]
    for label, dataset in (own or {}).items():
        status = dataset["status"]
        made["groups"].append(
            {
                "name": label,
                "runs": " x ".join([f"{dim} {n:,}" for dim, n in status.sizes.items() if n > 1] or ["1"]),
                "count": int(status.size),
                "ended": [int((status.values == end).sum()) for end in Status],
                "final": finals(dataset, label, [fork for fork in lines if (fork.stage, fork.group) == (stage.name, label)])
                if stages.part == "stage"
                else bests(dataset, label),
            }
        )
    return made


def finals(dataset: Any, label: str, own: list[Fork]) -> list[Any]:
    """The lowest and the highest median final loss of a group's forks; empty where no loss is stored."""
    try:
        found = final_loss(dataset, label)
    except SpecError:
        return []
    medians = [float(quantile(found[tuple(fork.index.values())][fork.reports], 0.5)) for fork in own_order(dataset, own)]
    known = [value for value in medians if not np.isnan(value)]
    return [plain(min(known)), plain(max(known))] if known else []


def bests(dataset: Any, label: str) -> list[Any]:
    """The lowest and the highest median final loss at a group's best points, one for each problem; empty where no loss is stored."""
    try:
        medians = [best.median for _, best in each_problem(dataset, label)]
    except SpecError:
        return []
    known = [value for value in medians if not np.isnan(value)]
    return [plain(min(known)), plain(max(known))] if known else []


def own_order(dataset: Any, own: list[Fork]) -> list[Fork]:
    """The same forks with their places in the order of the group's dimensions."""
    dims = [str(dim) for dim in dataset["status"].dims if dim != "seed"]
    return [Fork(f.stage, f.group, {dim: f.index[dim] for dim in dims}, f.forks, f.begins, f.shift, f.reports) for f in own]


def drawn(stages: Stages, datasets: dict[str, dict[str, Any]], lines: list[Fork]) -> list[dict[str, Any]]:
    """The loss of every fork on the common axis: medians over the seeds that report."""
    shared, made = heads(stages), []
    order = list(dict.fromkeys(shared.values()))
    most = int(np.clip(NUMBERS // max(1, len(lines)), 40, 300))
    for fork in lines:
        dataset = datasets[fork.stage][fork.group]
        point = dataset.isel(fork.index)
        point = point.isel(step=np.flatnonzero(point["step"].values + fork.shift >= fork.begins))
        if not point.sizes["step"]:
            continue
        point = at_seeds(point.isel(step=thinned(point.sizes["step"], most)), fork.reports)
        found = curves(point, "loss")
        if found is not None:
            steps = (point["step"].values + fork.shift).tolist()
            made.append(
                {"stage": fork.stage, "group": fork.group, "text": fork.text, "colour": order.index(shared[fork.stage])}
                | {"begins": fork.begins, "x": steps, "y": plain(found.middle)}
            )
    return made


def claims(tree: Any, stages: Stages) -> list[dict[str, Any]]:
    """The claims of all stages, then those across stages, with the verdicts that `thalweg verify` has left in the root."""
    whose = [stage.name for stage in stages.stages for _ in stage.study.claims] + [f"across {stages.part}s"] * len(stages.claims)
    kept = stored(tree.attrs.get("claims")) if tree.attrs.get("claims") else None
    if kept and len(kept) == len(whose):
        found = [dict(claim) for claim in kept]
    else:
        every = [claim for stage in stages.stages for claim in stage.study.claims] + list(stages.claims)
        found = facts.unchecked([claim.model_dump(mode="json") for claim in every])
    return [claim | {"stage": stage} for claim, stage in zip(found, whose, strict=True)]


def unfinished(stages: Stages, datasets: dict[str, dict[str, Any]], name: str) -> str:
    """What an interrupted program lacks and how to finish it; empty of a whole one."""
    left = [stage.name for stage in stages.stages if stage.name not in datasets]
    runs = sum(int((own["status"].values == Status.UNFINISHED).sum()) for some in datasets.values() for own in some.values())
    said = [f"not begun: {', '.join(left)}"] * bool(left) + [f"{runs:,} runs are not finished"] * bool(runs)
    remedy = f": thalweg run {name} --resume finishes them; then make this page again" if name else ""
    return f"{'; '.join(said)}{remedy}." if said else ""


def provenance(tree: Any, stages: Stages, name: str) -> list[list[str]]:
    """Rows (what, value) of the whole store; each stage's own page has the rest."""
    rows = [["store", name]] if name else []
    if stages.part == "store":
        return [["stores", f"{len(stages.stages):,}"]]
    rows.append(["thalweg", f"{tree.attrs.get('thalweg_version', '')} (store format {tree.attrs.get('thalweg_format', '?')})"])
    rows += [[key, str(tree.attrs[key])] for key in ("created",) if key in tree.attrs]
    return [*rows, ["complete", "yes" if tree.attrs.get("complete") else "no"], [f"{stages.part}s", f"{len(stages.stages):,}"]]
