"""The dimensions of a group's runs: one a swept field, zipped ones together, and those along which a study forks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..specs.optimizer import Optimizer
from ..specs.reserved import reserved
from ..specs.study import PARTS, WHOLE_PARTS, Study
from ..specs.sweep import Sweep

FORKS = ("branch", "study")
"""Owners of sweeps that are none of a part's fields: the steps at which runs leave others, the seeds of their noise."""


@dataclass(frozen=True)
class Dim:
    """One dimension of a group: its name, its sweeps (owner, path, Sweep), and whether they change structure."""

    name: str
    sweeps: tuple[tuple[str, tuple[str, ...], Sweep], ...]
    structural: bool
    names: tuple[str, ...]
    """One coordinate name a sweep; the first is the dimension's own."""

    @property
    def forks(self) -> bool:
        """Whether runs along it are forks of the same ones: with other noise, or begun at other steps. Their points have one size."""
        return all(owner in FORKS and path[0] not in WHOLE_PARTS for owner, path, _ in self.sweeps)

    @property
    def size(self) -> int:
        return len(self.sweeps[0][2])


def group_dims(study: Study, optimizer: Optimizer) -> tuple[Dim, ...]:
    """The dimensions of an optimizer's group: shared sweeps (landscape, init, noise) first, then its own, in the study's order. Whole parts of
    which several were given belong to the study."""
    owners: list[tuple[str, Any]] = [(n, study.start() if n == "init" else getattr(study, n)) for n in PARTS]
    owners = [(name, part) for name, part in owners if name not in study.swept_parts()]
    found: list[tuple[str, str, tuple[str, ...], Sweep, bool]] = [
        (name, "study", (name,), sweep, True) for name, sweep in study.swept_parts().items()
    ]
    found += [
        (f"{optimizer.name if owner == 'optimizer' else owner}.{'.'.join(path)}", owner, path, sweep, structural)
        for owner, part in [*owners, ("optimizer", optimizer)]
        for path, (sweep, structural) in part.swept().items()
    ]
    zipped = {name: pair for pair in study.zip for name in pair}
    lasts = [path[-1] for _, _, path, _, _ in found if path[0] not in ("rest", "lr_scale")]
    own = {*study.landscape.observable_names, *study.landscape.blocks}

    def label(owner: str, path: tuple[str, ...]) -> str:
        if owner == "study":
            return path[0]
        if path[0] in ("rest", "lr_scale"):  # a rule's own fields have the plain names
            return ".".join(path)
        if not (lasts.count(path[-1]) > 1 or path[-1] in own or reserved(path[-1])):
            return path[-1]
        return ".".join(path if owner == "init" and len(path) == 2 else (owner, *path))

    dims = list(fork_dims(study))
    taken: set[str] = set()
    for name, *_ in found:
        if name in taken:
            continue
        members = [f for f in found if f[0] == name or (name in zipped and f[0] in zipped[name])]
        taken |= {f[0] for f in members}
        names = tuple(label(owner, path) for _, owner, path, _, _ in members)
        sweeps = tuple((owner, path, sweep) for _, owner, path, sweep, _ in members)
        dims.append(Dim(names[0], sweeps, any(structural for *_, structural in members), names))
    return tuple(dims)


def fork_dims(study: Study) -> Iterator[Dim]:
    """Where runs leave those of another study, where those left others, and the seeds of their noise."""
    swept: list[tuple[str, str, tuple[str, ...], Any]] = [("noise_seed", "study", ("noise_seed",), study.noise_seed)]
    if study.branch:
        past = [(name, "branch", ("past", name), steps) for name, steps in study.branch.past.items()]
        swept = [*past, ("at", "branch", ("at",), study.branch.at), *swept]
    for name, owner, path, value in swept:
        if isinstance(value, Sweep):
            yield Dim(name, ((owner, path, value),), True, (name,))
