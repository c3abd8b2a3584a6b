"""thalweg cite."""

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._options import Settings, studies

if TYPE_CHECKING:
    from ...specs.study import Study

REFERENCE = re.compile(
    r"arXiv:(?P<arxiv>\d{4}\.\d{4,5}|[a-z-]+/\d{7})|doi:(?P<doi>10\.\d{4,9}/[^\s,;]+[^\s,;.)])|(?P<url>https?://[^\s,;)]+[\w/])"
)
AUTHORS = re.compile(r"(?P<authors>[A-Z][^.;:()]*?(?: et al\.)?),? (?P<year>(?:19|20)\d\d)[^.;()]*$")
"""Authors and a year in front of a reference: "Noci et al. 2024, "."""

VERBATIM = ("eprint", "doi", "url")
"""Fields in which nothing is escaped."""


def cite(
    spec: Annotated[str, typer.Argument(metavar="SPEC", autocompletion=studies, help="A study: a path or a bundled name.")],
    settings: Settings = None,
) -> None:
    """Print BibTeX for the sources of a study: its paper, and those of its landscape, optimizers, functions and probes."""
    from ...specs.load import load
    from ...specs.stages import Stages

    loaded = load(spec, settings or ())
    parts = [stage.study for stage in loaded.stages] if isinstance(loaded, Stages) else [loaded]
    found: dict[str, dict[str, str]] = {}
    for what, text in [("study", loaded.source), *(pair for study in parts for pair in used(study))]:
        for entry in references(text):
            notes = found.setdefault(entry["id"], {**entry, "note": ""})
            if what not in notes["note"].split(", "):
                notes["note"] = ", ".join(filter(None, [notes["note"], what]))
    print("\n\n".join([software(), *map(bibtex, found.values())]))


def used(study: "Study") -> Iterator[tuple[str, str]]:
    """(what it is, the text that names its source) of every unit of a study, its own claims included."""
    from ...specs.program.table import FUNCTIONS
    from ...specs.sweep import values_of

    units: list[tuple[str, Any]] = [("landscape", study.landscape), *(("optimizer", one) for one in study.optimizers)]
    units += [("schedule", one.schedule) for one in study.optimizers] + [("noise", study.noise), ("init", study.init or study.start())]
    units += [("average", one.average) for one in study.optimizers] + [("probe", one) for one in study.probes]
    units = [(noun, unit) for noun, found in units for unit in values_of(found)]
    for noun, unit in units:
        if unit is not None:
            yield f"{noun} {getattr(unit, 'kind', '')}".strip(), inspect.cleandoc(type(unit).__doc__ or "")
    formulas = str(study.landscape.model_dump(mode="json"))
    for name in FUNCTIONS.kinds():
        if re.search(rf"\b{re.escape(name)}\(", formulas):
            yield f"function {name}", inspect.cleandoc(type(FUNCTIONS.load(name)).__doc__ or "")
    for claim in study.claims:
        yield "claim", claim.source


def references(text: str) -> Iterator[dict[str, str]]:
    """The arXiv numbers, DOIs and addresses in a text, with authors and year where they stand in front."""
    text = " ".join(text.split())
    end = 0
    for match in REFERENCE.finditer(text):
        kind = str(match.lastgroup)
        entry = {"id": match[kind], "kind": kind}
        before = AUTHORS.search(text[end : match.start()].rstrip(" ,:"))
        if before:
            names = re.sub(r"^.*?(?:Sources?|by|of|and) (?=[A-Z])", "", before["authors"]).removeprefix("Source: ")
            entry |= {"author": authors(names), "year": before["year"]}
        end = match.end()
        yield entry


def authors(text: str) -> str:
    """Names as BibTeX joins them: `A, B & C` -> `A and B and C`, `A et al.` -> `A and others`."""
    others = " and others" if re.search(r"\bet al", text) else ""
    names = [name.strip() for name in re.split(r",|&|\band\b", re.sub(r"\bet al\.?", "", text)) if name.strip()]
    return " and ".join(names) + others


def bibtex(entry: dict[str, str]) -> str:
    """One entry."""
    key = re.sub(r"\W+", "_", entry["id"]).strip("_")
    fields = {name: entry[name] for name in ("author", "year") if name in entry}
    if entry["kind"] == "arxiv":
        fields |= {"eprint": entry["id"], "archivePrefix": "arXiv", "url": f"https://arxiv.org/abs/{entry['id']}"}
    elif entry["kind"] == "url":
        fields |= {"url": entry["id"]}
    else:
        fields |= {"doi": entry["id"], "url": f"https://doi.org/{entry['id']}"}
    fields["note"] = f"used here: {entry['note']}"
    shown = {name: value if name in VERBATIM else escaped(value) for name, value in fields.items()}
    return "\n".join([f"@misc{{{key},", *(f"  {name} = {{{value}}}," for name, value in shown.items()), "}"])


def escaped(text: str) -> str:
    """Text inside BibTeX's braces."""
    return re.sub(r"([%#&_$])", r"\\\1", re.sub(r"[{}\\]", "", text))


def software() -> str:
    """The entry of thalweg itself."""
    from importlib.metadata import version

    fields = {"author": "{the thalweg authors}", "title": "thalweg: a declarative optimizer-and-landscape simulation engine"}
    lines = [f"  {name} = {{{value}}}," for name, value in {**fields, "version": version("thalweg")}.items()]
    return "\n".join(["@software{thalweg,", *lines, "}"])
