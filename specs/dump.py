"""A study as plain data and as YAML, without what is as by default; reading it gives the same study."""

import io
from typing import Any

from .base import Spec, Unit
from .init import ByVariable
from .plain import Key
from .sweep import NumberFormula, Sweep


def plain(value: Any, units: dict[Key, type[Unit]] | None = None, path: Key = ()) -> Any:
    """Mappings, lists, text and numbers that stand for this value in a study file. `units` gets the classes of the parts that a kind stands
    for, by their paths."""
    if isinstance(value, ByVariable):
        return plain(value.of, units, path)
    if isinstance(value, Unit) and units is not None:
        units[path] = type(value)
    if isinstance(value, Spec):
        return {name: plain(entry, units, (*path, name)) for name, entry in _written(value).items()}
    if isinstance(value, NumberFormula):
        return value.text
    if isinstance(value, Sweep):
        form, given = next(iter(value.form.items()))
        return plain(given, units, path) if form == "values" else {form: plain(given)}
    if isinstance(value, (list, tuple)):
        return [plain(entry, units, (*path, k)) for k, entry in enumerate(value)]
    if isinstance(value, dict):
        return {key: plain(entry, units, (*path, key)) for key, entry in value.items()}
    return value


def _written(part: Spec) -> dict[str, Any]:
    """The fields of a part that are not as by default; all, where those alone would give another (a preset sets what is not given)."""
    fields = type(part).model_fields
    every = {info.alias or name: getattr(part, name) for name, info in fields.items()}
    spare = {key: value for (key, value), (name, info) in zip(every.items(), fields.items(), strict=True) if _differs(name, info, value)}
    return every if isinstance(part, Unit) and not _gives(spare, part) else spare


def _differs(name: str, info: Any, value: Any) -> bool:
    return name == "kind" or info.is_required() or value != info.get_default(call_default_factory=True)


def _gives(fields: dict[str, Any], part: Unit) -> bool:
    try:
        return type(part).model_validate(fields) == part
    except ValueError:
        return False


def _text(representer: Any, text: str) -> Any:
    """In double quotes, which have escapes, where not all can be seen; in quotes, too, where it begins with a sign that some readers take for
    YAML's own (`?0` in a list or mapping in one line)."""
    plain = text.replace("\n", "").isprintable() and not text.startswith(("?", "-", ":"))
    return representer.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


def to_yaml(data: Any) -> str:
    """Plain data as YAML text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """With our way to write text."""

    Representer.add_representer(str, _text)
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = Representer
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = None, 120, False  # type: ignore[assignment]
    text = io.StringIO()
    yaml.dump(data, text)
    return text.getvalue()
