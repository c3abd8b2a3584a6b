"""Which chunks the complete shards of a store must have, and which are lost. Names are listed, and nothing is read unless one is missing."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...specs.status import Status
from . import location


def lost(root: Any, group: str) -> dict[str, str]:
    """The shards of a group that are said to be complete and lack a chunk, by the key of their completion mark -> the array that lacks it. A
    coordinate that lacks one counts for the key ""."""
    data, made = root[group], {}
    marks, strict = sorted(location.keys(data["status"])), bool(root.attrs.get("every_chunk"))
    for name, array in sorted(data.arrays()):
        grid = chunk_counts(array)
        if name == "status" or not is_ours(array) or len(have := location.keys(array)) == math.prod(grid):
            continue
        if (lead := run_dims(data, name)) is None:
            if strict or array.size > 1:  # other versions left out a chunk of zeros
                made[""] = name
            continue
        for mark in marks:
            first = tuple(mark.split("/")[:lead])
            for rest in itertools.product(*(range(n) for n in grid[lead:])):
                if "/".join((*first, *map(str, rest))) not in have and not _says_nothing(data, name, mark, rest, strict):
                    made.setdefault(mark, name)
    return made


def run_dims(data: Any, name: str) -> int | None:
    """How many dimensions of an array of a group are those of its runs, which come first: all, or all but `seed`; None for a coordinate."""
    dims, runs = (tuple(data[label].metadata.dimension_names or ()) for label in (name, "status"))
    if dims == (name,) or name in str(data.attrs.get("coordinates", "")).split():
        return None
    return len(runs) if dims[: len(runs)] == runs else len(runs) - 1


def chunk_counts(array: Any) -> list[int]:
    """The number of an array's chunks along each dimension."""
    return [-(-size // chunk) for size, chunk in zip(array.shape, array.chunks, strict=True)]


def is_ours(array: Any) -> bool:
    """Whether thalweg laid out this array; others may keep arrays of their own in a store."""
    return {"long_name", "units"} <= set(array.attrs)


def _says_nothing(data: Any, name: str, mark: str, rest: Sequence[int], strict: bool) -> bool:
    """Whether an absent chunk holds nothing: a state after all runs of the shard had ended, and what earlier versions left out where it was
    NaN or 0 throughout, since all runs had diverged."""
    if strict and name != "state":
        return False
    chunks = data["status"].chunks
    box = tuple(slice(int(k) * n, (int(k) + 1) * n) for k, n in zip(mark.split("/"), chunks, strict=True))
    status, last = np.asarray(data["status"][box]), np.asarray(data["last_step"][box])
    if name == "state":
        return bool((last < int(np.asarray(data["state_step"])[rest[0]])).all())
    if name in ("last_step", "final_loss"):
        return bool((status == Status.DIVERGED).all())
    if "count" not in data:
        return False
    step = int(np.asarray(data["step"])[rest[0] * data["count"].chunks[-1]])
    alive = ((status != Status.DIVERGED) | (last >= step)).sum(axis=-1)
    return bool((alive <= name.endswith("_var")).all())
