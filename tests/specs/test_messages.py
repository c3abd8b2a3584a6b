"""Every wrong value of every field: one line in the user's words, with its place, and nothing of the libraries underneath."""

import json
import math
import re
import typing
from typing import Any, get_args, get_origin

import pytest
from helpers.repetitions import few
from thalweg.specs.average import AVERAGES
from thalweg.specs.base import Spec, _Number
from thalweg.specs.claim import Claim
from thalweg.specs.clip import CLIPS
from thalweg.specs.errors import SpecError
from thalweg.specs.init import INITS
from thalweg.specs.load import load_study, parse_study
from thalweg.specs.noise import NOISES
from thalweg.specs.record import Record, Stop
from thalweg.specs.registry import LANDSCAPES, OPTIMIZERS
from thalweg.specs.schedule import SCHEDULES
from thalweg.specs.study import Study

FORBIDDEN = re.compile(
    r"pydantic|function-|tuple\[|Annotated|ValidationError|numpy|ndarray|zarr\.|dtype|BaseModel|\bunion\b|<class|Traceback|NoneType|"
    r"Literal|model_type|is_instance|should be|valid (string|number|integer|list|tuple|dictionary)|\bstr\b|\bfloat\b|\bint\b|\bdict\b",
    re.IGNORECASE,
)
BASE: dict[str, Any] = {"name": "s", "landscape": "himmelblau", "optimizers": ["sgd"], "steps": 5}
WRONG = [
    "text",
    "",
    "x" * 10_000,
    [],
    [1],
    [[0, 1], [1, 0]],
    [None, True, "a"],
    ["a", ["b"]],
    {},
    {"a": 1},
    {"values": [1, [2]]},
    {"values": {"a": 2}},
    {"linspace": "x"},
    {"logspace": [1, 2]},
    None,
    True,
    False,
    -1,
    0,
    2.5,
    1e308,
    -1e308,
    10**30,
    10**5000,
    [10**5000],
    math.nan,
    math.inf,
]


def lines(data, *settings):
    try:
        load_study(data, settings)
    except SpecError as error:
        return error.problems
    return ()


def fields():
    """(path to a field, study around it) of every field of every part."""
    for name in Study.model_fields:
        yield (name,), BASE
    for name in Record.model_fields:
        yield ("record", name), {**BASE, "record": {}}
    for name in Stop.model_fields:
        yield ("stop", name), {**BASE, "stop": {}}
    for name in ("store", "at"):
        yield ("branch", name), {**BASE, "branch": {"store": "a.zarr", "at": 1}}
    for name in Claim.model_fields:
        yield ("claims", 0, name), {**BASE, "claims": [{"name": "c", "measure": "final(loss)", "less_than": 1}]}
    for part, choice in (("init", INITS), ("noise", NOISES), ("landscape", LANDSCAPES)):
        for kind in choice.kinds():
            unit = {"kind": kind, **(choice.load(kind).example() if hasattr(choice.load(kind), "example") else {})}
            for name, info in choice.load(kind).model_fields.items():
                yield (part, info.alias or name), {**BASE, part: unit}
    for kind in OPTIMIZERS.kinds():
        for name in OPTIMIZERS.load(kind).model_fields:
            yield ("optimizers", 0, name), {**BASE, "init": "normal", "optimizers": [{"kind": kind}]}
    for part, choice in (("schedule", SCHEDULES), ("clip", CLIPS), ("average", AVERAGES)):
        for kind in choice.kinds():
            for name in choice.load(kind).model_fields:
                yield ("optimizers", 0, part, name), {**BASE, "optimizers": [{"kind": "sgd", part: {"kind": kind}}]}


def with_value(data, path, value):
    data = json.loads(json.dumps(data))
    target = data
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return data


EVERY = [pytest.param(p, s, id=f"{'.'.join(map(str, p))}-{k}") for k, (p, s) in enumerate(fields())]


@pytest.mark.parametrize(("path", "study"), few(EVERY, keep=EVERY[::3]))
def test_wrong_values_are_told_in_the_user_s_words(path, study):
    for value in WRONG:
        told = lines(with_value(study, path, value))
        for line in told:
            assert re.match(rf"study: ({'|'.join(Study.model_fields)})\b", line), line
            assert "\n" not in line
            assert not FORBIDDEN.search(line), line
            assert len(line) < 1500
        assert len(told) <= 21


def models(part: type[Spec] = Spec):
    for below in part.__subclasses__():
        if below.__module__.startswith("thalweg."):
            yield below
        yield from models(below)


def unguarded(annotation, guarded=False):
    """Numbers in an annotation that would take a truth value or text."""
    if get_origin(annotation) is typing.Annotated:
        base, *more = get_args(annotation)
        yield from unguarded(base, any(m is _Number or getattr(m, "strict", False) for m in more))
    elif annotation in (float, int) and not guarded:
        yield annotation
    elif get_origin(annotation) is not typing.Literal:
        for inner in get_args(annotation):
            yield from unguarded(inner)


def test_no_field_takes_a_truth_value_or_text_for_a_number():
    for choice in (LANDSCAPES, OPTIMIZERS):
        for kind in choice.kinds():
            choice.load(kind)
    found = {model: dict(model.model_fields) for model in models()}
    assert len(found) > 60
    for model, named in found.items():
        for name, info in named.items():
            whole = typing.Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
            assert not list(unguarded(whole)), f"{model.__name__}.{name}"
    assert list(unguarded(tuple[int, ...])) == [int]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"init": {"kind": "point", "at": [[0, 1], [1, 0]]}},
            "init.at: takes one number, or a list with one number per component; several starting points: init: {kind: file, path: starts.npy}, "
            + "given [[0, 1], [1, 0]]",
        ),
        ({"init": {"kind": "normal", "mean": [[0]]}}, "init.mean: takes one number, or a list with one number per component, given [[0]]"),
        ({"init": {"kind": "point", "at": "a"}}, "init.at: must be a list or a number, given 'a'"),
        ({"init": {"kind": "point", "at": [0, "a"]}}, "init.at[1]: must be a number, given 'a'"),
        ({"steps": 1e308}, "steps: must be a smaller whole number, given 1e+308"),
        ({"steps": 2.5}, "steps: must be a whole number, given 2.5"),
        ({"steps": 10**5000}, "steps: must be a smaller number, given a number of about 5001 digits"),
        ({"seeds": None}, "seeds: must be a number, given null"),
        ({"title": 2024}, "title: must be text, given 2024; put it in quotes"),
        ({"precision": "double"}, "precision: must be one of float32 or float64, given 'double'"),
        ({"record": {"last": 3}}, "record.last: must be true or false, given 3"),
        ({"record": [1]}, "record: must be a mapping of keys to values, given [1]"),
        ({"record": {"at": 3}}, "record.at: must be a list, given 3"),
        ({"record": {"at": []}}, "record.at: must be a list of at least 1, given []"),
        ({"stop": {"loss_below": True}}, "stop.loss_below: must be a number, given true"),
        ({"stop": {"diverge_above": "1e3"}}, "stop.diverge_above: must be a number, given '1e3'"),
        ({"name": "a/b"}, "name: must be of letters, digits and _ . -, and begin with a letter or a digit, given 'a/b'"),
        ({"optimizers": "sgd"}, "optimizers: must be a list, given 'sgd'"),
        ({"optimizers": [{"kind": "sgd", "lr": [0.1, "a"]}]}, "optimizers[0].lr[1]: must be a number, given 'a'"),
        (
            {"optimizers": [{"kind": "sgd", "lr": {"values": [0.1, -1]}}]},
            "optimizers[0].lr[1]: must be greater than or equal to 0, given -1",
        ),
        (
            {"landscape": {"kind": "logistic_regression", "data": {"file": "a.csv", "x": 3}}},
            "landscape.data.x: must be a list or text, given 3",
        ),
        (
            {"landscape": {"kind": "logistic_regression", "data": {"file": "a.csv", "x": ["b", 3]}}},
            "landscape.data.x[1]: must be text, given 3; put it in quotes",
        ),
        ({"claims": [{"name": "c", "measure": "loss", "less_than": True}]}, "claims[0].less_than: must be text or a number, given true"),
    ],
)
def test_the_words(changed, line):
    assert lines({**BASE, **changed}) == (f"study: {line}",)


def test_all_problems_are_told_at_once():
    study = {
        "name": "s",
        "landscape": {"kind": "rosenbrock", "shrapness": 3},
        "init": {"kind": "point", "at": [1, 2, 3]},
        "optimizers": [{"kind": "sgd", "lr": "a tenth", "momentun": 0.9}, "adm"],
        "seeds": -1,
        "steps": 10,
        "record": {"at": [11], "variables": ["los"], "state": [99]},
        "branch": {"store": "a.zarr", "at": 12},
        "zip": [["sgd.lr", "sgd.momentum"]],
        "stp": {},
    }
    told = "\n".join(lines(study))
    for words in (
        "landscape.shrapness: unknown key",
        "optimizers[0].lr: must be a number",
        "optimizers[0].momentun: unknown key",
        "optimizers[1]: there is no optimizer 'adm'",
        "seeds: must be greater",
        "stp: unknown key",
        "record.at: step 11 lies beyond",
        "record.state: step 99 lies beyond",
        "branch.at: no step is left",
    ):
        assert words in told
    study |= {"landscape": "himmelblau", "optimizers": ["sgd"], "seeds": 2, "name": "bad/name"}
    told = "\n".join(lines(study))
    for words in ("init.at: 3 components given", "'los'", "zip: 'sgd.lr' is not a swept field", "zip: 'sgd.momentum'", "name: must be"):
        assert words in told
    assert len(told.splitlines()) == 9


def test_what_depends_on_a_wrong_part_is_not_told():
    """A claim that names a swept field of an optimizer that is wrong by itself may be right."""
    claim = {"name": "c", "measure": "final(loss) * warmness", "less_than": 1}
    told = lines({**BASE, "optimizers": [{"kind": "sgd", "lr": "a tenth"}], "claims": [claim]})
    assert told == ("study: optimizers[0].lr: must be a number or a formula (invalid syntax), given 'a tenth'",)


def test_very_many_problems_are_counted():
    told = lines({**BASE, "record": {"at": ["x"] * 5000}})
    assert len(told) == 21
    assert told[-1] == "study: and 4980 more problems"
    assert len(lines({**BASE, **{f"key{k}": 1 for k in range(100_000)}})) <= 21


def test_places_of_settings_are_the_settings():
    text = json.dumps({**BASE, "seeds": 3})
    (line,) = lines(json.loads(text), "seeds=many")
    assert line == "--set seeds=many: seeds: must be a number, given 'many'"
    with pytest.raises(SpecError, match=r"s\.yaml:1:\d+: steps: must be a whole number"):
        parse_study(text.replace("5", "[]"), "s.yaml")
