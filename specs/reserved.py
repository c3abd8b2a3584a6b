"""Names that a store needs itself, and what names of folders in it must not be.

A group of a store holds an array, and so a folder, for every recorded variable and coordinate: two of them cannot share a name, nor, where
file systems do not tell cases apart, one that differs in case only. And a claim names them all in one breath.
"""

from collections.abc import Iterable

from .claim import OWN_NAMES as CLAIM_WORDS
from .registry import DIAGNOSTICS
from .variables import ENGINE

VARIABLES = (*ENGINE, "final_loss", "count", "status", "last_step", "state", *DIAGNOSTICS.own_kinds())
"""Arrays that a group may have whatever the landscape is."""
COORDINATES = ("seed", "step", "state_step", "number", "particle", "singular", "quantile", "dim", "dim_0", "dim_1")
"""Coordinates that a group may have whatever is swept."""
VECTORS = ("params_", "average_params_", "hessian_vector_")
"""Beginnings of the arrays' names where a landscape has several parameter blocks."""
STATISTICS = ("_mean", "_var", "_quantile")
"""Ends of the arrays' names where statistics over the seeds are stored."""
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{k}" for port in ("com", "lpt") for k in range(1, 10))}
"""No file or folder of Windows may be called so, whatever follows after a dot."""
MAX_LENGTH = 100


def folder_problem(name: str) -> str | None:
    """Why a store cannot have a folder of this name on every file system, or None."""
    if name.startswith("__"):
        return "Zarr reserves names that begin with two underscores"
    if name.casefold() == "zarr.json":
        return "that is the name of Zarr's own files"
    if name.endswith("."):
        return "some file systems drop a dot at the end"
    if name.split(".")[0].casefold() in DEVICES:
        return "Windows has a device of that name"
    if len(name) > MAX_LENGTH:
        return f"it has {len(name)} characters, at most {MAX_LENGTH} are allowed"
    return None


def same_but_for_case(names: Iterable[str]) -> tuple[str, str] | None:
    """Two of these names that differ in case only or not at all, or None."""
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            return seen[name.casefold()], name
        seen[name.casefold()] = name
    return None


def reserved(name: str) -> bool:
    """Whether a store or a claim needs this name itself: an observable cannot have it."""
    low = name.casefold()
    stems = [low.removesuffix(end) for end in STATISTICS if low.endswith(end)]
    return low in (*VARIABLES, *COORDINATES) or name in CLAIM_WORDS or low.startswith(VECTORS) or any(stem in VARIABLES for stem in stems)


def listed() -> str:
    """The reserved names, for a message."""
    ends = ", ".join(f"loss{end}" for end in STATISTICS)
    return f"{', '.join(dict.fromkeys([*VARIABLES, *COORDINATES, *CLAIM_WORDS]))}, params_..., {ends}, ..."
