"""What probes share that compare runs two at a time: along which dimension, which pairs, and both runs of every pair as views."""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ...specs.base import Count
from ...specs.errors import SpecError, suggest
from ...specs.optimizer import Optimizer
from ..dims import Dim
from ..plan import group_dims
from . import _matching
from .base import STEP, Array, Probe, Scene, View, run_sizes

MOST = 10_000
"""Pairs that one point of the other dimensions may have."""
PAIR = "pair"
"""The dimension of pairs, and the coordinates along it that say who they are."""
WHO = ("first", "second")


@dataclass(frozen=True)
class Couples:
    """Pairs of runs: the runs `rows` and `seeds` of one view with those of another, which are as many."""

    one: View
    other: View
    rows: tuple[Any, Any]
    seeds: tuple[Any, Any]

    @cached_property
    def first(self) -> View:
        """The first runs."""
        return self.one.taken(self.rows[0], self.seeds[0])

    @cached_property
    def second(self) -> View:
        """The second runs."""
        return self.other.taken(self.rows[1], self.seeds[1])

    @property
    def valid(self) -> Any:
        """Whether both have finite numbers (rows, seeds)."""
        return self.first.valid & self.second.valid

    def taken(self, of_one: Any, of_other: Any) -> tuple[Any, Any]:
        """From arrays (rows, seeds, ...) of both views those of the first and of the second runs."""
        return of_one[self.rows[0]][:, self.seeds[0]], of_other[self.rows[1]][:, self.seeds[1]]


class Compared(Probe):
    """Base of probes that compare runs: their arrays have a dimension `pair` in place of the one compared along, with the coordinates first and second.
    A subclass gives `own_arrays` and `compare`."""

    between: str = Field(
        default="seed",
        description="the dimension to compare along: seed, step, group, or another dimension of the runs, such as noise_seed or a sweep",
    )
    pairs: Literal["all", "consecutive", "first"] = Field(
        default="all", description="which pairs: all, each run with the next, or the first with every other"
    )
    align: Literal["none", "permutation"] = Field(
        default="none", description="permutation: permute the hidden units of the second run to match those of the first"
    )
    matching: Literal["weights", "activations"] = Field(default="weights", description="what the hidden units are matched by")
    hidden: tuple[str, ...] = Field(default=(), description="names of the sizes of hidden units; default: all")
    activations: tuple[str, ...] = Field(
        default=(), description="definitions whose last axis is a layer of hidden units, one for each layer, to match by activations"
    )
    turns: Count = Field(default=100, description="maximum number of passes over the layers when matching by weights")

    # who is compared

    def looks_at(self, optimizer: Optimizer) -> bool:
        if self.between != "group" or len({*self.groups}) < 2:
            return super().looks_at(optimizer)
        return optimizer.name in (self.groups[:1] if self.pairs == "first" else self.groups[:-1])

    def consumes(self, scene: Scene) -> tuple[str, ...]:
        return () if self.between == "group" else (STEP if self.between == "step" else self.between,)

    def people(self, scene: Scene) -> list[Any]:
        """Who is compared, as the coordinates name them."""
        if self.between == "group":
            return list(self.groups)
        if self.between == "step":
            return list(self.steps(scene))
        if self.between == "seed":
            return list(range(scene.study.seeds))
        values = self._dim(scene).sweeps[0][2].values
        return list(values) if all(isinstance(v, (int, float)) for v in values) else [str(v) for v in values]

    def _dim(self, scene: Scene) -> Dim:
        return next(dim for dim in group_dims(scene.study, scene.optimizer) if dim.name == self.between)

    def couples(self, scene: Scene) -> list[tuple[int, int]]:
        """The pairs by their places among `people`. Of groups those in which this one is the first."""
        count = len(self.people(scene))
        if self.pairs == "all":
            found = list(itertools.combinations(range(count), 2))
        else:
            found = [(k, k + 1) if self.pairs == "consecutive" else (0, k + 1) for k in range(count - 1)]
        if self.between == "group":
            return [pair for pair in found if self.groups[pair[0]] == scene.optimizer.name]
        return found

    # what is wrong

    def changed(self, *names: str) -> list[str]:
        """Those of these options that are not at their defaults."""
        return [name for name in names if getattr(self, name) != type(self).model_fields[name].default]

    def unfit(self, scene: Scene) -> str | None:
        return self._unfit_between(scene) or self._unfit_align(scene)

    def _unfit_between(self, scene: Scene) -> str | None:
        known, group = {**run_sizes(scene, self), "step": len(self.steps(scene))}, scene.optimizer.name
        known.pop(STEP)
        if self.between == "group":
            return self._unfit_groups(scene)
        if self.between not in known:
            names = [*known, "group"]
            return f"between: {group} has no dimension '{self.between:.60}'{suggest(self.between, names)} (known: {', '.join(names)})"
        if self.between not in ("seed", "step"):
            dim = self._dim(scene)
            if dim.structural and not dim.forks:
                return f"between: runs along '{dim.name}' have points of different sizes or states of different optimizers and cannot be compared"
        if known[self.between] < 2:
            more = "list two or more in `at`" if self.between == "step" else "there is nothing to compare it with"
            return f"between: {group} has one {self.between}; {more}"
        if (n := len(self.people(scene))) * (n - 1) // 2 > MOST and self.pairs == "all":
            return f"pairs: all of {n:,} are {n * (n - 1) // 2:,} pairs; at most {MOST:,} are allowed; take consecutive or first"
        return None

    def _unfit_groups(self, scene: Scene) -> str | None:
        if len({*self.groups}) < max(2, len(self.groups)):
            return "between: group compares optimizers; name two or more in `groups`, each once"
        found = {one.name: one for one in scene.study.optimizers}
        mine = {dim.name: dim.size for dim in group_dims(scene.study, scene.optimizer)}
        for name in self.groups:
            if name not in found:
                return None  # is told for every probe
            other = Scene(scene.study, found[name])
            theirs = {dim.name: dim.size for dim in group_dims(scene.study, found[name])}
            if theirs != mine:
                said = [", ".join(f"{d}: {n}" for d, n in sizes.items()) or "nothing" for sizes in (mine, theirs)]
                return (
                    f"between: {scene.optimizer.name} and {name} sweep different sizes ({said[0]}; {said[1]}); their runs cannot be paired"
                )
            if missing := [t for t in self.steps(scene) if t not in other.steps]:
                return f"between: {name} has no stored parameters of step {missing[0]}"
        return None

    def _unfit_align(self, scene: Scene) -> str | None:
        if self.align == "none":
            given = self.changed("matching", "hidden", "activations", "turns")
            return f"{given[0]}: is for align: permutation; leave it out" if given else None
        if self.matching == "weights" and self.activations:
            return "activations: is for matching: activations; leave it out"
        for land in scene.landscapes:
            if why := _matching.unfit(land, self.hidden, self.activations if self.matching == "activations" else None):
                return why
        return None

    # what is stored

    def own_arrays(self, scene: Scene) -> dict[str, Array]:
        """What it stores of a pair; dimensions are those after `pair`."""
        raise NotImplementedError

    def arrays(self, scene: Scene) -> dict[str, Array]:
        people, couples = self.people(scene), self.couples(scene)
        along = {name: (PAIR, [people[pair[k]] for pair in couples]) for k, name in enumerate(WHO)}
        found = self.own_arrays(scene)
        if self.align == "permutation":
            found["moved"] = Array(text="share of hidden units that the matching moves")
        return {name: Array({PAIR: len(couples), **a.dims}, a.text, a.units, a.coords, {**along, **a.along}) for name, a in found.items()}

    def shared(self, scene: Scene) -> float:
        """How many pairs there are for one point that is looked at."""
        people = 1 if self.between == "group" else len(self.people(scene))
        return len(self.couples(scene)) / max(1, people)

    # the look

    def compare(self, view: View, couples: Couples) -> dict[str, Any]:
        """What is stored of pairs: (rows, seeds, own dimensions...) each."""
        raise NotImplementedError

    def look(self, view: View) -> dict[str, Any]:
        made = []
        for couples in self._coupled(view):
            found, valid = self.compare(view, couples), couples.valid
            made.append({name: np.where(valid.reshape(*valid.shape, *(1,) * (a.ndim - 2)), a, np.nan) for name, a in found.items()})
        if self.between == "group":
            return {name: np.stack([one[name] for one in made], axis=2) for name in made[0]}
        return {name: self._placed(view, a) for name, a in made[0].items()}

    def _coupled(self, view: View, step: int | None = None) -> list[Couples]:
        """The pairs of a view; of groups one after the other. With a step the points of the same runs at that step."""
        pairs = np.asarray(self.couples(view.scene))
        rows, seeds = np.arange(len(view.t)), np.arange(len(view.seeds))
        here = view if step is None else _at(view, view.look(steps=[step]))
        if self.between == "group":
            made = []
            for _, k in pairs:
                other = view.look(self.groups[k])
                made.append(Couples(here, other if step is None else _at(other, other.look(steps=[step])), (rows, rows), (seeds, seeds)))
            return made
        if self.between == "seed":
            return [Couples(here, here, (rows, rows), (seeds[pairs[:, 0]], seeds[pairs[:, 1]]))]
        table = np.moveaxis(view.row_of, self._axis(view), -1)
        first, second = (table[..., pairs[:, k]].ravel() for k in (0, 1))
        return [Couples(here, here, (first, second), (seeds, seeds))]

    def _axis(self, view: View) -> int:
        """The compared dimension's place among (sweeps..., probe_step)."""
        return -1 if self.between == "step" else [dim.name for dim in view.group.dims].index(self.between)

    def _placed(self, view: View, a: Any) -> Any:
        """From (rows, seeds, own...) of pairs to (dimensions that are left..., pair, own...)."""
        *sweeps, seeds, steps = view.shape
        own = a.shape[2:]
        if self.between == "seed":  # seeds are pairs here
            made = a.reshape(*sweeps, steps, a.shape[1], *own)
            return made
        left = [n for k, n in enumerate([*sweeps, steps]) if k != self._axis(view) % (len(sweeps) + 1)]
        made = a.reshape(*left, -1, seeds, *own)  # (sweeps..., probe_step unless that is compared, pair, seed, own...)
        many = len(left)
        made = np.moveaxis(made, many + 1, many if self.between == "step" else many - 1)
        return made

    def matched(self, couples: Couples) -> tuple[View, Any, Any]:
        """The second runs with their hidden units in the first's order, what puts points of theirs in that order, and the share of units that
        moved; as they are, nothing and nothing where nothing is aligned. Raises SpecError where that changes the loss."""
        if self.align == "none":
            return couples.second, lambda x: x, None
        hidden = _matching.chosen(couples.first.landscape, self.hidden)
        found = _matching.match(couples.first, couples.second, hidden, self.activations, self.turns)
        if not found.keeps_loss(couples.second).all():
            names = ", ".join(layer.name for layer in hidden)
            raise SpecError(
                f"probes: {self.name}: align: another order of {names} changes the loss, so these are no hidden units; see `hidden`"
            )
        return couples.second.at(found.permuted(couples.second.x)), found.permuted, found.moved


def _at(view: View, other: View) -> View:
    """A view of one step with a row for every row of another view of the same runs."""
    return other.taken(np.arange(len(view.t)) // view.shape[-1])


def norms(a: Any) -> Any:
    """Euclidean lengths along the last axis."""
    return np.sqrt((a * a).sum(axis=-1))


def cosine(a: Any, b: Any) -> Any:
    """The cosine of the angle between vectors along the last axis; NaN where one is 0."""
    size = norms(a) * norms(b)
    return np.where(size > 0, (a * b).sum(axis=-1) / np.where(size > 0, size, 1.0), np.nan)
