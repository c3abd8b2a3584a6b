"""Studies of stages: programs over runs, which fork, freeze, swap the data or the objective, and go on.

A stage is a study whose runs may begin where those of an earlier stage were (`from`, `at`, `keep`), whose formula may use their parameters
(`uses`), and whose start may be made of them (`init: {kind: mix}`). What a stage does not say is as in the stage that it is from, or as at the top
of the file. Each stage becomes a Study of its own, in which the other stages' names stand for their stores.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .claim import Claim
from .errors import SpecError, suggest
from .init import Mix
from .study import Study
from .sweep import Sweep


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its study, and the names of the stages whose runs it needs."""

    name: str
    study: Study
    origin: str
    """The stage that it is from, or nothing."""
    needs: tuple[str, ...]

    @property
    def whence(self) -> str:
        """Where its runs begin, in words; empty where they begin anew."""
        branch, init = self.study.branch, self.study.init
        if branch is not None:
            return f"from {self.origin} at {in_words(branch.steps)}"
        others = ", ".join(name for name in self.needs if name != self.origin)
        said = []
        if self.origin and isinstance(init, Mix):
            steps = () if init.at is None else init.at.values if isinstance(init.at, Sweep) else (init.at,)
            said = [f"starts with the parameters of {self.origin}" + (f" at {in_words(steps)}" if steps else "")]
        return ", ".join(said + [f"takes parameters of {others}"] * bool(others))


@dataclass(frozen=True)
class Stages:
    """A study of stages."""

    name: str
    title: str
    source: str
    stages: tuple[Stage, ...]
    claims: tuple[Claim, ...] = ()
    """Claims across stages."""
    part: str = "stage"
    """What each is: a stage, or a landscape of a study of several."""

    def upto(self, name: str) -> "Stages":
        """The same up to this stage. Raises SpecError if there is none of that name."""
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise SpecError(f"--stage {name}: there is no such {self.part}{suggest(name, names)} (known: {', '.join(names)})")
        wanted = {name}
        for stage in reversed(self.stages):
            wanted |= {*stage.needs} if stage.name in wanted else set()
        return replace(self, stages=tuple(s for s in self.stages if s.name in wanted), claims=())


def in_words(steps: Sequence[int]) -> str:
    """The first eight of some steps.

    >>> in_words(range(10))
    '0, 1, 2, 3, 4, 5, 6, 7, ...'
    """
    return ", ".join(map(str, steps[:8])) + ", ..." * (len(steps) > 8)


def is_staged(data: Any) -> bool:
    """Whether these plain data are a study of stages."""
    return isinstance(data, dict) and "stages" in data


def names_of_stores(study: Study) -> list[str]:
    """The stores that a study names."""
    found = [] if study.branch is None else [study.branch.store]
    if isinstance(init := study.init, Mix):
        found += [one.store for one in init.of if not isinstance(one, str)]
    return found + [used.store for used in study.landscape.stored.values()]
