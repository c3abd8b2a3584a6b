"""Where runs start. Every seed has its own start; all optimizers and sweep points of a seed share it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from .base import Index, NonNegative, Positive, Real, Unit, again
from .errors import PlacedError, SpecError
from .fence import IRREGULAR, located, regular
from .names import normal_names
from .program.function import FUNCTIONS
from .registry import Choice
from .stored import Stored
from .sweep import NumberFormula, Structural, StructuralValues, Swept


def _flat(given: Any, info: ValidationInfo) -> Any:
    if isinstance(given, (list, tuple)) and any(isinstance(entry, (list, tuple)) for entry in given):
        several = "; several starting points: init: {kind: file, path: starts.npy}" if info.field_name == "at" else ""
        raise PydanticCustomError("components", "takes one number, or a list with one number per component{several}", {"several": several})
    return given


Components = Annotated[tuple[Real, ...] | Real, BeforeValidator(_flat)]
"""One number for all components, or one number per component."""


class Init(Unit):
    """Base of all kinds of starts."""


class Point(Init):
    """All runs start at the same point; a single number is used for all components."""

    kind: Literal["point"] = "point"
    at: Components = Field(description="one number for all components, or one per component")


class Normal(Init):
    """Independent normal components: mean + std * xi. `mean` is one number, or one number per component."""

    kind: Literal["normal"] = "normal"
    mean: Components = Field(default=0.0, description="one number for all components, or one per component")
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
    """Uniform on the sphere of radius `radius` around the origin."""

    kind: Literal["sphere"] = "sphere"
    radius: Swept[Positive] = Field(default=1.0, description="radius of the sphere")


class FanIn(Init):
    """For networks: each matrix (fan_in, fan_out) normal with std gain / sqrt(fan_in), every vector zero."""

    kind: Literal["fan_in"] = "fan_in"
    gain: Swept[NonNegative] = Field(default=1.0, description="standard deviation times sqrt(fan_in)")


class Orthogonal(Init):
    """For networks: each matrix is `gain` times a Haar-distributed one with orthonormal columns (rows if it is wide), and every vector is
    zero. A tensor with more axes counts as a matrix of its first axis by all others. Source: arXiv:1312.6120."""

    kind: Literal["orthogonal"] = "orthogonal"
    gain: Swept[NonNegative] = Field(default=1.0, description="the singular values of each matrix")


class Solution(Init):
    """The solution that the landscape has planted (such as a teacher's weights), plus normal noise with standard deviation `std`."""

    kind: Literal["solution"] = "solution"
    std: Swept[NonNegative] = Field(default=0.0, description="standard deviation of the noise that is added to the solution")


class File(Init):
    """Starts read from an .npy or .npz file (array `key`): shape (dim,) or (seeds, dim). A relative path is relative to `root`,
    which the loader sets to the folder of the study."""

    kind: Literal["file"] = "file"
    path: str = Field(description="an .npy or .npz file")
    key: str | None = Field(default=None, description="the array in an .npz file")
    root: str | None = Field(default=None, description="the folder for relative paths; the loader sets it")

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


class Mix(Init):
    """A weighted sum of stored parameters: sum_k weights[k] of[k].

    `of` lists parameters that other studies have stored (in a study with stages, the names of stages), and `fresh`, the landscape's default start.
    Weights are numbers, or formulas of `parameters`, which can be swept: `weights: ["1 - a", "a"], parameters: {a: [0, 0.5, 1]}`. Several steps
    `at` are a dimension.
    """

    kind: Literal["mix"] = "mix"
    of: Annotated[tuple[Stored | Literal["fresh"], ...], Field(min_length=1)] = Field(description="the parameters to add")
    weights: tuple[Real | str, ...] = Field(
        default=(1.0,), description="one weight for each entry of `of`: a number, or a formula of `parameters`"
    )
    parameters: dict[str, Swept[Real]] = Field(default={}, description="numbers by name, each of which can be swept")
    at: Structural[Index | None] = Field(
        default=None, description="the step of the stored parameters for which none is given; default: the last"
    )
    past: Annotated[dict[str, Structural[Real]], StructuralValues()] = Field(
        default={}, description="where the stored runs began, if their study sweeps that: the dimension's name -> its values"
    )

    @model_validator(mode="after")
    def _fits(self):
        if len(self.of) != len(self.weights):
            raise ValueError(f"{len(self.weights)} weights are given for {len(self.of)} starts")
        if all(isinstance(one, str) for one in self.of):
            raise ValueError("`of` names no stored parameters; leave out `init` for the landscape's own start")
        for k, weight in enumerate(self.weights):
            if isinstance(weight, str):
                formula = NumberFormula.parse(weight)
                if unknown := sorted(name for name in formula.names - {*self.parameters} if name not in FUNCTIONS.kinds()):
                    known = f"known: {', '.join(self.parameters)}" if self.parameters else "there are no `parameters`"
                    raise PlacedError(("weights", k), f"there is no parameter '{unknown[0]:.60}' ({known})")
        if used := [name for name in self.parameters if not any(name in NumberFormula(str(w)).names for w in self.weights)]:
            raise PlacedError(("parameters", used[0]), "is not used in any of the weights")
        return self


class ByVariable(Init):
    """A separate start for each variable, written as a mapping: {W1: {kind: fan_in}, b1: {kind: point, at: 0}}. Variables that are not
    listed have the landscape's default start. Each uses its own part of the random numbers that a common start would use."""

    kind: Literal["by_variable"] = "by_variable"
    of: dict[str, Init]

    def fields(self) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
        return (((name, *path), value, structural) for name, init in self.of.items() for path, value, structural in init.fields())

    def replace(self, changes: dict[tuple[str, ...], Any]) -> Any:
        inner: dict[str, dict[tuple[str, ...], Any]] = {}
        for (name, *path), value in changes.items():
            inner.setdefault(name, {})[tuple(path)] = value
        return ByVariable(of={name: init.replace(inner[name]) if name in inner else init for name, init in self.of.items()})

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {name: init.model_dump(mode="json") for name, init in self.of.items()}


class Starts(Choice):
    """The kinds of starts; a mapping without a `kind` has one for each variable that it names."""

    def parse(self, given: Any) -> Any:
        if not isinstance(given, dict) or "kind" in given or not any(map(self.is_start, given.values())):
            return super().parse(given)
        found: dict[str, Init] = {}
        problems: list[Any] = []
        for name, start in normal_names(given).items():
            try:
                found[name] = self.parse_one(start)
            except ValidationError as error:
                problems += [again(e, name) for e in error.errors(include_url=False)]
            except PydanticCustomError as error:
                problems.append({"type": error, "loc": (name,), "input": start})
        if problems:
            raise ValidationError.from_exception_data("init", problems)
        return ByVariable(of=found)

    def parse_one(self, given: Any) -> Init:
        """The start of one variable."""
        init = super().parse(given)
        if isinstance(init, (File, Mix)):
            what = "a file holds the starts" if isinstance(init, File) else "a mix is a start"
            raise PydanticCustomError(
                "unit_kind", "{what} of all variables together; give it as the `init` of the whole study", {"what": what}
            )
        return init

    def is_start(self, given: Any) -> bool:
        """Whether this looks like the start of a variable, and not like a field."""
        return (
            isinstance(given, Init) or (isinstance(given, dict) and "kind" in given) or (isinstance(given, str) and given in self.kinds())
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        one = super().__get_pydantic_json_schema__(schema, handler)
        each = {"type": "object", "not": {"required": ["kind"]}, "minProperties": 1, "additionalProperties": one}
        return {"anyOf": [*one["anyOf"], each]}


INITS = Starts("init", Point, Normal, Uniform, Sphere, FanIn, Orthogonal, Solution, File, Mix)
AnyInit = Annotated[Init, INITS]
