"""Study files: YAML to a validated Study, every mistake with file, line, key path, what was given and what is allowed."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .base import Unit
from .dump import plain
from .errors import SpecError, suggest
from .fence import IRREGULAR, confine, regular, set_root
from .init import INITS
from .messages import dotted, problems, short, value_at
from .names import same
from .noise import NOISES
from .plain import MAX_BYTES, Key, Source, read_text, read_yaml
from .record import Record, Stop
from .registry import LANDSCAPES, OPTIMIZERS
from .study import Study

SETTING = "write KEY=VALUE, for example landscape.sharpness=50 or adam.lr=0.1"
MOST = 20
"""Problems that are told; of more, the number."""
GALLERY = Path(__file__).parent / "studies"


def gallery() -> dict[str, Path]:
    """The bundled studies by name."""
    return {path.stem: path for path in sorted(GALLERY.glob("*.yaml"))}


def find_study(given: str | Path) -> Path:
    """A path to a study file, or the name of a bundled study. Raises SpecError if it is neither."""
    if not isinstance(given, (str, Path)):
        raise SpecError(f"a study is a path, the name of a bundled one, a mapping or a Study, given {short(given)}")
    path = Path(given)
    try:
        if path.is_file():
            return path
        if str(given) in gallery():
            return gallery()[str(given)]
        if path.is_dir():
            raise SpecError(f"{given}: is a folder; a study is a YAML file")
        if not regular(path):
            raise SpecError(f"{given}: {IRREGULAR}")
    except (OSError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{given:.200}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    near = difflib.get_close_matches(str(given), gallery(), n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise SpecError(f"{given}: there is no such file, and no bundled study of that name{hint} (bundled: {', '.join(gallery())})")


def load_study(
    given: "str | Path | dict[str, Any] | Study", settings: Iterable[str] = (), quick: bool = False, outside: bool = False
) -> Study:
    """A Study from a path, a bundled name, plain data or a Study; `settings` are KEY=VALUE changes made before validation, after the
    study's own `quick` ones if that is asked for. Files that a study file names must lie in its folder or below, unless `outside`.

    Raises SpecError, with every problem found, if it is not valid.
    """
    settings = [settings] if isinstance(settings, str) else list(settings)
    path = None
    own: dict[Key, type[Unit]] = {}
    if isinstance(given, Study) and not settings and not (quick and given.quick):
        return given
    if isinstance(given, (dict, Study)):
        source = Source("study", plain(given, own) if settings or quick else given)
    else:
        path = find_study(given)
        source = read_yaml(read_bytes(path), str(given) if path.suffix in (".yaml", ".yml") and path == Path(given) else path.name)
    changes = source.data.get("quick") if quick else None
    for key, value in changes.items() if isinstance(changes, dict) else ():
        place = source.at(("quick", key))
        change(source, str(key), value, f"{place}: quick.{key}", place)
    if path is not None:
        set_root(source.data, path.parent.resolve())
        if not outside:
            confine(source, path.parent.resolve())
    problems = []
    for setting in settings:
        try:
            apply_setting(source, setting)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return validate(source, own)


def cut(text: str, most: int = 1000) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def read_bytes(path: Path) -> bytes:
    """The bytes of a study file, one more than allowed at most. Raises SpecError."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None


def parse_study(text: str, name: str = "study") -> Study:
    """A Study from YAML text."""
    return validate(read_yaml(text.encode("utf-8", "surrogatepass"), name))


def apply_setting(source: Source, setting: str) -> None:
    """Change one value by `KEY=VALUE`; KEY is a dotted path, optimizers by label, kind or position; VALUE is YAML."""
    shown = f"--set {cut(' '.join(setting.split()), 80)}"
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"{shown}: {SETTING}")
    change(source, key.strip(), read_text(text, shown).data, shown, shown)


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


def validate(source: Source, own: Mapping[Key, type[Unit]] | None = None) -> Study:
    """The Study, or a SpecError that lists every problem. `own` are the classes of the parts that lie at these paths, where their kind is
    still the same; others are known by their kind."""
    wrong: list[tuple[Key, str]] = []
    for path, kind in sorted((own or {}).items(), key=lambda item: -len(item[0])):
        _rebuild(source.data, path, kind, wrong)
    try:
        study = Study.model_validate(source.data, context={"located": True})
        if not wrong:
            return study
    except ValidationError as error:
        wrong += problems(source.data, error, Study.model_fields)
        bad = {str(e["loc"][0]) for e in error.errors(include_url=False, include_context=False, include_input=False) if e["loc"]}
        wrong += [problem for problem in _crossing(source.data, bad) if problem not in wrong]
    except RecursionError:
        raise SpecError(f"{source.name}: nested too deeply") from None
    lines = [f"{source.at(path)}: {dotted(path)}{': ' if path else ''}{cut(message)}" for path, message in wrong]
    raise SpecError(lines if len(lines) <= MOST else [*lines[:MOST], f"{source.name}: and {len(lines) - MOST} problems more"])


def _crossing(data: dict[str, Any], bad: set[str]) -> list[tuple[Key, str]]:
    """What is wrong between the parts of a study that are not `bad` by themselves: those are left out, with what is said about them."""
    if not bad:
        return []
    parts = {key: value for key, value in data.items() if key in Study.model_fields and key not in bad}
    stand_ins = {"name": "study", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 1}
    try:
        Study.model_validate({**stand_ins, **parts}, context={"located": True, "leave_out": bad | (stand_ins.keys() - parts.keys())})
    except ValidationError as error:
        return problems(parts, error, Study.model_fields)
    return []


def _rebuild(data: Any, path: Key, kind: type[Unit], wrong: list[tuple[Key, str]]) -> None:
    """Make the plain data at `path` a `kind` again, unless a setting made them another; what is wrong with them joins `wrong`."""
    parent, last = value_at(data, path[:-1]), path[-1]
    given = value_at(parent, (last,))
    if isinstance(given, dict) and given.get("kind") == kind.model_fields["kind"].default:
        try:
            parent[last] = kind.model_validate(given)
        except ValidationError as error:
            wrong += [((*path, *inner), message) for inner, message in problems(given, error)]
