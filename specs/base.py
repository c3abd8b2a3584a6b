"""The model every part of a study inherits from, and the number types their fields use."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from .errors import suggest
from .sweep import Sweep, SweepMarker


def _number(given: Any) -> Any:
    """Numbers only: a string or a truth value is a mistake, never a number."""
    if isinstance(given, (str, bytes, bool)) or given is None:
        raise PydanticCustomError("number", "must be a number")
    if isinstance(given, (int, float)) and not math.isfinite(float(given) if abs(given) < 2**1000 else math.inf):
        raise PydanticCustomError("number", "must be a finite number")
    return given


_Number = BeforeValidator(_number)
Real = Annotated[float, _Number]
Positive = Annotated[float, _Number, Field(gt=0)]
NonNegative = Annotated[float, _Number, Field(ge=0)]
Fraction = Annotated[float, _Number, Field(ge=0, lt=1)]
"""In [0, 1): a decay rate such as beta1."""
Probability = Annotated[float, _Number, Field(ge=0, le=1)]
Count = Annotated[int, _Number, Field(ge=1)]
Index = Annotated[int, _Number, Field(ge=0)]


class Spec(BaseModel):
    """A frozen part of a study: parsed once, unknown keys refused, no NaN or infinity, round-trips through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        """An unknown key is refused with the nearest allowed one."""
        names = [info.alias or name for name, info in cls.model_fields.items()]
        for key in data if isinstance(data, dict) else ():
            if key not in names and key not in cls.model_fields:
                context = {"key": str(key), "near": suggest(str(key), names), "names": ", ".join(names)}
                raise PydanticCustomError("unknown_key", "unknown key '{key}'{near} (allowed: {names})", context)
        return data

    def swept(self) -> dict[tuple[str, ...], tuple[Sweep, bool]]:
        """Every swept field below this spec: path -> (its values, whether they are structural)."""
        return {path: (value, structural) for path, value, structural in self.fields() if isinstance(value, Sweep)}

    def fields(self) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
        """(path, value, structural) of every field below this spec that may be swept."""
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            marker = next((m for m in info.metadata if isinstance(m, SweepMarker)), None)
            if marker:
                yield (name,), value, marker.structural
            elif isinstance(value, Spec):
                yield from (((name, *path), v, s) for path, v, s in value.fields())
            elif isinstance(value, dict):
                yield from (((name, key), v, False) for key, v in value.items() if isinstance(v, (int, float, Sweep)))

    def replace(self, changes: dict[tuple[str, ...], Any]) -> Any:
        """A copy with the fields at these paths changed (nested specs and dicts are copied too)."""
        direct: dict[str, Any] = {}
        nested: dict[str, dict[tuple[str, ...], Any]] = {}
        for path, value in changes.items():
            if len(path) == 1:
                direct[path[0]] = value
            else:
                nested.setdefault(path[0], {})[path[1:]] = value
        for name, inner in nested.items():
            child = getattr(self, name)
            if isinstance(child, Spec):
                direct[name] = child.replace(inner)
            else:
                direct[name] = {**child, **{path[0]: value for path, value in inner.items()}}
        return type(self).model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **direct})


class Unit(Spec):
    """A spec chosen by its `kind`: a landscape, an optimizer, a schedule. One file each, named after the kind."""

    kind: str
    summary: ClassVar[str] = ""

    @classmethod
    def describe(cls) -> str:
        """The first sentence of the docstring, for listings; a formula set apart belongs to it."""
        first, *more = (cls.__doc__ or "").strip().split("\n\n")
        text = " ".join((f"{first} {more[0]}" if more and first.endswith((":", ",")) else first).split())
        return re.split(r"(?<![.\s])\.(?=\s|$)", text)[0]
