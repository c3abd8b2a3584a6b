"""The loss on a plane through stored points."""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from ...specs.base import Count, Index, Positive
from ..results.principal import principal
from . import _directions
from ._view import no_test_part
from .base import Array, Probe, Scene, View

MOST = 401
"""Points of a side."""
POINTS = 1.25
"""How far planes reach by default whose unit is the way to what they are laid through; 1 for others."""


class Plane(Probe):
    """Loss on a plane through a stored point x, x + a u e1 + b v e2 with a and b from -reach to reach, along two axes e1, e2.

    `random` axes are drawn once per seed and are the same at all its steps. `hessian` takes the two top eigenvectors (exact up to 200 components,
    otherwise from `nodes` steps of Lanczos' method), `adam` those of the preconditioned Hessian P^-1 H with P = sqrt(v^) + eps (arXiv:2207.14484),
    for which the state must be stored, and `pca` the principal directions of the run's stored trajectory. Two steps, [0, 300], lay the plane through
    the points at these steps. `normalize` gives random axes the length of every block (layer), or of every unit's weights (filter; biases stay where
    they are), instead of 1 each.

    `unit` is u and v: 1, but with pca the farthest distance of the trajectory from x along that axis, and with steps the distances, so that these
    points are at (1, 0) and (c, 1). `trajectory` is the run's path, projected onto the plane by least squares and in the same units. With pca,
    `explained` is the share of the trajectory's variance along each axis; with hessian and adam, `curvature` is the two eigenvalues.
    Source: Li, Xu, Taylor, Studer & Goldstein 2018, arXiv:1712.09913.
    """

    kind: Literal["plane"] = "plane"
    axes: Literal["random", "hessian", "pca", "adam"] | tuple[Index | Literal["last"], ...] = Field(
        default="random", description="random, hessian, pca, adam, or two stored steps of the run that the plane passes through"
    )
    normalize: _directions.Normalize = Field(default="none", description="how random axes are scaled: none, layer or filter")
    size: Count = Field(default=21, description="points per side; with an odd number, the stored point is in the middle", le=MOST)
    reach: Positive | None = Field(default=None, description="the largest a and b; default: 1, but 1.25 with pca and with steps")
    nodes: Count = Field(default=60, description="steps of Lanczos' method")
    vectors: bool = Field(default=False, description="also store the axes, as unit vectors (with normalize: as scaled)")
    on: Literal["train", "test"] = Field(default="train", description="the samples for the loss")

    takes_particles: ClassVar[bool] = False

    @field_validator("axes", mode="before")
    @classmethod
    def _two_steps(cls, axes: Any) -> Any:
        if isinstance(axes, (list, tuple)) and (len(axes) != 2 or axes[0] == axes[1] or not all(_is_step(t) for t in axes)):
            raise ValueError(f"takes random, hessian, pca, adam, or two different stored steps, given {list(axes)!r:.60}")
        return axes

    # what it stores

    def arrays(self, scene: Scene) -> dict[str, Array]:
        at, axis = np.linspace(-self.farthest, self.farthest, self.size).tolist(), {"plane_axis": 2}
        side = {"plane_y": at, "plane_x": at}
        steps = scene.steps
        made = {
            "loss": Array(dict.fromkeys(side, self.size), "loss on the plane", coords=side),
            "trajectory": Array(
                {"trajectory_step": len(steps), **axis},
                "stored trajectory on the plane, in units of the axes",
                coords={"trajectory_step": steps},
            ),
            "unit": Array(axis, "length of a unit along each axis"),
        }
        if self.axes == "pca":
            made["explained"] = Array(axis, "share of the trajectory's variance")
        if self.axes in ("hessian", "adam"):
            made["curvature"] = Array(axis, f"largest eigenvalues of the {'preconditioned ' * (self.axes == 'adam')}Hessian")
        if self.vectors:
            made["axes"] = Array({**axis, "component": scene.dim}, "axes of the plane")
        return made

    @property
    def farthest(self) -> float:
        """The farthest a and b."""
        return self.reach or (POINTS if self.axes == "pca" or isinstance(self.axes, tuple) else 1.0)

    def through(self, scene: Scene) -> tuple[int, ...]:
        """The two steps that the plane passes through, where it does."""
        return tuple(scene.steps[-1] if t == "last" else int(t) for t in self.axes) if isinstance(self.axes, tuple) else ()

    def unfit(self, scene: Scene) -> str | None:
        steps, name = self.steps(scene), scene.optimizer.name
        if scene.dim < 2:
            return "a plane needs at least 2 components, and a point has 1"
        if self.normalize != "none" and self.axes != "random":
            return f"normalize: {self.normalize} is for random axes; leave it out"
        if self.normalize == "filter" and not any(len(shape) > 1 for land in scene.landscapes for shape in land.blocks.values()):
            return f"normalize: filter needs blocks that are matrices, and {scene.study.landscape.kind} has none; take layer"
        if self.axes == "pca" and len(scene.steps) < 3:
            return f"axes: pca needs at least three stored steps, and {name} has {len(scene.steps)}; record params more often"
        if self.axes == "adam" and (why := _directions.no_preconditioner(scene, steps)):
            return f"axes: adam: {why}"
        for t in self.through(scene):
            if t not in scene.steps:
                near = ", ".join(map(str, scene.steps[:8])) + ", ..." * (len(scene.steps) > 8)
                return f"axes: {name} has no stored parameters of step {t} (stored: {near})"
            if t in steps:
                return f"axes: step {t} is the point itself, which the plane passes through anyway; name two others"
        for land in scene.landscapes if self.on == "test" else ():
            if why := no_test_part(land):
                return f"on: test: {why}"
        return None

    def evaluations(self, scene: Scene) -> int:
        exact = scene.dim <= _directions.EXACT
        return self.size**2 + (2 * (scene.dim if exact else self.nodes) if self.axes in ("hessian", "adam") else 0)

    def numbers(self, scene: Scene) -> int:
        own = scene.dim * (self.nodes if scene.dim > _directions.EXACT else 3 * scene.dim) if self.axes in ("hessian", "adam") else 0
        return own + scene.dim * (2 * self.size + 3 * len(scene.steps) + 8)

    # the look

    def look(self, view: View) -> dict[str, Any]:
        scene, steps = view.scene, view.scene.steps
        seen = view.on(self.on)
        made: dict[str, Any] = {}
        path = self.path(view)
        if self.axes == "random":
            axes = _directions.normalized(view, _directions.normals(view, 2), self.normalize)
        elif self.axes == "hessian":
            made["curvature"], axes = _directions.top(seen, 2, self.nodes)
        elif self.axes == "adam":
            made["curvature"], axes = _directions.preconditioned(seen, 2, self.nodes)
        elif self.axes == "pca":
            axes, made["explained"] = principal(path + view.x[:, :, None], 2)
        else:
            first, second = (path[:, :, steps.index(t)] for t in self.through(scene))
            one = _directions.unit(first)
            two = _directions.unit(second - (second * one).sum(axis=-1, keepdims=True) * one)
            axes = np.stack([one, two], axis=2)
        trajectory = projected(path, axes)
        units = np.ones((*view.x.shape[:2], 2))
        if self.axes == "pca":
            units = np.fmax.reduce(np.abs(trajectory), axis=2)
            units = np.where(units > 0, units, 1.0)
        elif isinstance(self.axes, tuple):
            at = [steps.index(t) for t in self.through(scene)]
            units = np.abs(np.stack([trajectory[:, :, k, j] for j, k in enumerate(at)], axis=-1))
        made |= {"unit": units, "trajectory": trajectory / units[:, :, None]}
        if self.vectors:
            made["axes"] = axes
        return made | {"loss": self.losses(seen, axes * units[..., None])}

    def path(self, view: View) -> Any:
        """The stored trajectory of every run as seen from the points (rows, seeds, steps, dim); NaN where a run had diverged."""
        whole = view.look(steps=view.scene.steps)
        x = np.where(whole.valid[..., None], whole.x, np.nan)
        many = len(view.scene.steps)
        by_point = np.moveaxis(x.reshape(-1, many, *x.shape[1:]), 1, 2)  # (points, seeds, steps, dim)
        return np.repeat(by_point, view.shape[-1], axis=0) - view.x[:, :, None]

    def losses(self, view: View, axes: Any) -> Any:
        """The loss (rows, seeds, y, x), a line of the plane at a time."""
        at = np.linspace(-self.farthest, self.farthest, self.size)[:, None]
        along = view.x[:, :, None] + at * axes[:, :, :1]
        return np.stack([view.value(along + b * axes[:, :, 1:]) for b in at[:, 0]], axis=2)


def projected(path: Any, axes: Any) -> Any:
    """The numbers a, b by which axes (rows, seeds, 2, dim) come nearest to points (rows, seeds, steps, dim): (rows, seeds, steps, 2)."""
    product = np.matmul(axes, np.swapaxes(axes, -1, -2))
    with_axes = np.matmul(path, np.swapaxes(axes, -1, -2))
    lost = (
        ~np.isfinite(product).all(axis=(-2, -1), keepdims=True)
        | (np.linalg.det(np.where(np.isfinite(product), product, 0.0)) == 0)[..., None, None]
    )
    inverse = np.linalg.inv(np.where(lost, np.eye(2), product))
    return np.where(lost, np.nan, np.matmul(with_axes, inverse))


def _is_step(t: Any) -> bool:
    return t == "last" or (type(t) is int and t >= 0)
