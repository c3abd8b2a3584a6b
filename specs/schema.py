"""The JSON Schema of a study file: of a single study, or of one with stages."""

from typing import Any

from .stage_file import STAGE
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
    inner = with_stage_names(fields)
    stage = {"type": "object", "properties": {**inner, **own}, "required": ["name"], "additionalProperties": False}
    stages = {"type": "array", "items": stage, "minItems": 1, "description": "the stages, in the order in which they run"}
    claim = shared["Claim"]
    claim = {**claim, "properties": {**claim["properties"], "stage": {"type": "string", "description": "the stage that the claim is of"}}}
    whole = {**inner, "claims": {**fields["claims"], "items": claim}, "stages": stages}
    staged = {"type": "object", "properties": whole, "required": ["name", "stages"], "additionalProperties": False}
    return {"$schema": DRAFT, "$defs": shared, "anyOf": [study, staged]}


def with_stage_names(schema: Any) -> Any:
    """The schema in which a start may be mixed of other stages by their names, and not of `fresh` and stores alone."""
    if isinstance(schema, dict):
        if schema.get("const") == "fresh":
            return {"type": "string", "description": "a stage, or fresh"}
        return {key: with_stage_names(value) for key, value in schema.items()}
    return [with_stage_names(value) for value in schema] if isinstance(schema, list) else schema
