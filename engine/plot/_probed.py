"""What probes stored, as pictures show it: which there are, and their arrays at each optimizer's best point."""

from collections.abc import Collection
from typing import Any

from ...specs.errors import SpecError, suggest
from ...specs.probe import STEP, Scene
from ...specs.registry import PROBES
from ..results import probed
from ._picture import Picture, Problem


def stored(picture: Picture) -> dict[str, str]:
    """The probes of the groups that are drawn: name -> kind; first the study's own, in its order."""
    by_group = probed.probes(picture.tree)
    kinds = {name: probed.kind_of(one) for group in picture.groups for name, one in by_group.get(group, {}).items()}
    own = [probe.name for probe in picture.study.probes if probe.name in kinds]
    return {name: kinds[name] for name in dict.fromkeys([*own, *kinds])}


def of_kinds(picture: Picture, kinds: Collection[str], what: str) -> list[str]:
    """The names of the probes of these kinds. Raises SpecError if there are none, with how to add one."""
    found = [name for name, kind in stored(picture).items() if kind in kinds]
    if not found:
        one = next(iter(kinds))
        raise SpecError(f"plot: {what} draws probes of kind {' or '.join(kinds)}, and none is stored; add one: thalweg probe STORE {one}")
    return found


def named(word: str, known: Collection[str]) -> str:
    """The name itself. Raises SpecError if it is none of those known."""
    if word not in known:
        raise SpecError(f"plot: '{word}' is not stored by a probe{suggest(word, known)} (there are: {', '.join(known)})")
    return word


def at_best(picture: Picture, problem: Problem, group: str, name: str) -> Any:
    """What a probe of a group stored at its best point on a problem, (seed, probe_step, ...): an xarray.Dataset; None where it looked at other groups."""
    found = probed.probes(picture.tree).get(group, {}).get(name)
    return None if found is None else probed.point_of(found, problem.groups[group].isel(problem.bests()[group].index))


def scalars(picture: Picture, group: str, dataset: Any) -> list[str]:
    """The arrays of a probe of a group that are one number a point, in the order in which its kind has them."""
    optimizer = next(o for o in picture.study.optimizers if o.name == group)
    names = PROBES.parse(probed.settings(dataset)).arrays(Scene(picture.study, optimizer))
    own = set(dataset["done"].dims)
    return [name for name in names if set(dataset[name].dims) == own and {STEP, "seed"} <= own]
