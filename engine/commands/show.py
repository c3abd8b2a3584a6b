"""thalweg show."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ..text.tables import Column, Table, console
from ._say import say

MOST_USES = 8
"""Studies that are named as users."""


def known(incomplete: str) -> list[str]:
    """Names that can be shown, for the shell's completion."""
    return [name for name in names() if name.startswith(incomplete)]


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=known,
            help="A kind of landscape, optimizer, schedule, start, noise, picture, ..., or a function of formulas or claims.",
        ),
    ],
) -> None:
    """Describe a kind: formula, fields with bounds and defaults, source, an example, and the studies that use it."""
    from ...specs.errors import SpecError, suggest

    found = list(everything_called(name))
    if not found:
        raise SpecError(f"there is nothing called '{name:.60}'{suggest(name, names())} (thalweg list has all names)")
    for k, (noun, unit) in enumerate(found):
        if k:
            say("")
        describe(name, noun, unit)


def registries() -> dict[str, Any]:
    """Noun -> registry of everything that has fields."""
    from ...specs.average import AVERAGES
    from ...specs.clip import CLIPS
    from ...specs.init import INITS
    from ...specs.noise import NOISES
    from ...specs.registry import DIAGNOSTICS, LANDSCAPES, OPTIMIZERS, PROBES
    from ...specs.schedule import SCHEDULES

    every = (LANDSCAPES, OPTIMIZERS, SCHEDULES, INITS, NOISES, CLIPS, AVERAGES, DIAGNOSTICS, PROBES)
    return {registry.noun: registry for registry in every}


def folders() -> dict[str, Any]:
    """Noun -> registry of what has no fields, but a module and options of a command: pictures, and views of a comparison."""
    from ..comparison.views import VIEWS
    from ..plot import PICTURES

    return {registry.noun: registry for registry in (PICTURES, VIEWS)}


def names() -> list[str]:
    """Every name that can be shown."""
    from ...specs.claim import FUNCTIONS as CLAIM_FUNCTIONS
    from ...specs.program.table import FUNCTIONS

    kinds = [kind for registry in (registries() | folders()).values() for kind in registry.kinds()]
    return sorted({*kinds, *FUNCTIONS.kinds(), *CLAIM_FUNCTIONS})


def everything_called(name: str) -> Iterator[tuple[str, Any]]:
    """(noun, class, function or call in words) of all that has this name."""
    from ...specs.program.table import FUNCTIONS
    from ..claims.functions import CALLS

    for noun, registry in registries().items():
        if name in registry.kinds():
            yield noun, loaded(registry, name)
    for noun, registry in folders().items():
        if name in registry.kinds():
            yield noun, loaded(registry, name)
    if name in FUNCTIONS.kinds():
        yield "function of formulas", loaded(FUNCTIONS, name)
    if name in CALLS:
        yield "function of claims", CALLS[name]


def loaded(registry: Any, name: str) -> Any:
    """The unit. Raises SpecError if its file is broken."""
    from ...specs.errors import SpecError

    try:
        return registry.load(name)
    except ImportError as error:
        raise SpecError(str(error)) from None


def describe(name: str, noun: str, unit: Any) -> None:
    """Print one unit."""
    from rich.text import Text

    out = console()
    out.print(Text.assemble((name, "bold"), f"  {noun}"))
    if inspect.ismodule(unit):
        out.print(Text(inspect.cleandoc(unit.__doc__ or "")))
        out.print(Text(usage(name, noun, unit)))
        out.print(Text(f"file: {unit.__file__}"))
        return
    if noun == "function of claims":
        out.print(Text(unit))
    elif noun == "function of formulas":
        out.print(Text((inspect.getmodule(type(unit)).__doc__ or "").strip()))
        out.print(Text(inspect.cleandoc(type(unit).__doc__ or "")))
        out.print(Text(f"examples: {', '.join(unit.examples[:4])}"))
    else:
        out.print(Text(inspect.cleandoc(unit.__doc__ or "")))
        table = fields(unit)
        if table is not None:
            out.print(table)
    users, example = uses(name, noun)
    if example:
        out.print(Text(f"example, from {users[0]}:\n{example}"))
    if users:
        more = f" and {len(users) - MOST_USES} more" if len(users) > MOST_USES else ""
        out.print(Text(f"used in: {', '.join(users[:MOST_USES])}{more}"))
    if noun != "function of claims":
        out.print(Text(f"file: {inspect.getfile(unit if isinstance(unit, type) else type(unit))}"))


def usage(name: str, noun: str, unit: Any) -> str:
    """The command that makes a picture or a view, with the options it takes."""
    from ..plot import FORMATS

    if noun == "view":
        return f"thalweg compare STORE --view {name}"
    words = {"groups": "group"}
    options = " ".join(f"[--{words.get(option, option)} ...]" for option in unit.OPTIONS)
    formats = ", ".join(f".{one}" for one in getattr(unit, "FORMATS", FORMATS))
    return f"thalweg plot STORE {name} {options}\nformats: {formats}"


def fields(unit: Any) -> Table | None:
    """The table of a unit's fields; None where it has none."""
    from ..text.fields import Describer

    rows = list(Describer(lambda noun: {"sweep": "(swept)"}.get(noun, noun)).fields(unit))
    if not rows:
        return None
    columns = (
        Column("field", [row.name for row in rows], name=True, styles=["bold"] * len(rows)),
        Column("type", [row.kind for row in rows], text=True, minor=True),
        Column("bounds", [row.bounds for row in rows], text=True),
        Column("default", [row.default for row in rows], text=True),
        Column("meaning", [row.meaning for row in rows], text=True),
    )
    return Table(columns)


def uses(name: str, noun: str) -> tuple[list[str], str]:
    """(the bundled studies that have it, what the shortest of them says of it as YAML)."""
    from ...specs.load import gallery

    word = re.escape(name)
    pattern = rf"\b{word}\(" if noun.startswith("function") else rf"kind: {word}\b|[\[ ]{word}[,\]\n]"
    found: list[tuple[str, str]] = []
    for study, path in gallery().items():
        text = path.read_text(encoding="utf-8")
        if re.search(pattern, text) and (said := said_of(name, noun, path, text)) is not None:
            found.append((study, said))
    found.sort(key=lambda one: (not one[1], len(one[1])))
    return [study for study, _ in found], found[0][1] if found else ""


def said_of(name: str, noun: str, path: Path, text: str) -> str | None:
    """What a study says of a unit as YAML; None if the word means something else there."""
    if noun.startswith("function"):
        lines = [line.split("#")[0].strip() for line in text.splitlines()]
        in_claims = [("measure" in line or "expected" in line) for line in lines]
        hits = [
            line
            for line, of_claim in zip(lines, in_claims, strict=True)
            if re.search(rf"\b{re.escape(name)}\(", line) and of_claim == noun.endswith("claims")
        ]
        return min(hits, key=len) if hits else None
    from ...specs.plain import read_yaml

    return next((written(noun, unit) for unit in parts(read_yaml(text.encode(), path.name).data, noun) if kind_of(unit) == name), None)


def parts(data: Any, noun: str, key: str = "") -> Iterator[Any]:
    """Whatever stands in a study where a unit of this noun may."""
    places = {"landscape": ("landscape",), "optimizer": ("optimizers", "rest"), "diagnostic": ("variables",), "probe": ("probes",)}
    wanted = places.get(noun, (noun,))
    if isinstance(data, dict):
        for own, value in data.items():
            if own in wanted and not (own == "variables" and key != "record"):
                yield from value if isinstance(value, list) else [value]
            yield from parts(value, noun, own)
    elif isinstance(data, list):
        for value in data:
            yield from parts(value, noun, key)


def kind_of(unit: Any) -> Any:
    return unit.get("kind") if isinstance(unit, dict) else unit


def written(noun: str, unit: Any) -> str:
    """A unit as it stands in a study."""
    from ...specs.dump import to_yaml

    key = {"optimizer": "optimizers", "probe": "probes", "diagnostic": "variables"}.get(noun)
    return "  " + to_yaml({key: [unit]} if key else {noun: unit}).strip().replace("\n", "\n  ")
