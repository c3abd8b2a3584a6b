"""Reading a store's groups: which dimensions are swept and by whom, and how every run ended.

The final loss of a run is the last stored one; of a run that diverged, or ended at NaN or infinity, it is +infinity; of a run that is
not finished it is unknown, NaN, and left out. Only the last stored step is read.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...specs.errors import SpecError, StoreError, suggest
from ...specs.status import Status
from ..store.open import open_tree
from .swept import is_problem


def opened(source: Any) -> Any:
    """A path opened; an opened store as it is."""
    if isinstance(source, (str, Path)):
        return open_tree(source)
    return source


def has_stages(tree: Any) -> bool:
    """Whether an opened store is one of stages."""
    return "stages" in tree.attrs


def children_of(tree: Any) -> dict[str, Any]:
    """The stages of a store that were begun, in their order, each a store itself."""
    order = [str(one["name"]) for one in json.loads(str(tree.attrs["stages"]))]
    return {name: tree.children[name] for name in order if name in tree.children}


def stages_of(tree: Any) -> list[Any]:
    """The stages of a store that has such, each a store itself; another store alone."""
    return list(children_of(tree).values()) if has_stages(tree) else [tree]


def groups(tree: Any) -> dict[str, Any]:
    """The groups of a store as datasets, in the study's order. Raises StoreError if there are none."""
    found = {name: child.to_dataset() for name, child in tree.children.items() if "status" in child.data_vars}
    if not found:
        raise StoreError("no groups with a `status`: this is not a thalweg store")
    given = json.loads(tree.attrs.get("study", "{}")).get("optimizers", [])
    order = [o.get("label") or o.get("kind") for o in given]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))


def sweep_dims(dataset: Any) -> tuple[str, ...]:
    """The swept dimensions of a group."""
    return tuple(str(dim) for dim in dataset["status"].dims if dim != "seed")


def swept_coordinates(dataset: Any) -> list[Any]:
    """Names of the coordinates along the swept dimensions: their own, and those of zipped sweeps, in the dimensions' order."""
    dims = sweep_dims(dataset)
    found = [str(key) for key, made in dataset.variables.items() if made.ndim == 1 and made.dims[0] in dims]
    return sorted(found, key=lambda key: (dims.index(dataset[key].dims[0]), key not in dims, key))


def problem_dims(dataset: Any) -> tuple[str, ...]:
    """The swept dimensions along which the problem changes: the landscape, the start or the noise. The others are hyperparameters."""
    found = {dataset[key].dims[0] for key in swept_coordinates(dataset) if is_problem(dataset[key])}
    return tuple(dim for dim in sweep_dims(dataset) if dim in found)


def endings(status: np.ndarray) -> dict[str, int]:
    """How many of these runs are unfinished, finished, diverged, stopped."""
    return {end.name.lower(): int((status == end).sum()) for end in Status}


def final_loss(dataset: Any, name: str = "") -> np.ndarray:
    """The last stored loss of every run, (sweep dims..., seed): infinity where diverged or not a number, NaN where not finished."""
    if "loss" not in dataset.data_vars and "final_loss" not in dataset.data_vars:
        raise SpecError(f"{name or 'this group'}: has no loss, which a comparison needs; add loss to record.variables and run again")
    return final_value(dataset, "final_loss" if "final_loss" in dataset.data_vars else "loss", name)


def final_value(dataset: Any, variable: str, name: str = "") -> np.ndarray:
    """The last stored value of a variable that has one number a run, as `final_loss` gives that of the loss."""
    dims = (*sweep_dims(dataset), "seed")
    known = [
        str(key)
        for key, made in dataset.data_vars.items()
        if {*made.dims} in ({*dims}, {*dims, "step"}) and key not in ("status", "last_step")
    ]
    if variable not in known:
        raise SpecError(
            f"{name or 'this group'}: there is no variable '{variable}' with one number per run{suggest(variable, known)} (known: {', '.join(known)})"
        )
    last = dataset[variable].isel(step=-1, missing_dims="ignore")
    value = last.transpose(*dims).values.astype(np.float64)
    status = dataset["status"].transpose(*dims).values
    final = np.where(np.isfinite(value) & (status != Status.DIVERGED), value, np.inf)
    return np.where(status == Status.UNFINISHED, np.nan, final)


def diverged(dataset: Any) -> np.ndarray:
    """Whether each run diverged, 1 or 0, (sweep dims..., seed); NaN where it is not finished."""
    status = dataset["status"].transpose(*sweep_dims(dataset), "seed").values
    return np.where(status == Status.UNFINISHED, np.nan, status == Status.DIVERGED)


def converged(dataset: Any, target: float, name: str = "") -> np.ndarray:
    """Whether the final loss of each run is at most the target, 1 or 0, (sweep dims..., seed); NaN where it is not finished."""
    final = final_loss(dataset, name)
    return np.where(np.isnan(final), np.nan, final <= target)


def needs_loss(dataset: Any, name: str = "") -> None:
    """Raises SpecError if the loss of every run along its steps is not stored."""
    if "loss" not in dataset.data_vars:
        why = (
            "it stores statistics over the seeds; leave out record.stats"
            if "final_loss" in dataset.data_vars
            else "add loss to record.variables"
        )
        raise SpecError(f"{name or 'this group'}: has no loss of every run and step, which the steps to a target need: {why} and run again")


def has_landscapes(tree: Any) -> bool:
    """Whether an opened store is one of several landscapes."""
    return tree.attrs.get("part") == "landscape"


def named(sources: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """The stores with a name each: the study's, or where two share it, numbered. A store of stages is as many stores; one of several landscapes,
    too, which are called as they are there."""
    names, trees = [], []
    for tree in map(opened, sources):
        for label, one in (children_of(tree) if has_stages(tree) else {"": tree}).items():
            names.append(label if has_landscapes(tree) else str(json.loads(one.attrs.get("study", "{}")).get("name", "study")))
            trees.append(one)
    return [(name if names.count(name) == 1 else f"{name}#{k + 1}", tree) for k, (name, tree) in enumerate(zip(names, trees, strict=True))]
