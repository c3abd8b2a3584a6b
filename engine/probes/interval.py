"""The loss along a line through stored points: how sharp it is there, and what one ascent step of SAM finds."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from ...specs.base import Count, Positive, Real
from . import _directions
from ._view import no_test_part
from .base import Array, Probe, Scene, View

MOST = 10_001
"""Pushes of a line."""


class Interval(Probe):
    """Loss at x + s d for stored parameters x and a unit vector d: the gradient, the last update, random vectors, or the top eigenvector.

    `reach` is a radius, with `points` values of s (the coordinate `push`) from -reach to reach, or a list of values. `update` is the displacement
    from the previous stored step. `random` draws `draws` vectors per seed, the same at all steps. `top` is the eigenvector of the largest
    eigenvalue of the Hessian, exact up to 200 components, else from `nodes` steps of Lanczos' method. The probe stores `loss`; `sharpness` = max
    over s of loss(s) - loss(0); `worst`, the s at which it occurs (0 if no s has a larger loss); and along the gradient `ascent` = f(x + r g/|g|)
    - f(x), with r the largest s: SAM's single ascent step, its estimate of the worst loss within the radius r. If the gradient or the update is 0
    there is no direction, and NaN is stored. Source: Foret, Kleiner, Mobahi & Neyshabur 2021, arXiv:2010.01412.
    """

    kind: Literal["interval"] = "interval"
    along: Literal["gradient", "update", "random", "top"] = Field(
        default="gradient", description="the direction in which parameters are moved"
    )
    reach: Positive | tuple[Real, ...] = Field(default=0.05, description="the largest displacement, or a list of displacements")
    points: Count = Field(default=11, description="number of displacements from -reach to reach, if reach is a number", le=MOST)
    draws: Count | None = Field(default=None, description="number of random vectors; default: 1")
    nodes: Count = Field(default=60, description="steps of Lanczos' method")
    on: Literal["train", "test"] = Field(
        default="train", description="the samples for the loss; directions are always computed on the training set"
    )

    takes_particles: ClassVar[bool] = False

    @field_validator("reach", mode="before")
    @classmethod
    def _pushes(cls, reach: Any) -> Any:
        if isinstance(reach, (list, tuple)) and (not 1 <= len(reach) <= MOST or len({*map(str, reach)}) < len(reach)):
            raise ValueError(f"takes a positive number, or a list of 1 to {MOST:,} different pushes")
        return reach

    @property
    def pushes(self) -> np.ndarray:
        """All pushes, increasing."""
        if isinstance(self.reach, tuple):
            return np.sort(np.asarray(self.reach, dtype=np.float64))
        return np.linspace(-self.reach, self.reach, self.points)

    # what it stores

    def steps(self, scene: Scene) -> tuple[int, ...]:
        found = super().steps(scene)
        return tuple(t for t in found if t != scene.steps[0]) if self.along == "update" and self.at == "all" else found

    def arrays(self, scene: Scene) -> dict[str, Array]:
        own = {"direction": self.draws or 1} if self.along == "random" else {}
        what = {"gradient": "the gradient", "update": "the last update", "random": "random vectors", "top": "the top eigenvector"}[
            self.along
        ]
        pushes = self.pushes.tolist()
        made = {
            "loss": Array({**own, "push": len(pushes)}, f"loss at parameters pushed along {what}", coords={"push": pushes}),
            "sharpness": Array(own, f"largest rise of the loss along {what}"),
            "worst": Array(own, "push of the largest rise"),
        }
        if self.along == "gradient":
            made["ascent"] = Array(text="rise of the loss by SAM's ascent step")
        return made

    def unfit(self, scene: Scene) -> str | None:
        if self.draws is not None and self.along != "random":
            return f"draws: is for random vectors; leave it out along {self.along}"
        if self.along == "gradient" and self.pushes[-1] <= 0:
            return f"reach: along the gradient the largest push is SAM's radius and must be positive, given {self.pushes[-1]:g}"
        if self.along == "update":
            if len(scene.steps) < 2:
                return f"along: update needs two stored steps, and {scene.optimizer.name} has 1; record params more often"
            if scene.steps[0] in self.steps(scene):
                return f"along: update begins at the second stored step, {scene.steps[1]}; no step is stored before {scene.steps[0]}"
        for land in scene.landscapes if self.on == "test" else ():
            if why := no_test_part(land):
                return f"on: test: {why}"
        return None

    def evaluations(self, scene: Scene) -> int:
        own = 2 * (scene.dim if scene.dim <= _directions.EXACT else self.nodes) if self.along == "top" else 2
        return own + len(self.pushes) * (self.draws or 1)

    def numbers(self, scene: Scene) -> int:
        own = scene.dim * (3 * scene.dim if scene.dim <= _directions.EXACT else self.nodes) if self.along == "top" else 0
        return own + scene.dim * (3 * (self.draws or 1) + 6)

    # the look

    def look(self, view: View) -> dict[str, Any]:
        d, seen = self.directions(view), view.on(self.on)
        still = seen.value()[:, :, None]
        loss = np.stack([seen.value(view.x[:, :, None] + s * d) for s in self.pushes], axis=-1)  # (rows, seeds, directions, pushes)
        rise = loss - still[..., None]
        lost = np.isnan(rise).any(axis=-1)
        at = np.where(np.isnan(rise), -np.inf, rise).argmax(axis=-1)
        most = np.take_along_axis(rise, at[..., None], axis=-1)[..., 0]
        made = {
            "loss": loss,
            "sharpness": np.where(lost, np.nan, np.maximum(most, 0.0)),
            "worst": np.where(lost, np.nan, np.where(most > 0, self.pushes[at], 0.0)),
        }
        if self.along == "random":
            return made
        made = {name: value[:, :, 0] for name, value in made.items()}
        return made | ({"ascent": rise[:, :, 0, -1]} if self.along == "gradient" else {})

    def directions(self, view: View) -> Any:
        """Unit vectors (rows, seeds, directions, dim)."""
        if self.along == "random":
            return _directions.unit(_directions.normals(view, self.draws or 1))
        if self.along == "top":
            return _directions.top(view, 1, self.nodes)[1]
        return _directions.unit(view.gradient() if self.along == "gradient" else self.updates(view))[:, :, None]

    def updates(self, view: View) -> Any:
        """The way from the stored step before (rows, seeds, dim); NaN where a run had diverged by then."""
        stored = view.scene.steps
        steps = list(dict.fromkeys(view.t.tolist()))
        before = view.look(steps=[stored[stored.index(t) - 1] for t in steps])
        return np.where(before.valid[..., None], view.x - before.x, np.nan)
