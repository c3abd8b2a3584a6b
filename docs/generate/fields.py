"""Tables of fields: type, bounds, default and meaning, read from the Pydantic models."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from thalweg.specs.registry import Choice
from thalweg.specs.sweep import NumberFormula, Sweep, SweepMarker

from .meanings import meaning
from .text import cell

PLAIN = {str: "text", bool: "true or false", int: "whole number", float: "number", type(None): "null", Any: "anything"}
SECTIONS = ("landscape", "optimizer", "init", "noise", "schedule", "clip", "average", "sweep", "Data", "Record", "Stop", "Claim")
LINKS = {name: f"#spec-{name.lower()}" for name in SECTIONS}
"""Name of a model or noun of a choice -> the label of its section in the reference (spec.py)."""
SKIPPED = ("kind",)


def table(owner: type[BaseModel], only: tuple[str, ...] | None = None, skip: tuple[str, ...] = ()) -> str:
    """The fields of a model as a Markdown table."""
    rows = ["| field | type | bounds | default | meaning |", "|---|---|---|---|---|"]
    for name, info in owner.model_fields.items():
        if name in SKIPPED or name in skip or (only is not None and name not in only):
            continue
        cells = (f"`{info.alias or name}`", kind(info), bounds(info), default(info), cell(meaning(owner, name)))
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) if len(rows) > 2 else "No fields."


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


def kind(info: FieldInfo) -> str:
    """The type in words, with whether it may be swept."""
    found = markers(info.annotation, info.metadata)
    choice = next((m for m in found if isinstance(m, Choice)), None)
    marker = next((m for m in found if isinstance(m, SweepMarker)), None)
    words = spoken(info.annotation) if choice is None else optional(linked(choice.noun), info.annotation)
    return f"{words} {linked('sweep')}" if marker else words


def optional(words: str, annotation: Any) -> str:
    return f"{words} or null" if type(None) in get_args(annotation) else words


def spoken(annotation: Any) -> str:
    """A type as its user knows it."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if origin is Annotated:
        choice = next((m for m in inner[1:] if isinstance(m, Choice)), None)
        return linked(choice.noun) if choice else spoken(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        words = dict.fromkeys(spoken(part) for part in inner if part not in (Sweep, NumberFormula))
        return " or ".join(words)
    if origin is tuple:
        return f"list of {plural(spoken(inner[0]))}"
    if origin is dict:
        return f"mapping of names to {plural(spoken(inner[1]))}"
    return linked(annotation.__name__)


def plural(words: str) -> str:
    return {"number": "numbers", "whole number": "whole numbers", "text": "texts", "anything": "values"}.get(words, words)


def linked(name: str) -> str:
    shown = {"sweep": "(swept)"}.get(name, name)
    return f"[{shown}]({LINKS[name]})" if name in LINKS else shown


def bounds(info: FieldInfo) -> str:
    """What a value must keep to."""
    found = markers(info.annotation, info.metadata)
    low, high = lower(found), upper(found)
    sizes = [f"at least {m.min_length} long" for m in found if isinstance(m, MinLen)]
    sizes += [f"at most {m.max_length} long" for m in found if isinstance(m, MaxLen)]
    patterns = [f"matches `{m.pattern}`".replace("|", "\\|") for m in found if getattr(m, "pattern", None)]
    return ", ".join(filter(None, [low, high, *dict.fromkeys(sizes), *patterns]))


def lower(found: list[Any]) -> str:
    limits = [(m.ge, "≥") for m in found if isinstance(m, Ge)] + [(m.gt, ">") for m in found if isinstance(m, Gt)]
    return "{1} {0}".format(*max(limits, key=lambda limit: (limit[0], limit[1]))) if limits else ""


def upper(found: list[Any]) -> str:
    limits = [(m.le, "≤") for m in found if isinstance(m, Le)] + [(m.lt, "<") for m in found if isinstance(m, Lt)]
    if not limits:
        return ""
    value, sign = min(limits)
    return f"{sign} {value:,}" if value < 10**12 else f"{sign} {value:.3g}"


def default(info: FieldInfo) -> str:
    """The default as YAML has it; **required** where there is none."""
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "**required**"
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_defaults=True)
        name = getattr(value, "kind", None)
        return f"`{name}`" if name else f"`{given}`" if given else "its defaults"
    if isinstance(value, tuple):
        shown = f"[{', '.join(map(str, value))}]"
    elif value is None or isinstance(value, bool):
        shown = {None: "null", True: "true", False: "false"}[value]
    else:
        shown = "empty" if value == "" else f"{value:g}" if isinstance(value, float) and len(str(value)) > 12 else str(value)
    return f"`{shown}`".replace("|", "\\|")
