"""What is wrong with a study, in words of its user: the validator's errors as a key path and a sentence each."""

import math
import re
from collections.abc import Collection, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

from .errors import PlacedError, SpecError
from .plain import Key

KINDS = {
    "number": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "greater than or equal to {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "less than or equal to {le}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "string_unicode": "text",
    "string_too_short": "text of at least {min_length} character",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "of letters, digits and {signs}, and begin with a letter or a digit",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "literal_error": "one of {choices}",
    "none_required": "null",
}
"""Type of error -> what is allowed, after 'must be'."""
_OF_VALIDATOR = set(get_args(ErrorType))
_COMPLETE = ("unit_kind", "unknown_key", "claim", "value_error")
"""Errors of our own that say what was given."""


def problems(data: Any, error: ValidationError, keys: Collection[str] = ()) -> list[tuple[Key, str]]:
    """(key path, sentence) of everything that is wrong with these data. What each kind of value that a field takes makes of a value that is
    none of them becomes one sentence. Messages about the whole may begin with one of `keys`, which is then their path."""
    told: dict[tuple[Key, str], None] = {}
    errors = [(*_located(data, each), each) for each in error.errors(include_url=False) if not _follows(each)]
    branches: dict[Key, dict[str, list[tuple[Key, Any]]]] = {}
    for path, branch, rest, each in errors:
        if branch is not None:
            branches.setdefault(path, {}).setdefault(branch, []).append((rest, each))
    for path, branch, _, each in errors:
        if branch is None:
            told.update(dict.fromkeys(_named(at, message, keys) for at, message in _sentences(path, each)))
        elif path in branches:
            told.update(dict.fromkeys(_of_branches(path, value_at(data, path), branches.pop(path))))
    return list(told)


def _follows(error: Any) -> bool:
    """Whether this says that a list is too short only because its entries, which are wrong, do not count."""
    return error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]


def short(value: Any) -> str:
    """A value as the user may have written it, in one line of at most 80 characters."""
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a number of about {int(value.bit_length() * 0.30103) + 1} digits"
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a number of more digits than Python writes
        return "a list or mapping that holds a number of very many digits"
    text = {"None": "null", "True": "true", "False": "false"}.get(text, text)
    return text if len(text) <= 80 else f"{text[:77]}..."


def dotted(path: Key) -> str:
    """optimizers[0].lr"""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p:.60}" for p in path).lstrip(".")


def _located(data: Any, error: Any) -> tuple[Key, str | None, Key]:
    """The key path; if that ends at a value of which several kinds are allowed, the kind that this error is about, and the path within it.

    The validator's own path names such a kind amid the keys: what leads nowhere in the data is the name of one.
    """
    path: Key = ()
    loc: Any = error["loc"]
    for k, part in enumerate(loc):
        if isinstance(data, dict) and isinstance(part, int) and part not in data and len(data) == 1:
            data = next(iter(data.values()))  # the values of a sweep
        there = part in data if isinstance(data, dict) else isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data)
        key = there or not isinstance(part, str) or (k == len(loc) - 1 and error["type"] in ("missing", "unknown_key"))
        if not key and not (isinstance(data, BaseModel) and hasattr(data, str(part))):
            return path, str(part), loc[k + 1 :]
        data = value_at(data, (part,))
        path = (*path, part)
    return path, None, ()


def value_at(data: Any, path: Key) -> Any:
    """What lies at this path, None if nothing does."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            data = getattr(data, str(part), None) if isinstance(data, BaseModel) else None
    return data


def _sentences(path: Key, error: Any) -> Iterator[tuple[Key, str]]:
    kind, cause = error["type"], error.get("ctx", {}).get("error")
    if isinstance(cause, PlacedError):
        yield (*path, *cause.path), cause.problem
    elif isinstance(cause, SpecError):
        yield from ((path, problem) for problem in cause.problems)
    elif kind == "value_error":
        yield path, error["msg"].removeprefix("Value error, ")
    elif kind == "missing":
        yield path, f"the key '{path[-1] if path else ''}' is required"
    elif kind in _COMPLETE:
        yield path, error["msg"]
    elif kind in KINDS or kind in _OF_VALIDATOR:
        quotes = "; put it in quotes" if kind == "string_type" and isinstance(error["input"], (int, float)) else ""
        if kind == "finite_number" and isinstance(error["input"], float) and math.isfinite(error["input"]):
            yield path, f"must be a smaller whole number, given {short(error['input'])}"
        elif kind == "number" and error["msg"] != "must be a number":
            yield path, f"{error['msg']}, given {short(error['input'])}"
        else:
            yield path, f"must be {_kind(error)}, given {short(error['input'])}{quotes}"
    else:
        yield path, f"{error['msg']}, given {short(error['input'])}"


def _named(path: Key, message: str, keys: Collection[str]) -> tuple[Key, str]:
    """A message about the whole study may begin with the key that it is about: `init.at: ...`, `optimizers[0].lr: ...`."""
    found = re.match(r"([a-z_]+)((?:\.\w+|\[\d+\])*): (?=.)", message) if not path else None
    if not found or found[1] not in keys:
        return path, message
    inner = (int(place) if place else name for place, name in re.findall(r"\[(\d+)\]|\.(\w+)", found[2]))
    return (found[1], *inner), message[found.end() :]


def _kind(error: Any) -> str:
    """What is allowed, after 'must be'."""
    context = dict(error.get("ctx") or {})
    if error["type"] == "literal_error":
        context["choices"] = " or ".join(context["expected"].rsplit(" or ", 1)).replace("'", "")
    if error["type"] == "string_pattern_mismatch":
        last = re.findall(r"\[([^\]]*)\]", context["pattern"])[-1:] or [""]
        context["signs"] = " ".join(re.sub(r"\w-\w|\\", "", last[0])) or "nothing else"
    return KINDS.get(error["type"], "another value").format(**context)


def _of_branches(path: Key, given: Any, branches: dict[str, list[tuple[Key, Any]]]) -> Iterator[tuple[Key, str]]:
    """What is wrong inside a value that is of one of the allowed kinds; else, in one sentence, which kinds those are."""
    if "[key]" in branches:
        yield path, "cannot be a key here; keys are text"
        return
    inside = next((errors for errors in branches.values() if all(rest for rest, _ in errors)), None)
    if inside is not None:
        for rest, error in inside:
            yield from _sentences((*path, *rest), error)
        return
    kinds = dict.fromkeys(
        _kind(error) if error["type"] in KINDS else error["msg"] for errors in branches.values() for _, error in errors[:1]
    )
    yield path, f"must be {' or '.join(kinds)}, given {short(given)}"
