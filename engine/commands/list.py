"""thalweg list."""

from typing import Annotated, Any

import typer

from ._say import say


def list(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="landscapes, optimizers, diagnostics, probes, functions, studies, schedules, views or pictures; default: all.",
        ),
    ] = "",
    paper: Annotated[str, typer.Option(metavar="ARXIV", help="Only studies of this paper: 2410.05192, or part of the `source`.")] = "",
) -> None:
    """List landscapes, optimizers, studies and everything else that a study can name."""
    from ...specs.errors import SpecError, suggest
    from ..text.tables import Column, Table, console

    if paper and what not in ("", "studies"):
        raise SpecError(f"list {what} --paper {paper}: only studies belong to papers (thalweg list studies --paper {paper})")
    known: dict[str, Any] = {name: _units(name.upper()) for name in ("landscapes", "optimizers", "diagnostics", "probes")} | {
        "functions": _functions,
        "schedules": _schedules,
        "studies": _systems,
        "views": _views,
        "pictures": _pictures,
    }
    if what and what not in known:
        raise SpecError(f"there is no list of '{what}'{suggest(what, known)} (known: {', '.join(known)})")
    for name in ["studies"] if paper else [what] if what else known:
        for title, units in (_systems(paper) if name == "studies" else {name: known[name]()}).items():
            names = Column(title, [*units], name=True, styles=["bold"] * len(units))
            console().print(Table([names, Column("", [*units.values()], text=True)], title=title, headings=False))
    say("next: thalweg new NAME, thalweg show NAME, thalweg run STUDY, thalweg verify SYSTEM")


def _units(registry: str) -> Any:
    def describe() -> dict[str, str]:
        from ...specs import registry as registries

        units = getattr(registries, registry)
        made = {}
        for kind in units.kinds():
            try:
                made[kind] = units.load(kind).describe()
            except ImportError as error:
                made[kind] = f"(broken: {error})"
        return made

    return describe


def _functions() -> dict[str, str]:
    from ...specs.program.table import FUNCTIONS

    return FUNCTIONS.summaries()


def _schedules() -> dict[str, str]:
    from ...specs.schedule import SCHEDULES

    return {kind: SCHEDULES.load(kind).describe() for kind in SCHEDULES.kinds()}


def _systems(paper: str = "") -> dict[str, dict[str, str]]:
    """The titles of the bundled studies by system, of those alone whose source mentions the paper."""
    from ...specs.errors import SpecError
    from ...specs.load import gallery, read_yaml, systems

    data = {name: read_yaml(path.read_bytes(), path.name).data for name, path in gallery().items()}
    wanted = paper.lower().removeprefix("arxiv:")
    found = {
        f"studies: {system}": {
            name: str(data[name].get("title", "")) for name in names if wanted in str(data[name].get("source", "")).lower()
        }
        for system, names in systems().items()
    }
    if not any(found.values()):
        raise SpecError(f"--paper {paper}: no bundled study names it as its source (thalweg list studies)")
    return {system: titles for system, titles in found.items() if titles}


def _views() -> dict[str, str]:
    from ..comparison.views import VIEWS

    return VIEWS.summaries()


def _pictures() -> dict[str, str]:
    from ..plot import kinds

    return kinds()
