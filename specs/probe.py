"""A probe: a look at stored parameters after the runs. What a study may say of it, and what every probe declares; the kinds are files in
engine/probes/.

A probe reads the iterates of a group's runs at stored steps, evaluates the landscape there or elsewhere in float64, and stores a group of its own,
`GROUP/probe/NAME`, whose arrays have the dimensions of the runs (sweeps, seed, probe_step) and then their own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from .base import Index, Unit
from .claim import OWN_NAMES, PARTS
from .errors import suggest
from .landscapes.base import Landscape
from .reserved import folder_problem, same_but_for_case
from .variables import recorded

if TYPE_CHECKING:
    from .optimizer import Optimizer
    from .study import Study

STEP = "probe_step"
"""The dimension of the steps that a probe looks at. It cannot be `step`: what lies below a group in a tree agrees with the group's own."""
FOLDER = "probe"
"""The name below a group that its probes lie under."""
TAKEN = (*PARTS, *OWN_NAMES, "optimizer", FOLDER)
"""Names that claims have for something else."""


@dataclass(frozen=True)
class Scene:
    """What a probe is to look at: one optimizer's runs of a study."""

    study: "Study"
    optimizer: "Optimizer"

    @cached_property
    def landscapes(self) -> list[Landscape]:
        """The landscape once a combination of its structural sweeps; one for most studies."""
        return self.study.landscapes()

    @cached_property
    def dim(self) -> int:
        """Components of a point; the most of a structural sweep."""
        return max(land.size for land in self.landscapes)

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The steps, increasing, at which parameters are stored: those of `params`, and those of the whole state of single iterates."""
        study, found = self.study, set()
        if study.record.stats:
            return ()
        if "params" in {variable.name for variable in recorded(study, self.optimizer)}:
            found |= set(study.record.steps(study.steps).tolist())
        if self.optimizer.sees_gradients:
            found |= set(study.record.state)
        return tuple(sorted(t for t in found if t >= study.first))


@dataclass(frozen=True)
class Array:
    """An array that a probe stores, in float64: its own dimensions after those of the runs (name -> size), what people read of it, coordinates
    of its dimensions where these are not 0, 1, 2, ..., and other coordinates along one of them: name -> (dimension, values)."""

    dims: Mapping[str, int] = field(default_factory=dict)
    text: str = ""
    units: str = "1"
    coords: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    along: Mapping[str, tuple[str, Sequence[Any]]] = field(default_factory=dict)


class Probe(Unit):
    """Base. A subclass gives `arrays` and `look`; everything else has a default."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=100)] = Field(
        default="", description="the name of the probe, in the store and in claims; default: the kind", validate_default=False
    )
    groups: tuple[str, ...] = Field(default=(), description="labels of the optimizers whose runs are looked at; default: all")
    at: Literal["last", "all"] | tuple[Index | Literal["last"], ...] = Field(
        default="last", description="the stored steps to look at: last, all, or a list of steps"
    )

    takes_particles: ClassVar[bool] = True
    """Whether it can look at the consensus points of particles."""

    @field_validator("at", mode="before")
    @classmethod
    def _one_step(cls, at: Any) -> Any:
        if isinstance(at, int) and not isinstance(at, bool):
            at = (at,)
        whole = isinstance(at, (list, tuple)) and at and all(t == "last" or (type(t) is int and t >= 0) for t in at)
        if not (whole or at in ("last", "all")):
            raise ValueError(f"takes last, all, or a list of stored steps, given {at!r:.60}")
        return at

    def model_post_init(self, context: Any) -> None:
        if not self.name:
            vars(self)["name"] = self.kind

    @property
    def spec(self) -> str:
        """This probe as JSON, as it is kept beside what it stored."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def looks_at(self, optimizer: "Optimizer") -> bool:
        """Whether it looks at this optimizer's runs."""
        return not self.groups or optimizer.name in self.groups

    def steps(self, scene: Scene) -> tuple[int, ...]:
        """The steps that it looks at, increasing."""
        if self.at == "all":
            return scene.steps
        wanted = (self.at,) if isinstance(self.at, str) else self.at
        return tuple(sorted({scene.steps[-1] if t == "last" else int(t) for t in wanted}))

    # what a kind says

    def unfit(self, scene: Scene) -> str | None:
        """Why it cannot look at these runs, in words that follow its name; None if it can."""
        return None

    def consumes(self, scene: Scene) -> tuple[str, ...]:
        """The dimensions of the runs that it takes as a whole, and that its arrays have not: those along which it compares runs."""
        return ()

    def arrays(self, scene: Scene) -> dict[str, Array]:
        """What it stores, by name."""
        raise NotImplementedError

    def evaluations(self, scene: Scene) -> int:
        """How many gradients one point takes, roughly; from this follows how many points are a piece of work."""
        return 1

    def numbers(self, scene: Scene) -> int:
        """How many numbers are held for one point, roughly, besides what a gradient takes."""
        return 4 * scene.dim

    def look(self, view: Any) -> dict[str, Any]:
        """The arrays at the points of a view (engine/probes/_view.py): name -> (rows, seeds, own dimensions...). Of a probe that consumes
        dimensions: (the dimensions that are left, in the group's order, ..., own dimensions...)."""
        raise NotImplementedError


def problems(study: "Study") -> Iterator[str]:
    """Everything that is wrong with a study's probes, each in one line."""
    names = [probe.name for probe in study.probes]
    if twice := same_but_for_case(names):
        yield f"probes: two are called '{twice[0]}'; give each a `name` of its own"
    if names and FOLDER in study.landscape.observable_names:
        yield f"probes: the landscape has an observable called '{FOLDER}', under which probes are stored; rename it"
    for probe in study.probes:
        yield from wrong(study, probe)


def claimed(study: "Study", optimizer: "Optimizer") -> set[tuple[str, str]]:
    """What claims about this optimizer's runs may name of the study's probes: (name, array)."""
    scene = Scene(study, optimizer)
    fit = [probe for probe in study.probes if probe.looks_at(optimizer) and _why_not(probe, scene) is None]
    return {(probe.name, array) for probe in fit for array in probe.arrays(scene)}


def wrong(study: "Study", probe: Probe) -> Iterator[str]:
    """What is wrong with one probe of a study."""
    said, labels = f"probes: {probe.name}", [o.name for o in study.optimizers]
    own = {variable.name for optimizer in study.optimizers for variable in recorded(study, optimizer)}
    if why := folder_problem(probe.name):
        yield f"{said}: cannot be its name: {why}"
    if probe.name in {*labels, *own, *TAKEN}:
        what = "an optimizer" if probe.name in labels else "a recorded variable" if probe.name in own else "something else in claims"
        yield f"{said}: is the name of {what}; give the probe another `name`"
    for name in probe.groups:
        if name not in labels:
            yield f"{said}: groups: there is no optimizer '{name:.60}'{suggest(name, labels)} (known: {', '.join(labels)})"
    if study.record.stats:
        yield f"{said}: looks at the parameters of every run, and the study stores only statistics over the seeds; leave out record.stats"
        return
    for optimizer in study.optimizers:
        if probe.looks_at(optimizer) and (why := _why_not(probe, Scene(study, optimizer))):
            yield f"{said}: {why}"
            return


def _why_not(probe: Probe, scene: Scene) -> str | None:
    """Why a probe cannot look at this optimizer's runs, in words that follow its name; None if it can."""
    group, stored = scene.optimizer.name, scene.steps
    if not (scene.optimizer.sees_gradients or probe.takes_particles):
        return f"looks at single iterates, and {group} has particles; name other optimizers in `groups`"
    if not stored:
        also = ", or steps to record.state" * scene.optimizer.sees_gradients
        return f"looks at stored parameters, and {group} stores none; add params to record.variables{also}"
    wanted = () if isinstance(probe.at, str) else probe.at
    if missing := [t for t in wanted if t != "last" and t not in stored]:
        near = ", ".join(map(str, stored[:8])) + ", ..." * (len(stored) > 8)
        return f"at: {group} has no stored parameters of step {missing[0]} (stored: {near})"
    return probe.unfit(scene)
