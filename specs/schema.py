"""The JSON Schema of a study file: of a single study, or of one with stages."""

from typing import Any

from .stage_file import STAGE, WHOLE
from .study import Study

DRAFT = "https://json-schema.org/draft/2020-12/schema"
STEPS: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "integer", "minimum": 0}}]}
ANY_MAPPING: dict[str, Any] = {"type": "object"}
STAGE_VALUES: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "minLength": 1},
    "from": {"type": "string", "minLength": 1},
    "at": STEPS,
    "keep": {"enum": ["state", "params"]},
    "uses": ANY_MAPPING,
    "set": ANY_MAPPING,
    "repeat": {"type": "integer", "minimum": 1},
}
"""What the keys that only a stage has may hold."""


def file_schema() -> dict[str, Any]:
    """The schema: a study, or a mapping with `stages`, each of which has any of a study's fields and the keys of a stage."""
    study = Study.model_json_schema()
    shared = study.pop("$defs", {})
    fields = study["properties"]
    own = {key: {**STAGE_VALUES[key], "description": meaning} for key, meaning in STAGE.items()}
    stage = {"type": "object", "properties": {**fields, **own}, "required": ["name"], "additionalProperties": False}
    stages = {"type": "array", "items": stage, "minItems": 1, "description": "the stages, in the order in which they run"}
    whole = {**fields, **{key: fields[key] for key in WHOLE if key in fields}, "stages": stages}
    staged = {"type": "object", "properties": whole, "required": ["name", "stages"], "additionalProperties": False}
    return {"$schema": DRAFT, "$defs": shared, "anyOf": [study, staged]}
