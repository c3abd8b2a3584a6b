"""The loss along paths between pairs of stored points: segments, polygons, Bezier curves."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...specs.base import Count, Index, Positive
from ...specs.errors import SpecError, suggest
from ._compared import Compared, Couples, cosine, norms
from ._curves import Bezier, Polygon, excess_from_curvature
from .base import Array, Scene, View, run_sizes

TAKEN = (
    "loss",
    "barrier",
    "barrier_from_mean",
    "barrier_from_curvature",
    "distance",
    "length",
    "angle",
    "moved",
    "alpha",
    "point",
    "pair",
    "first",
    "second",
    "done",
)
OF_BEZIER = ("curve_steps", "curve_lr")


class Path(Compared):
    """Loss along paths between pairs of stored points, and the barriers on them.

    A path goes from the first point A (`alpha` 0) to the second point B (1). `segment`: (1 - alpha) A + alpha B. `polygon`: straight lines from point
    to point, through the first run's points at the steps `through`, the latest first, and then through the second run's, the earliest first; if A and
    B are two steps of one run, through its points at those of the steps that lie between them; `alpha` is the share of the length. `bezier`: (1 -
    alpha)^2 A + 2 alpha (1 - alpha) M + alpha^2 B, whose middle M minimises the mean loss over alpha: `curve_steps` steps of Adam (0.9, 0.999) from
    the midpoint of A and B, each with the gradient at one random alpha (Philox, the same for all paths), with the learning rate `curve_lr`, which
    falls linearly to 0 over the second half.

    `barrier` is the largest excess of the loss L(alpha) over (1 - alpha) L(A) + alpha L(B) at the points of the path, never below 0 (Entezari et
    al.), and `barrier_from_mean` that of L over (L(A) + L(B))/2 (Frankle et al.: the instability). `distance` is |A - B|, and `length` the length of
    a path other than the segment. With `ancestor`, `angle` is the angle in radians between the displacements of the two runs since that step. With
    `curvature`, `barrier_from_curvature` is the same barrier of a segment, computed only from second derivatives: with D = B - A and H the Hessian on
    the segment, the excess at a is -int_0^1 min(a, s) (1 - max(a, s)) D^T H(s) D ds, with this many Gauss-Legendre nodes between neighbouring points.
    Sources: Frankle, Dziugaite, Roy & Carbin 2020, arXiv:1912.05671; Entezari, Sedghi, Saukh & Neyshabur 2022, arXiv:2110.06296; Garipov et al.
    2018, arXiv:1802.10026; Ainsworth, Hayase & Srinivasa 2023, arXiv:2209.04836.
    """

    kind: Literal["path"] = "path"
    curve: Literal["segment", "polygon", "bezier"] = Field(default="segment", description="the kind of path")
    points: Count = Field(default=21, ge=3, le=10_001, description="number of points, evenly spaced in alpha, including both ends")
    through: tuple[Index, ...] = Field(default=(), description="the stored steps through which a polygon goes")
    curve_steps: Count = Field(default=300, description="steps of Adam to train the middle of a Bezier curve")
    curve_lr: Positive = Field(default=0.03, description="their learning rate")
    observables: tuple[str, ...] = Field(default=(), description="observables that are also stored along the path")
    ancestor: Index | None = Field(
        default=None, description="a stored step; stores the angle between the displacements of both runs since then"
    )
    curvature: Index = Field(
        default=0, description="quadrature nodes between neighbouring points for the barrier from curvature; 0: do not compute it"
    )

    text: ClassVar[str] = "loss along paths"

    # what it stores

    def own_arrays(self, scene: Scene) -> dict[str, Array]:
        own, swept = {"point": self.points}, "alpha" in run_sizes(scene, self)
        alpha = {"alpha_of_path" if swept else "alpha": ("point", self.alphas.tolist())}
        made = {name: Array(own, f"{name} along the path", along=alpha) for name in ("loss", *self.observables)}
        made["barrier"] = Array(text="largest excess of the loss over the straight line between the ends' losses")
        made["barrier_from_mean"] = Array(text="largest excess of the loss over the mean of the ends' losses")
        if self.curvature:
            made["barrier_from_curvature"] = Array(text="the barrier from second derivatives along the segment")
        made["distance"] = Array(text="distance of the ends")
        if self.curve != "segment":
            made["length"] = Array(text="length of the path")
        if self.ancestor is not None:
            made["angle"] = Array(text=f"angle between the ways since step {self.ancestor}", units="rad")
        return made

    @property
    def alphas(self) -> Any:
        """Where on the path the loss is looked at."""
        return np.linspace(0.0, 1.0, self.points)

    def unfit(self, scene: Scene) -> str | None:
        return super().unfit(scene) or self._unfit_options(scene) or self._unfit_loss(scene)

    def _unfit_options(self, scene: Scene) -> str | None:
        if self.curve != "polygon" and self.through:
            return "through: is for curve: polygon; leave it out"
        if self.curve == "polygon" and not self.through:
            return "through: is needed for a polygon: the stored steps between its ends"
        if self.between != "step" and self.through and (last := max(self.through)) >= (looked := min(self.steps(scene))):
            return f"through: step {last} is not before step {looked}, at which the probe looks; name earlier steps"
        if self.curve != "bezier" and (given := self.changed(*OF_BEZIER)):
            return f"{given[0]}: is for curve: bezier; leave it out"
        if self.curve != "segment" and self.curvature:
            return "curvature: is of segments; leave it out"
        others = [Scene(scene.study, one) for one in scene.study.optimizers if self.between == "group" and one.name in self.groups]
        for field, steps in (("through", self.through), ("ancestor", () if self.ancestor is None else (self.ancestor,))):
            for one in (scene, *others):
                if missing := [t for t in steps if t not in one.steps]:
                    near = ", ".join(map(str, one.steps[:8])) + ", ..." * (len(one.steps) > 8)
                    return f"{field}: {one.optimizer.name} has no stored parameters of step {missing[0]} (stored: {near})"
        names = scene.study.landscape.observable_names
        for name in self.observables:
            if name not in names:
                known = f" (known: {', '.join(names)})" if names else "; the landscape has none"
                return f"observables: there is no observable '{name:.60}'{suggest(name, names)}{known}"
            if name in TAKEN:
                return f"observables: '{name}' is the name of something that a path stores"
        return None

    def _unfit_loss(self, scene: Scene) -> str | None:
        """Why there is no one loss between two runs that are compared."""
        kind, between = scene.study.landscape.kind, self.between
        if between == "seed":
            for land in scene.landscapes:
                if land.disorder_size or any(used.seed is None for used in land.stored.values()):
                    return f"between: every seed has its own landscape {kind}, so there is no common loss between two seeds"
        elif between == "step":
            if any(land.takes_step for land in scene.landscapes):
                return f"between: the landscape {kind} changes from step to step, so there is no common loss between two steps"
        elif between != "group" and any(owner == "landscape" for owner, _, _ in self._dim(scene).sweeps):
            return f"between: runs along '{between}' have different landscapes, so there is no common loss between them"
        return None

    # what it takes

    def evaluations(self, scene: Scene) -> int:
        each = self.points + 2 * self.curvature * (self.points - 1) + (2 * self.curve_steps if self.curve == "bezier" else 0)
        return max(1, round(self.shared(scene) * each))

    def numbers(self, scene: Scene) -> int:
        return round(max(1.0, self.shared(scene)) * (8 + 2 * len(self.through)) * scene.dim)

    # the look

    def compare(self, view: View, couples: Couples) -> dict[str, Any]:
        first, (second, permuted, moved) = couples.first, self.matched(couples)
        self._check_one_landscape(first, second)
        a, b = first.x, second.x
        path = self._path(view, couples, b, permuted)
        losses, watched = [], []
        for alpha in self.alphas:  # one after the other, so that memory does not grow with their number
            x = path.at(alpha)
            losses.append(first.value(x))
            found = first.observe(x) if self.observables else {}
            watched.append([found[name] for name in self.observables])
        loss = np.stack(losses, axis=-1)
        ends = loss[..., :1], loss[..., -1:]
        made = {"loss": loss, "distance": norms(b - a)}
        made |= {name: np.stack([one[k] for one in watched], axis=-1) for k, name in enumerate(self.observables)}
        made["barrier"] = highest(loss - ((1 - self.alphas) * ends[0] + self.alphas * ends[1]))
        made["barrier_from_mean"] = (loss - (ends[0] + ends[1]) / 2).max(axis=-1)
        if self.curvature:
            made["barrier_from_curvature"] = highest(excess_from_curvature(first, a, b, self.alphas, self.curvature))
        if self.curve != "segment":
            made["length"] = path.length()
        if self.ancestor is not None:
            made["angle"] = self._angle(view, couples, b, permuted)
        return made if moved is None else made | {"moved": moved}

    def _path(self, view: View, couples: Couples, b: Any, permuted: Any) -> Polygon | Bezier:
        a = couples.first.x
        if self.curve == "bezier":
            return Bezier.trained(couples.first, b, self.curve_steps, self.curve_lr)
        steps, here = sorted({*self.through}), self._place_of(view, couples)
        at = [self._coupled(view, t)[here] for t in steps]
        firsts = [np.where(one.first.valid[..., None], one.first.x, np.nan) for one in at]
        if self.between != "step":
            seconds = [np.where(one.second.valid[..., None], permuted(one.second.x), np.nan) for one in at]
            return Polygon([a, *reversed(firsts), *seconds, b])
        made = [a]
        for t, x in zip(steps, firsts, strict=True):  # beyond the ends the path stands still
            before, after = (t <= couples.first.t)[:, None, None], (t >= couples.second.t)[:, None, None]
            made.append(np.where(before, a, np.where(after, b, x)))
        return Polygon([*made, b])

    def _angle(self, view: View, couples: Couples, b: Any, permuted: Any) -> Any:
        """The angle between the ways since the ancestor (rows, seeds)."""
        assert self.ancestor is not None
        then = self._coupled(view, self.ancestor)[self._place_of(view, couples)]
        good = then.first.valid & then.second.valid
        found = cosine(couples.first.x - then.first.x, b - permuted(then.second.x))
        return np.where(good, np.arccos(np.clip(found, -1.0, 1.0)), np.nan)

    def _place_of(self, view: View, couples: Couples) -> int:
        """Which of the view's couples these are: of groups the place of the second."""
        if self.between != "group":
            return 0
        seconds = [self.groups[k] for _, k in self.couples(view.scene)]
        return seconds.index(couples.other.group.name)

    def _check_one_landscape(self, first: View, second: View) -> None:
        """Raises SpecError where the two runs of a pair have different landscapes."""
        for name, values in first.p.items():
            if not np.array_equal(values, second.p[name]):
                raise SpecError(
                    f"probes: {self.name}: the landscapes of a pair differ in '{name}', so there is no common loss between them"
                )


def highest(excess: Any) -> Any:
    """The largest along the last axis, not below 0, which it is at the ends but for rounding; NaN where there is one."""
    return np.maximum(excess.max(axis=-1), 0.0)
