"""YAML text to plain data with the place of every key: one document, nothing executed, bounded in time, size and depth."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import SpecError

MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_DIGITS = 4_000_000, 200_000, 60, 400
Key = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_SCALARS = {"int": int, "float": float, "bool": bool}


@dataclass
class Source:
    """Plain data read from YAML, with the line and column (from 1) of every key path, or the words of the command line that set it."""

    name: str
    data: Any
    places: dict[Key, tuple[int, int] | str] = field(default_factory=dict)

    def at(self, path: Key) -> str:
        """`file:line:column` of the nearest known place above `path`."""
        while path not in self.places and path:
            path = path[:-1]
        place = self.places.get(path)
        if isinstance(place, str):
            return place
        return f"{self.name}:{place[0]}:{place[1]}" if place else self.name


def read_yaml(raw: bytes, name: str) -> Source:
    """A mapping with places. Refuses duplicate keys, tags, cycles, alias bombs, several documents, and text that is not UTF-8."""
    if len(raw) > MAX_BYTES:
        raise SpecError(f"{name}: the study is too large; at most {MAX_BYTES} bytes are allowed")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{name}: not UTF-8 text (byte {error.start}: {error.reason})") from None
    source = read_text(text, name)
    if source.data is None:
        raise SpecError(f"{name}: the file is empty")
    if not isinstance(source.data, dict):
        what = "a list" if isinstance(source.data, list) else "a single value"
        raise SpecError(f"{source.at(())}: a study is a mapping of keys to values, and this is {what}")
    return source


def read_text(text: str, name: str) -> Source:
    """The plain data of any YAML text; its errors as SpecError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Reader(YAML(typ="safe", pure=True), name).read(text)
    except SpecError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        raise SpecError(f"{place}: not valid YAML: {problem[:200]}") from None
    except RecursionError:
        raise SpecError(f"{name}: nested too deeply (at most {MAX_DEPTH} levels)") from None
    except (YAMLError, ValueError, AttributeError, KeyError, TypeError, AssertionError, IndexError, NotImplementedError) as error:
        reason = (str(error).strip().splitlines() or ["it cannot be parsed"])[0]
        raise SpecError(f"{name}: not valid YAML: {reason[:200]}") from None


@dataclass
class _Node:
    """A value that an anchor names: how many values it holds, and how many levels."""

    value: Any
    size: int
    height: int


class _Reader:
    """Makes plain data of the parser's events, so that nothing is built that is too deep or too much."""

    def __init__(self, yaml: Any, name: str):
        self.yaml, self.source, self.count = yaml, Source(name, None), 0
        self.anchors: dict[str, _Node | None] = {}
        """Name -> what it stands for; None while that is still being read."""

    def read(self, text: str) -> Source:
        events = iter(self.yaml.parse(text))
        documents = 0
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    self.fail(event, "not valid YAML: more than one document")
            elif not kind.startswith(("Stream", "Document", "Comment")):
                self.source.data = self.node(event, events, (), 0).value
        return self.source

    def fail(self, event: Any, message: str) -> Any:
        mark = event.start_mark
        raise SpecError(f"{self.source.name}:{mark.line + 1}:{mark.column + 1}: {message}")

    def node(self, event: Any, events: Iterator[Any], path: Key, depth: int) -> _Node:
        self.source.places.setdefault(path, (event.start_mark.line + 1, event.start_mark.column + 1))
        kind, anchor = type(event).__name__, getattr(event, "anchor", None)
        if depth > MAX_DEPTH:
            self.fail(event, f"nested too deeply (at most {MAX_DEPTH} levels)")
        if kind == "AliasEvent":
            return self.alias(event, str(anchor), depth)
        if anchor:
            self.anchors[str(anchor)] = None
        begun = self.count
        self.counted(event, 1)
        tag = self.tag(event, kind)
        value: Any
        if kind == "MappingStartEvent":
            value, height = self.mapping(events, path, depth)
        elif kind == "SequenceStartEvent":
            value, height = self.sequence(events, path, depth)
        else:
            value, height = self.scalar(event, tag), 0
        node = _Node(value, self.count - begun, height)
        if anchor:
            self.anchors[str(anchor)] = node
        return node

    def counted(self, event: Any, size: int) -> None:
        self.count += size
        if self.count > MAX_NODES:
            self.fail(event, f"more than {MAX_NODES} values, counting those that aliases stand for (an alias bomb?)")

    def tag(self, event: Any, kind: str) -> str:
        """What a scalar is: str, int, float, bool, null; a tag that says anything but the obvious is refused."""
        from ruamel.yaml.nodes import ScalarNode

        given = str(event.tag or "")
        natural = {"MappingStartEvent": "map", "SequenceStartEvent": "seq"}.get(kind, "")
        if not natural and given in ("", "!"):
            plain = event.implicit[0] and not given
            return str(self.yaml.resolver.resolve(ScalarNode, event.value, (plain, not plain))).removeprefix(_TAG)
        allowed = [natural] if natural else ["str", "null", *_SCALARS]
        if given and given not in ["!", *(_TAG + name for name in allowed)]:
            self.fail(event, f"the tag '{given.replace(_TAG, '!!')[:60]}' is not allowed; write plain values")
        return given.removeprefix(_TAG)

    def alias(self, event: Any, anchor: str, depth: int) -> _Node:
        if anchor not in self.anchors:
            self.fail(event, f"not valid YAML: nothing before is called '&{anchor[:40]}'")
        named = self.anchors[anchor]
        if named is None:
            return self.fail(event, "an alias that contains itself")
        if depth + named.height > MAX_DEPTH:
            self.fail(event, f"nested too deeply (at most {MAX_DEPTH} levels)")
        self.counted(event, named.size)
        return _Node(copy.deepcopy(named.value), named.size, named.height)

    def mapping(self, events: Iterator[Any], path: Key, depth: int) -> tuple[dict[str, Any], int]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        height = 0
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key, merge = self.key(event)
            if key in own and not merge:
                self.fail(event, f"not valid YAML: duplicate key '{key[:60]}'")
            self.source.places[(*path, key)] = (event.start_mark.line + 1, event.start_mark.column + 1)
            node = self.node(next(events), events, (*path, key), depth + 1)
            height = max(height, node.height + 1)
            if not merge:
                own[key] = node.value
                continue
            for part in node.value if isinstance(node.value, list) else [node.value]:
                if not isinstance(part, dict):
                    self.fail(event, "'<<' takes a mapping, or a list of mappings")
                merged = {**part, **merged}
        return {**merged, **own}, height

    def key(self, event: Any) -> tuple[str, bool]:
        """A mapping's key, and whether it is '<<', which takes over what another mapping holds."""
        if type(event).__name__ != "ScalarEvent":
            self.fail(event, "a key must be a word")
        tag = self.tag(event, "ScalarEvent")
        if tag == "merge":
            return event.value, True
        if tag not in ("str", "timestamp", "value"):
            self.fail(event, f"the key {event.value[:60] or 'null'} must be a word; put it in quotes")
        if event.anchor:
            self.fail(event, "a key cannot have an anchor")
        return self.text(event), False

    def sequence(self, events: Iterator[Any], path: Key, depth: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        height = 0
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            node = self.node(event, events, (*path, len(values)), depth + 1)
            height = max(height, node.height + 1)
            values.append(node.value)
        return values, height

    def scalar(self, event: Any, tag: str) -> Any:
        from ruamel.yaml.nodes import ScalarNode

        if tag == "null":
            return None
        if tag not in _SCALARS:
            return self.text(event)
        if len(event.value) > MAX_DIGITS:
            self.fail(event, f"a number of {len(event.value)} characters; at most {MAX_DIGITS} are allowed")
        try:
            return _SCALARS[tag](getattr(self.yaml.constructor, f"construct_yaml_{tag}")(ScalarNode(_TAG + tag, event.value)))
        except (ValueError, KeyError, IndexError):
            return self.fail(event, f"'{event.value[:60]}' is not a valid {tag}")

    def text(self, event: Any) -> str:
        """Text with JSON's escaped surrogate pairs put together, as in "\\ud83d\\ude00"."""
        try:
            return event.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            return self.fail(event, "half a surrogate pair is not text")
