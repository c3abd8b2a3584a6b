"""Several landscapes in one study: `landscape: [rosenbrock, {kind: rastrigin, dim: 20}, ...]`. Each is a stage that begins anew, of the same name.

What an entry says of `init`, `noise`, `steps` and `stop` holds for its runs; the rest of the file is common to all.
"""

import copy
import re
from typing import Any

from .errors import SpecError, suggest
from .messages import short
from .plain import Key, Source
from .study import Study

LABEL = "label"
OWN = ("init", "noise", "steps", "stop")
"""What may differ from landscape to landscape beside the landscape itself."""
MOST = 200
"""Landscapes of a file."""
Setting = tuple[str, Any, str, str]
"""As settings.parsed_setting gives it."""


def is_several(data: Any) -> bool:
    """Whether these plain data are a study of several landscapes."""
    return isinstance(data, dict) and isinstance(data.get("landscape"), (list, tuple))


def as_stages(source: Source, settings: list[Setting]) -> tuple[Source, list[Setting]]:
    """The same study as one of stages, and its settings: LABEL.FIELD is a landscape's field, LABEL.steps its steps. Raises SpecError with every
    problem found."""
    data, problems = source.data, []
    listed = data["landscape"]

    def fail(path: Key, problem: str) -> None:
        problems.append(f"{source.at(path)}: {problem}")

    if not 1 <= len(listed) <= MOST:
        fail(("landscape",), f"landscape: must be a list of 1 to {MOST} landscapes; this has {len(listed)}")
    if "stages" in data:
        fail(("landscape",), "landscape: a study of stages has one landscape per stage; give each landscape its own stage")
    names: dict[str, int] = {}
    for k, entry in enumerate(listed):
        label = label_of(entry)
        if label is None:
            fail(("landscape", k), f"landscape[{k}]: must be the kind of a landscape, or a mapping with its kind, given {short(entry)}")
        elif why := why_no_label(label, data):
            fail(("landscape", k), f"landscape[{k}]: {why}")
        elif names.setdefault(label.casefold(), k) != k:
            fail(("landscape", k), f"landscape[{k}]: two landscapes are called '{label}'; give each its own `label`")
    labels = [label for label in map(label_of, listed) if label is not None]
    claims = data.get("claims")
    for n, claim in enumerate(claims if isinstance(claims, list) else ()):
        if isinstance(claim, dict) and (of := claim.get("landscape")) is not None and of not in labels:
            fail(
                ("claims", n, "landscape"),
                f"claims[{n}].landscape: there is no landscape '{of!s:.60}'{suggest(str(of), labels)} (known: {', '.join(labels)})",
            )
    if problems:
        raise SpecError(problems)
    common = {key: value for key, value in data.items() if key not in ("landscape", "probes")}
    made = {**common, "stages": [stage(label, entry, data) for label, entry in zip(labels, listed, strict=True)]}
    if isinstance(claims, list):
        made["claims"] = [renamed(claim) for claim in claims]
    places = {moved: place for path, place in source.places.items() for moved in where(path, len(listed))}
    return Source(source.name, made, places), [(of_stage(key, labels), value, shown, place) for key, value, shown, place in settings]


def label_of(entry: Any) -> str | None:
    """What a landscape of the list is called: its label, or its kind; None if it has neither."""
    found = entry.get(LABEL, entry.get("kind")) if isinstance(entry, dict) else getattr(entry, "kind", entry)
    return found if isinstance(found, str) else None


def why_no_label(label: str, data: dict[str, Any]) -> str:
    """Why a landscape cannot be called so; empty if it can."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,59}", label):
        return f"'{label:.60}' cannot be the name of a group; give it a `label` of letters, digits and underscores, beginning with a letter"
    units = data.get("optimizers")
    if label in [label_of(unit) for unit in (units if isinstance(units, list) else ())]:
        return f"'{label}' is also the name of an optimizer; give one of them another `label`"
    return f"'{label}' is the name of a part of a study; give it another `label`" if label in Study.model_fields else ""


def stage(label: str, entry: Any, data: dict[str, Any]) -> dict[str, Any]:
    """One landscape of the list as a stage."""
    given = entry if isinstance(entry, dict) else {}
    own = {key: value for key, value in given.items() if key in OWN}
    probes = {"probes": copy.deepcopy(data["probes"])} if "probes" in data else {}
    land = {key: value for key, value in given.items() if key not in (*OWN, LABEL)} if given else entry
    return {"name": label, "landscape": land, **own, **probes}


def renamed(claim: Any) -> Any:
    """A claim of one landscape is a claim of its stage."""
    return {"stage" if key == "landscape" else key: value for key, value in claim.items()} if isinstance(claim, dict) else claim


def where(path: Key, count: int) -> list[Key]:
    """Where what lies at this path of the file lies in the file of stages."""
    if path[:1] == ("probes",):
        return [("stages", k, *path) for k in range(count)]
    if path[:1] != ("landscape",) or len(path) < 2:
        return [path]
    _, k, *rest = path
    if not rest:
        return [("stages", k), ("stages", k, "landscape")]
    if rest == [LABEL]:
        return [("stages", k, "name")]
    return [("stages", k, *rest) if rest[0] in OWN else ("stages", k, "landscape", *rest)]


def of_stage(key: str, labels: list[str]) -> str:
    """The key of a setting as a file of stages has it.

    >>> of_stage("hard.dim", ["hard"]), of_stage("hard.steps", ["hard"]), of_stage("adam.lr", ["hard"])
    ('hard.landscape.dim', 'hard.steps', 'adam.lr')
    """
    head, dot, rest = key.partition(".")
    return f"{head}.landscape.{rest}" if head in labels and dot and rest.partition(".")[0] not in OWN else key
