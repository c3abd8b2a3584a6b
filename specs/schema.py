"""The JSON Schema of a study file: of a single study, of one with several landscapes, or of one with stages."""

import json
from collections import Counter
from typing import Any

from .several import LABEL, OWN
from .stage_file import STAGE
from .study import Study

DRAFT = "https://json-schema.org/draft/2020-12/schema"
STEPS: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "array", "items": {"type": "integer", "minimum": 0}}]}
SHARED = 120
"""Characters from which on a part that occurs twice has a definition."""
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
    """The schema: a study, one whose `landscape` is a list, or a mapping with `stages`, each of which has any of a study's fields and the keys of a
    stage."""
    study = Study.model_json_schema()
    shared = study.pop("$defs", {})
    fields = study["properties"]
    own = {key: {**STAGE_VALUES[key], "description": meaning} for key, meaning in STAGE.items()}
    inner = with_stage_names(fields)
    stage = {"type": "object", "properties": {**inner, **own}, "required": ["name"], "additionalProperties": False}
    stages = {"type": "array", "items": stage, "minItems": 1, "description": "the stages, in the order in which they run"}
    claim = shared["Claim"]
    claim = {
        **claim,
        "properties": {**claim["properties"], "stage": {"type": "string", "description": "the stage that the claim is about"}},
    }
    whole = {**inner, "claims": {**fields["claims"], "items": claim}, "stages": stages}
    staged = {"type": "object", "properties": whole, "required": ["name", "stages"], "additionalProperties": False}
    return with_definitions({"$schema": DRAFT, "$defs": shared, "anyOf": [study, several(study, shared["Claim"]), staged]})


def with_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema in which what occurs several times is written once, in $defs."""
    count: Counter[str] = Counter()

    def counted(part: Any) -> Any:
        if isinstance(part, dict):
            count[text_of(part)] += 1
            if count[text_of(part)] > 1:
                return
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            counted(inner)

    made, names = schema.get("$defs", {}), {}

    def shared(part: Any, whole: bool = False) -> Any:
        if isinstance(part, list):
            return [shared(inner) for inner in part]
        if not isinstance(part, dict):
            return part
        text = text_of(part)
        if whole or count[text] < 2 or len(text) < SHARED or not {"type", "anyOf", "properties"} & {*part}:
            return {key: shared(inner) for key, inner in part.items()}
        if text not in names:
            title = str(part.get("title") or "part").replace(" ", "")
            names[text] = title if title not in made else f"{title}{len(made)}"
            made[names[text]] = {}
            made[names[text]] = {key: shared(inner) for key, inner in part.items()}
        return {"$ref": f"#/$defs/{names[text]}"}

    texts: dict[int, str] = {}

    def text_of(part: Any) -> str:
        if id(part) not in texts:
            texts[id(part)] = json.dumps(part, sort_keys=True)
        return texts[id(part)]

    counted(schema)
    for name in list(made):
        made[name] = shared(made[name], whole=True)
    body = {key: shared(value, whole=True) for key, value in schema.items() if key != "$defs"}
    return {"$schema": body.pop("$schema"), "$defs": made, **body}


def several(study: dict[str, Any], claim: dict[str, Any]) -> dict[str, Any]:
    """The schema of a study whose `landscape` is a list. An entry that has settings of its own may have any fields beside them."""
    fields = study["properties"]
    own = {"kind": {"type": "string"}, LABEL: {"type": "string", "description": "the landscape's name; default: its kind"}}
    entry = {"type": "object", "properties": own | {key: fields[key] for key in OWN}, "required": ["kind"]}
    land = {"type": "array", "items": {"anyOf": [fields["landscape"], entry]}, "minItems": 1, "description": "the functions to minimise"}
    claim = {
        **claim,
        "properties": {**claim["properties"], "landscape": {"type": "string", "description": "the landscape that the claim is about"}},
    }
    required = [key for key in study["required"] if key != "steps"]
    return {**study, "properties": {**fields, "landscape": land, "claims": {**fields["claims"], "items": claim}}, "required": required}


def with_stage_names(schema: Any) -> Any:
    """The schema in which a start may be mixed of other stages by their names, and not of `fresh` and stores alone."""
    if isinstance(schema, dict):
        if schema.get("const") == "fresh":
            return {"type": "string", "description": "a stage, or fresh"}
        return {key: with_stage_names(value) for key, value in schema.items()}
    return [with_stage_names(value) for value in schema] if isinstance(schema, list) else schema
