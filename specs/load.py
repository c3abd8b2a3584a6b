"""Study files: YAML to a validated Study, every mistake with file, line, key path, what was given and what is allowed."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .errors import PlacedError, SpecError, suggest
from .names import same
from .study import Study

MAX_BYTES, MAX_NODES, MAX_DEPTH = 4_000_000, 200_000, 60
GALLERY = Path(__file__).parent / "studies"
Key = tuple[str | int, ...]


@dataclass
class Source:
    """Plain data read from YAML, with the line and column (from 1) of every key path."""

    name: str
    data: Any
    places: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def at(self, path: Key) -> str:
        """`file:line:column` of the nearest known place above `path`."""
        while path not in self.places and path:
            path = path[:-1]
        line, column = self.places.get(path, (0, 0))
        return f"{self.name}:{line}:{column}" if line else self.name


def gallery() -> dict[str, Path]:
    """The bundled studies by name."""
    return {path.stem: path for path in sorted(GALLERY.glob("*.yaml"))}


def find_study(given: str | Path) -> Path:
    """A path to a study file, or the name of a bundled study. Raises SpecError if it is neither."""
    path = Path(given)
    if path.is_file():
        return path
    if str(given) in gallery():
        return gallery()[str(given)]
    if path.is_dir():
        raise SpecError(f"{given}: is a folder; a study is a YAML file")
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
    path = None
    if isinstance(given, Study):
        given = given.model_dump(mode="json", exclude_none=True)
    if isinstance(given, dict):
        source = Source("study", given)
    else:
        path = find_study(given)
        source = read_yaml(path.read_bytes(), str(given) if path.suffix in (".yaml", ".yml") and path == Path(given) else path.name)
    changes = source.data.get("quick") if quick and isinstance(source.data, dict) else None
    for key, value in changes.items() if isinstance(changes, dict) else ():
        apply_setting(source, f"{key}={json.dumps(value)}")
    if path is not None:
        set_root(source.data, path.parent.resolve())
        if not outside:
            confine(source, path.parent.resolve())
    for setting in settings:
        apply_setting(source, setting)
    return validate(source)


def parse_study(text: str, name: str = "study") -> Study:
    """A Study from YAML text."""
    return validate(read_yaml(text.encode("utf-8", "surrogatepass"), name))


def set_root(data: Any, folder: Path) -> None:
    """Tell the parts that name files where relative paths start: at the study's own folder, or from there at the root they give. Absolute, so
    that a store says where its data are, wherever it is finished from."""
    landscape = data.get("landscape") if isinstance(data, dict) else None
    init = data.get("init") if isinstance(data, dict) else None
    for unit in (landscape.get("data") if isinstance(landscape, dict) else None, init):
        if isinstance(unit, dict) and (unit is not init or unit.get("kind") == "file") and isinstance(unit.get("root", ""), str):
            unit["root"] = str(folder / unit.get("root", ""))
    branch = data.get("branch") if isinstance(data, dict) else None
    if isinstance(branch, dict) and isinstance(branch.get("store"), str) and "://" not in branch["store"]:
        branch["store"] = str((folder / Path(branch["store"]).expanduser()).absolute())


def confine(source: Source, folder: Path) -> None:
    """A study from somebody else must not read files it has no business with. Raises SpecError for one outside the study's folder."""
    data = source.data if isinstance(source.data, dict) else {}
    for place, name in ((("landscape", "data"), "file"), (("init",), "path"), (("branch",), "store")):
        unit: Any = data
        for key in place:
            unit = unit.get(key) if isinstance(unit, dict) else None
        if not isinstance(unit, dict) or not isinstance(unit.get(name), str):
            continue
        found = (Path(str(unit.get("root", folder))) / Path(unit[name]).expanduser()).resolve()
        if not found.is_relative_to(folder.resolve()):
            where = source.at((*place, name))
            raise SpecError(f"{where}: {unit[name]} lies outside the study's folder; if you trust the study, run it with --allow-outside")


def read_yaml(raw: bytes, name: str) -> Source:
    """Plain data with places. Refuses duplicate keys, tags, cycles, alias bombs, several documents, and text that is not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{name}: a study of {len(raw)} bytes; at most {MAX_BYTES} are allowed")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{name}: not UTF-8 text (byte {error.start}: {error.reason})") from None
    source = Source(name, None)
    node = load_text(text, name)
    source.data = _Plain(source).convert(node, (), 0)
    if source.data is None:
        raise SpecError(f"{name}: the file is empty")
    if not isinstance(source.data, dict):
        raise SpecError(f"{source.at(())}: a study is a mapping of keys to values, this is a {type(source.data).__name__}")
    return source


def load_text(text: str, name: str) -> Any:
    """ruamel.yaml's round-trip tree of one document; its errors as SpecError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    try:
        depth = 0  # looked at before anything is built: the time of a tree grows with the square of its depth
        for count, event in enumerate(YAML(typ="rt", pure=True).parse(text)):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH + 1 or count > 2 * MAX_NODES:
                what = f"nested too deeply (at most {MAX_DEPTH} levels)" if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
                raise SpecError(f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}: {what}")
        return YAML(typ="rt", pure=True).load(text)
    except SpecError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        raise SpecError(f"{place}: not valid YAML: {problem}") from None
    except RecursionError:
        raise SpecError(f"{name}: nested too deeply (at most {MAX_DEPTH} levels)") from None
    except (YAMLError, ValueError, AttributeError, KeyError, TypeError, AssertionError, IndexError, NotImplementedError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SpecError(f"{name}: not valid YAML: {reason[0]}") from None


class _Plain:
    """Converts ruamel's tree to plain data and notes the places."""

    def __init__(self, source: Source):
        self.source, self.count, self.open = source, 0, set()

    def convert(self, node: Any, path: Key, depth: int) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise SpecError(f"{self.source.name}: more than {MAX_NODES} values once aliases are followed (an alias bomb?)")
        if depth > MAX_DEPTH:
            raise SpecError(f"{self.source.at(path)}: nested too deeply (at most {MAX_DEPTH} levels)")
        if id(node) in self.open:
            raise SpecError(f"{self.source.at(path)}: an alias that contains itself")
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag and not str(tag).startswith("tag:yaml.org,2002:"):
            raise SpecError(f"{self.source.at(path)}: the tag '{tag}' is not allowed; write plain values")
        if isinstance(node, dict):
            return self.mapping(node, path, depth)
        if isinstance(node, (list, tuple)):
            return self.sequence(node, path, depth)
        return self.scalar(node, path)

    def mapping(self, node: Any, path: Key, depth: int) -> dict[str, Any]:
        self.open.add(id(node))
        self.place(path, getattr(node, "lc", None))
        made = {}
        for key, value in node.items():
            if not isinstance(key, str):
                raise SpecError(f"{self.source.at(path)}: the key {key!r} must be a word")
            name = self.text(str(key), path)
            where = getattr(node, "lc", None)
            if where is not None and where.data and key in where.data:
                line, column = where.data[key][:2]
                self.source.places[(*path, name)] = (line + 1, column + 1)
            made[name] = self.convert(value, (*path, name), depth + 1)
        self.open.discard(id(node))
        return made

    def sequence(self, node: Any, path: Key, depth: int) -> list[Any]:
        self.open.add(id(node))
        self.place(path, getattr(node, "lc", None))
        where, made = getattr(node, "lc", None), []
        for k, value in enumerate(node):
            if where is not None and where.data and k in where.data:
                line, column = where.data[k][:2]
                self.source.places[(*path, k)] = (line + 1, column + 1)
            made.append(self.convert(value, (*path, k), depth + 1))
        self.open.discard(id(node))
        return made

    def scalar(self, node: Any, path: Key) -> Any:
        if node is None or isinstance(node, bool):
            return node
        if type(node).__name__ == "ScalarBoolean":
            return bool(node)
        for plain in (int, float):
            if isinstance(node, plain):
                return plain(node)
        if isinstance(node, str):
            return self.text(str(node), path)
        if isinstance(node, (date, bytes)):
            return str(node)
        raise SpecError(f"{self.source.at(path)}: a {type(node).__name__} is not allowed; write plain values")

    def text(self, text: str, path: Key) -> str:
        """Text with JSON's escaped surrogate pairs put together, as in "\\ud83d\\ude00"."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise SpecError(f"{self.source.at(path)}: half a surrogate pair is no text") from None

    def place(self, path: Key, where: Any) -> None:
        if where is not None and where.line is not None:
            self.source.places.setdefault(path, (where.line + 1, where.col + 1))


def apply_setting(source: Source, setting: str) -> None:
    """Change one value by `KEY=VALUE`; KEY is a dotted path, optimizers by label, kind or position; VALUE is YAML."""
    key, equals, text = setting.partition("=")
    labels = {}
    for k, entry in enumerate(source.data.get("optimizers") or []):
        if isinstance(entry, dict):
            labels.setdefault(entry.get("label") or entry.get("kind"), k)
        elif isinstance(entry, str):
            labels.setdefault(entry, k)
    parts = key_parts(key.strip(), labels)
    if not equals or not all(parts):
        raise SpecError(f"--set {setting}: write KEY=VALUE, for example landscape.sharpness=50 or adam.lr=0.1")
    value = read_value(text, setting)
    if parts[0] in labels and parts[0] not in Study.model_fields:
        parts = ["optimizers", str(labels[parts[0]]), *parts[1:]]
    if parts[0] not in Study.model_fields:
        known = [*Study.model_fields, *labels]
        raise SpecError(f"--set {setting}: there is no '{parts[0]}'{suggest(parts[0], known)} (known: {', '.join(map(str, known))})")
    target: Any = source.data
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        step: Any = same(part, target) if isinstance(target, dict) else part
        if isinstance(target, list):
            step = int(part) if part.isdigit() else labels.get(part, -1)
            if not 0 <= step < len(target):
                raise SpecError(f"--set {setting}: there is no entry '{part}' in {'.'.join(parts[:position])}")
        elif not isinstance(target, dict):
            raise SpecError(f"--set {setting}: {'.'.join(parts[:position])} is a single value, it has no '{part}'")
        if last:
            if (
                isinstance(target, dict)
                and part == "kind"
                and parts[position - 1] in ("schedule", "average", "clip", "noise", "init")
                and target.get(step) != value
            ):
                target.clear()  # another kind has other fields
            target[step] = value
        else:
            if isinstance(target, dict) and not isinstance(target.get(step), (dict, list)):
                named = target.get(step)
                target[step] = {"kind": named} if isinstance(named, str) else {}
            if isinstance(target, list) and isinstance(target[step], str):
                target[step] = {"kind": target[step]}
            target = target[step]


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


def read_value(text: str, setting: str) -> Any:
    """One YAML value from the command line."""
    try:
        return _Plain(Source(f"--set {setting}", None)).convert(load_text(text, f"--set {setting}"), (), 0)
    except SpecError as error:
        raise SpecError(error.problems) from None


def validate(source: Source) -> Study:
    """The Study, or a SpecError that lists every problem."""
    try:
        return Study.model_validate(source.data)
    except ValidationError as error:
        raise SpecError([describe(source, e) for e in error.errors(include_url=False)]) from None
    except RecursionError:
        raise SpecError(f"{source.name}: nested too deeply") from None


def describe(source: Source, error: Any) -> str:
    """One line: place, key path, the problem, what was given."""
    path: Key = tuple(error["loc"])
    message, given = error["msg"], error["input"]
    kind = error["type"]
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, PlacedError):
            path, message = (*path, *cause.path), cause.problem
        named = re.match(r"(\w+(?:\.\w+)*): (?=.)", message) if not path else None
        if named and named[1].split(".")[0] in Study.model_fields:
            path, message = tuple(named[1].split(".")), message[named.end() :]
    elif kind == "unknown_key":
        path = (*path, error["ctx"]["key"])
    elif kind == "missing":
        message = f"the key '{path[-1]}' is required"
    elif kind != "unit_kind":
        message = f"{message[0].lower()}{message[1:]}, given {short(given)}"
    message = message.removeprefix("input ")
    return f"{source.at(path)}: {dotted(path)}{': ' if path else ''}{message}"


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def dotted(path: Key) -> str:
    """optimizers[0].lr"""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
