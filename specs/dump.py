"""A study as plain data and as YAML: what was given and what differs from the defaults, so that reading it gives the same study."""

import io
from typing import Any

from .base import Spec, Unit
from .plain import Key
from .sweep import Sweep


def plain(value: Any, units: dict[Key, type[Unit]] | None = None, path: Key = ()) -> Any:
    """Mappings, lists, text and numbers that stand for this value in a study file. `units` gets the classes of the parts that a kind stands
    for, by their paths."""
    if isinstance(value, Unit) and units is not None:
        units[path] = type(value)
    if isinstance(value, Spec):
        fields = {
            info.alias or name: getattr(value, name) for name, info in type(value).model_fields.items() if _written(value, name, info)
        }
        return {name: plain(entry, units, (*path, name)) for name, entry in fields.items()}
    if isinstance(value, Sweep):
        form, given = next(iter(value.form.items()))
        return plain(given, units, path) if form == "values" else {form: plain(given)}
    if isinstance(value, (list, tuple)):
        return [plain(entry, units, (*path, k)) for k, entry in enumerate(value)]
    if isinstance(value, dict):
        return {key: plain(entry, units, (*path, key)) for key, entry in value.items()}
    return value


def _written(part: Spec, name: str, info: Any) -> bool:
    default = info.get_default(call_default_factory=True)
    return name == "kind" or name in part.model_fields_set or info.is_required() or getattr(part, name) != default


def _text(representer: Any, text: str) -> Any:
    """In double quotes, which have escapes, where not all can be seen."""
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.replace("\n", "").isprintable() else '"')


def to_yaml(part: Spec) -> str:
    """A study, or a part of one, as YAML text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """With our way to write text."""

    Representer.add_representer(str, _text)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Representer
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = None, 120, False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(plain(part), text)
    return text.getvalue()
