"""The model every part of a study inherits from, and the number types their fields use."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from .errors import suggest
from .sweep import NumberFormula, StructuralValues, Sweep, SweepMarker

LARGEST = 10**308
"""Whole numbers from here on are no floating-point numbers any more."""


def _number(given: Any) -> Any:
    """Numbers only: a string or a truth value is a mistake, never a number."""
    if isinstance(given, (str, bytes, bool)) or given is None:
        raise PydanticCustomError("number", "must be a number")
    if isinstance(given, float) and not math.isfinite(given):
        raise PydanticCustomError("number", "must be a finite number")
    if isinstance(given, int) and abs(given) >= LARGEST:
        raise PydanticCustomError("number", "must be a smaller number")
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


MOST_UNKNOWN = 20
"""Unknown keys of one mapping that are told."""


def again(error: Any, *inside: str) -> Any:
    """An error that was raised, to be raised with others; `inside` leads from the whole to what it was raised by."""
    context = {**(error.get("ctx") or {}), "_message": error["msg"]}
    return {"type": PydanticCustomError(error["type"], "{_message}", context), "loc": (*inside, *error["loc"]), "input": error["input"]}


class Spec(BaseModel):
    """A frozen part of a study: parsed once, unknown keys refused, no NaN or infinity, round-trips through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, arbitrary_types_allowed=True)

    @model_validator(mode="wrap")
    @classmethod
    def _known_keys(cls, data: Any, handler: Any) -> Any:
        """An unknown key is refused with the nearest allowed one, along with whatever else is wrong."""
        names = [info.alias or name for name, info in cls.model_fields.items()]
        allowed = {*names, *cls.model_fields}
        unknown = [key for key in data if key not in allowed] if isinstance(data, dict) else []
        if not unknown:
            return handler(data)
        problems: list[Any] = []
        for key in unknown[:MOST_UNKNOWN]:
            context = {"key": f"{key!s:.60}", "near": suggest(str(key), names), "names": ", ".join(names)}
            kind = PydanticCustomError("unknown_key", "unknown key '{key}'{near} (allowed: {names})", context)
            problems.append({"type": kind, "loc": (str(key),), "input": data[key]})
        try:
            handler({key: value for key, value in data.items() if key in allowed})
        except ValidationError as error:
            problems += [again(e) for e in error.errors(include_url=False)]
        raise ValidationError.from_exception_data(cls.__name__, problems)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        raise AttributeError(f"{name}: parts of a study cannot be changed; make a changed copy with replace({{('{name}',): value}})")

    def swept(self) -> dict[tuple[str, ...], tuple[Sweep, bool]]:
        """Every swept field below this spec (a number, a choice, or a whole part): path -> (its values, whether they are structural)."""
        return {path: (value, structural) for path, value, structural in self.fields() if isinstance(value, Sweep)}

    def formulas(self) -> dict[tuple[str, ...], NumberFormula]:
        """Every field below this spec that is written as a formula."""
        return {path: value for path, value, _ in self.fields() if isinstance(value, NumberFormula)}

    def fields(self) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
        """(path, value, structural) of every field below this spec that may be swept."""
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            marker = next((m for m in info.metadata if isinstance(m, SweepMarker)), None)
            if marker and (isinstance(value, Sweep) or not marker.parts):
                yield (name,), value, marker.structural
            elif isinstance(value, Spec):
                yield from (((name, *path), v, s) for path, v, s in value.fields())
            elif isinstance(value, dict):
                structural = any(isinstance(m, StructuralValues) for m in info.metadata)
                yield from (((name, key), v, structural) for key, v in value.items() if isinstance(v, (int, float, Sweep, NumberFormula)))

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

    @property
    def written(self) -> dict[str, Any]:
        """The fields that are not as by default, without the kind."""
        fields = type(self).model_fields
        return {k: v for k in fields if k != "kind" and (v := getattr(self, k)) != fields[k].get_default(call_default_factory=True)}

    @classmethod
    def describe(cls) -> str:
        """The first sentence of the docstring, for listings; a formula set apart belongs to it."""
        first, *more = (cls.__doc__ or "").strip().split("\n\n")
        text = " ".join((f"{first} {more[0]}" if more and first.endswith((":", ",")) else first).split())
        return re.split(r"(?<![.\s])\.(?=\s|$)", text)[0]
