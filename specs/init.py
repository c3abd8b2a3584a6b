"""Where runs start. Every seed has its own start; all optimizers and sweep points of a seed share it."""

from typing import Annotated, Literal

from pydantic import model_validator

from .base import NonNegative, Positive, Real, Unit
from .registry import Choice
from .sweep import Swept


class Init(Unit):
    """Base of all kinds of starts."""


class Point(Init):
    """All runs start at one point; one number stands for all components."""

    kind: Literal["point"] = "point"
    at: tuple[Real, ...] | Real


class Normal(Init):
    """Independent normal components: mean + std * xi. `mean` may be one number or one a component."""

    kind: Literal["normal"] = "normal"
    mean: tuple[Real, ...] | Real = 0.0
    std: Swept[NonNegative] = 1.0


class Uniform(Init):
    """Independent uniform components in [low, high)."""

    kind: Literal["uniform"] = "uniform"
    low: Swept[Real] = -1.0
    high: Swept[Real] = 1.0

    @model_validator(mode="after")
    def _ordered(self):
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


class Sphere(Init):
    """Uniform on the sphere of `radius` around the origin."""

    kind: Literal["sphere"] = "sphere"
    radius: Swept[Positive] = 1.0


class FanIn(Init):
    """For networks: each matrix (fan_in, fan_out) normal with std gain / sqrt(fan_in), every vector zero."""

    kind: Literal["fan_in"] = "fan_in"
    gain: Swept[NonNegative] = 1.0


class Solution(Init):
    """At the solution the landscape itself has planted (a teacher's weights), plus normal numbers of this standard deviation."""

    kind: Literal["solution"] = "solution"
    std: Swept[NonNegative] = 0.0


class File(Init):
    """Starts read from an .npy or .npz file (array `key`): shape (dim,) or (seeds, dim). A relative path starts at `root`,
    which the loader sets to the study's folder."""

    kind: Literal["file"] = "file"
    path: str
    key: str | None = None
    root: str | None = None


INITS = Choice("init", Point, Normal, Uniform, Sphere, FanIn, Solution, File)
AnyInit = Annotated[Init, INITS]
