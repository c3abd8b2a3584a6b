"""Settings, KEY=VALUE: one value of a study changed before it is validated."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from .errors import SpecError, suggest
from .init import INITS
from .names import same
from .noise import NOISES
from .plain import Key, Source, read_text
from .record import Record, Stop
from .registry import LANDSCAPES, OPTIMIZERS
from .study import Study

SETTING = "write KEY=VALUE, for example landscape.sharpness=50 or adam.lr=0.1"


def cut(text: str, most: int = 1000) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def apply_setting(source: Source, setting: str) -> None:
    """Change one value by `KEY=VALUE`; KEY is a dotted path, optimizers by label, kind or position; VALUE is YAML."""
    change(source, *parsed_setting(setting))


def parsed_setting(setting: str) -> tuple[str, Any, str, str]:
    """(key, value, what begins messages about the key, and those about the value) of a text KEY=VALUE."""
    shown = f"--set {cut(' '.join(setting.split()), 80)}"
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"{shown}: {SETTING}")
    return key.strip(), read_text(text, shown).data, shown, shown


def change(source: Source, key: str, value: Any, shown: str, place: str) -> None:
    """Set what the dotted `key` names to `value`; `shown` begins the messages about the key, and `place` those about the value."""
    labels: dict[str, int] = {}
    optimizers = source.data.get("optimizers")
    for k, entry in enumerate(optimizers if isinstance(optimizers, list) else []):
        name = (entry.get("label") or entry.get("kind")) if isinstance(entry, dict) else entry
        if isinstance(name, str):
            labels.setdefault(name, k)
    parts = key_parts(key, labels)
    if not all(parts):
        raise SpecError(f"{shown}: {SETTING}")
    if parts[0] in labels and parts[0] not in Study.model_fields:
        parts = ["optimizers", str(labels[parts[0]]), *parts[1:]]
    if parts[0] not in Study.model_fields:
        known = [*Study.model_fields, *labels]
        longer = [f"{owner}.{key}" for owner, fields in _fields(source.data, labels) if parts[0] in fields]
        near = f"; did you mean {' or '.join(longer[:4])}?" if longer else suggest(parts[0], known)
        raise SpecError(f"{shown}: there is no '{parts[0]:.60}'{near} (known: {', '.join(known)})")
    target: Any = source.data
    path: Key = ()
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        step: Any = same(part, target) if isinstance(target, dict) else part
        if isinstance(target, list):
            step = int(part) if re.fullmatch(r"[0-9]{1,9}", part) else labels.get(part, -1) if path == ("optimizers",) else -1
            if not 0 <= step < len(target):
                raise SpecError(f"{shown}: there is no entry '{part:.60}' in {'.'.join(parts[:position])}")
        elif not isinstance(target, dict):
            raise SpecError(f"{shown}: {'.'.join(parts[:position])} is a single value, it has no '{part:.60}'")
        path = (*path, step)
        if last:
            if (
                isinstance(target, dict)
                and part == "kind"
                and (parts[position - 1] in ("schedule", "average", "clip", "noise") or path[0] == "init")
                and target.get(step) != value
            ):
                target.clear()  # another kind has other fields
            target[step] = value
        else:
            if isinstance(target, dict) and not isinstance(target.get(step), (dict, list)):
                named = target.get(step)
                target[step] = {"kind": named} if isinstance(named, str) else {}
                if not isinstance(named, str):
                    source.places[path] = place
            if isinstance(target, list) and isinstance(target[step], str):
                target[step] = {"kind": target[step]}
            target = target[step]
    source.places = {known: at for known, at in source.places.items() if known[: len(path)] != path} | {path: place}


def key_parts(key: str, labels: Iterable[Any]) -> list[str]:
    """A dotted path's parts; an optimizer's label, which may hold dots, is one, in quotes or without.

    >>> key_parts("sgd.v2.lr", ["sgd", "sgd.v2"]), key_parts("'a+b'.lr", ["a+b"])
    (['sgd.v2', 'lr'], ['a+b', 'lr'])
    """
    head = ["optimizers"] if key.startswith("optimizers.") else []
    rest = key.removeprefix("optimizers.")
    for label in sorted((str(name) for name in labels), key=len, reverse=True):
        for spelling in (f"'{label}'", f'"{label}"', label):
            if rest == spelling or rest.startswith(f"{spelling}."):
                return [*head, label, *rest[len(spelling) + 1 :].split(".")] if rest != spelling else [*head, label]
    return key.split(".")


def _fields(data: dict[str, Any], labels: dict[str, int]) -> Iterator[tuple[str, Iterable[str]]]:
    """(name in a setting, its fields) of the optimizers and the other parts of a study, as far as they are known before it is validated."""
    for label, k in labels.items():
        entry = data["optimizers"][k]
        with suppress(LookupError, ImportError):
            yield label, OPTIMIZERS.load(entry["kind"] if isinstance(entry, dict) else entry).model_fields
    for name, choice in (("landscape", LANDSCAPES), ("init", INITS), ("noise", NOISES)):
        entry = data.get(name)
        with suppress(LookupError, ImportError):
            yield name, choice.load(str(entry.get("kind") if isinstance(entry, dict) else entry)).model_fields
        for variable, one in entry.items() if name == "init" and isinstance(entry, dict) and "kind" not in entry else ():
            with suppress(LookupError, ImportError):
                yield f"init.{variable}", choice.load(str(one.get("kind") if isinstance(one, dict) else one)).model_fields
        inner = entry.get("parameters") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            yield f"{name}.parameters", inner
    yield from (("record", Record.model_fields), ("stop", Stop.model_fields))
