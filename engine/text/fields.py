"""The fields of a unit in words: type, bounds, default and meaning, read from its Pydantic model. `thalweg show` and the documentation use it."""

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ...specs.registry import Choice
from ...specs.sweep import NumberFormula, Sweep, SweepMarker
from .meanings import meaning

PLAIN = {str: "text", bool: "true or false", int: "whole number", float: "number", type(None): "null", Any: "anything"}
SKIPPED = ("kind",)
REQUIRED = "required"


@dataclass(frozen=True)
class Field:
    """One field in words."""

    name: str
    kind: str
    bounds: str
    default: str
    """As YAML has it; `required` where there is none."""
    meaning: str


class Describer:
    """How types and values are written: `link` names a part of a study, `code` shows what stands in a file as it is."""

    def __init__(self, link: Callable[[str], str] = str, code: Callable[[str], str] = str):
        self.link, self.code = link, code

    def fields(self, owner: type[BaseModel]) -> Iterator[Field]:
        """All fields of a model but its kind."""
        for name, info in owner.model_fields.items():
            if name not in SKIPPED:
                yield Field(info.alias or name, self.kind(info), self.bounds(info), self.default(info), meaning(owner, name))

    def kind(self, info: FieldInfo) -> str:
        """The type in words, with whether it may be swept."""
        found = markers(info.annotation, info.metadata)
        choice = next((m for m in found if isinstance(m, Choice)), None)
        marker = next((m for m in found if isinstance(m, SweepMarker)), None)
        words = self.spoken(info.annotation) if choice is None else optional(self.link(choice.noun), info.annotation)
        return f"{words} {self.link('sweep')}" if marker else words

    def spoken(self, annotation: Any) -> str:
        """A type as its user knows it."""
        origin, inner = get_origin(annotation), get_args(annotation)
        if annotation in PLAIN:
            return PLAIN[annotation]
        if origin is Annotated:
            choice = next((m for m in inner[1:] if isinstance(m, Choice)), None)
            return self.link(choice.noun) if choice else self.spoken(inner[0])
        if origin is Literal:
            return ", ".join(self.code(str(value)) for value in inner)
        if origin in (Union, types.UnionType):
            words = dict.fromkeys(self.spoken(part) for part in inner if part not in (Sweep, NumberFormula))
            return " or ".join(words)
        if origin is tuple:
            return f"list of {plural(self.spoken(inner[0]))}"
        if origin is dict:
            return f"mapping of names to {plural(self.spoken(inner[1]))}"
        return self.link(annotation.__name__)

    def bounds(self, info: FieldInfo) -> str:
        """What a value must keep to."""
        found = markers(info.annotation, info.metadata)
        low, high = lower(found), upper(found)
        sizes = [f"at least {m.min_length} long" for m in found if isinstance(m, MinLen)]
        sizes += [f"at most {m.max_length} long" for m in found if isinstance(m, MaxLen)]
        patterns = [f"matches {self.code(m.pattern)}" for m in found if getattr(m, "pattern", None)]
        return ", ".join(filter(None, [low, high, *dict.fromkeys(sizes), *patterns]))

    def default(self, info: FieldInfo) -> str:
        """The default as YAML has it; `required` where there is none."""
        value = info.get_default(call_default_factory=True)
        if value is PydanticUndefined:
            return REQUIRED
        if isinstance(value, BaseModel):
            given = value.model_dump(mode="json", exclude_defaults=True)
            name = getattr(value, "kind", None)
            return self.code(str(name or given)) if name or given else "its defaults"
        if isinstance(value, tuple):
            shown = f"[{', '.join(map(str, value))}]"
        elif value is None or isinstance(value, bool):
            shown = {None: "null", True: "true", False: "false"}[value]
        else:
            shown = "empty" if value == "" else f"{value:g}" if isinstance(value, float) and len(str(value)) > 12 else str(value)
        return self.code(shown)


def markers(annotation: Any, metadata: Any = ()) -> list[Any]:
    """All that is attached to a type, also below unions and inside nested descriptions."""
    found = []
    for one in metadata:
        found += [one, *markers(None, one.metadata)] if isinstance(one, FieldInfo) else [one]
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        found += markers(inner, more)
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            found += markers(part)
    return found


def optional(words: str, annotation: Any) -> str:
    return f"{words} or null" if type(None) in get_args(annotation) else words


def plural(words: str) -> str:
    return {"number": "numbers", "whole number": "whole numbers", "text": "texts", "anything": "values"}.get(words, words)


def lower(found: list[Any]) -> str:
    limits = [(m.ge, "≥") for m in found if isinstance(m, Ge)] + [(m.gt, ">") for m in found if isinstance(m, Gt)]
    return "{1} {0}".format(*max(limits, key=lambda limit: (limit[0], limit[1]))) if limits else ""


def upper(found: list[Any]) -> str:
    limits = [(m.le, "≤") for m in found if isinstance(m, Le)] + [(m.lt, "<") for m in found if isinstance(m, Lt)]
    if not limits:
        return ""
    value, sign = min((float(value), sign) for value, sign in limits)  # type: ignore[arg-type]
    return f"{sign} {value:,.15g}" if value < 10**12 else f"{sign} {value:.3g}"
