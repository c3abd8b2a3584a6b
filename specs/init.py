"""Where runs start. Every seed has its own start; all optimizers and sweep points of a seed share it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from .base import NonNegative, Positive, Real, Unit
from .errors import SpecError
from .fence import IRREGULAR, located, regular
from .registry import Choice
from .sweep import Swept


def _flat(given: Any, info: ValidationInfo) -> Any:
    if isinstance(given, (list, tuple)) and any(isinstance(entry, (list, tuple)) for entry in given):
        several = "; several starting points: init: {kind: file, path: starts.npy}" if info.field_name == "at" else ""
        raise PydanticCustomError("components", "takes one number, or a list with one a component{several}", {"several": several})
    return given


Components = Annotated[tuple[Real, ...] | Real, BeforeValidator(_flat)]
"""One number for all components, or one a component."""


class Init(Unit):
    """Base of all kinds of starts."""


class Point(Init):
    """All runs start at one point; one number stands for all components."""

    kind: Literal["point"] = "point"
    at: Components = Field(description="one number for all components, or one a component")


class Normal(Init):
    """Independent normal components: mean + std * xi. `mean` may be one number or one a component."""

    kind: Literal["normal"] = "normal"
    mean: Components = Field(default=0.0, description="one number for all components, or one a component")
    std: Swept[NonNegative] = Field(default=1.0, description="standard deviation")


class Uniform(Init):
    """Independent uniform components in [low, high)."""

    kind: Literal["uniform"] = "uniform"
    low: Swept[Real] = Field(default=-1.0, description="lower end of every component")
    high: Swept[Real] = Field(default=1.0, description="upper end of every component")

    @model_validator(mode="after")
    def _ordered(self):
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


class Sphere(Init):
    """Uniform on the sphere of `radius` around the origin."""

    kind: Literal["sphere"] = "sphere"
    radius: Swept[Positive] = Field(default=1.0, description="of the sphere")


class FanIn(Init):
    """For networks: each matrix (fan_in, fan_out) normal with std gain / sqrt(fan_in), every vector zero."""

    kind: Literal["fan_in"] = "fan_in"
    gain: Swept[NonNegative] = Field(default=1.0, description="standard deviation times sqrt(fan_in)")


class Solution(Init):
    """At the solution the landscape itself has planted (a teacher's weights), plus normal numbers of this standard deviation."""

    kind: Literal["solution"] = "solution"
    std: Swept[NonNegative] = Field(default=0.0, description="standard deviation of what is added to the solution")


class File(Init):
    """Starts read from an .npy or .npz file (array `key`): shape (dim,) or (seeds, dim). A relative path starts at `root`,
    which the loader sets to the study's folder."""

    kind: Literal["file"] = "file"
    path: str = Field(description="an .npy or .npz file")
    key: str | None = Field(default=None, description="the array in an .npz file")
    root: str | None = Field(default=None, description="where relative paths start; the loader sets it")

    def file(self) -> Path:
        """Where the file is. Raises SpecError for what is no file that can be read to its end."""
        path = located(self.root or ".", self.path)
        try:
            problem = "" if regular(path) else IRREGULAR
        except (OSError, ValueError) as error:
            problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        if problem:
            raise SpecError(f"init.path: {path} {problem}")
        return path


INITS = Choice("init", Point, Normal, Uniform, Sphere, FanIn, Solution, File)
AnyInit = Annotated[Init, INITS]
