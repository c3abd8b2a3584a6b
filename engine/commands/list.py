"""thalweg list."""

from typing import Annotated, Any

import typer

from ._say import say


def list(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="landscapes, optimizers, diagnostics, probes, functions, studies, schedules, views or pictures; all if left out.",
        ),
    ] = "",
) -> None:
    """List what can stand in a study."""
    from ...specs.errors import SpecError, suggest
    from ..text.tables import Column, Table, console

    known = {name: _units(name.upper()) for name in ("landscapes", "optimizers", "diagnostics", "probes")} | {
        "functions": _functions,
        "schedules": _schedules,
        "studies": _studies,
        "views": _views,
        "pictures": _pictures,
    }
    if what and what not in known:
        raise SpecError(f"there is no list of '{what}'{suggest(what, known)} (known: {', '.join(known)})")
    for name in [what] if what else known:
        units = known[name]()
        names = Column(name, [*units], name=True, styles=["bold"] * len(units))
        console().print(Table([names, Column("", [*units.values()], text=True)], title=name, headings=False))
    say("next: thalweg new NAME, thalweg run STUDY")


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


def _studies() -> dict[str, str]:
    from ...specs.load import gallery, read_yaml

    return {name: str(read_yaml(path.read_bytes(), path.name).data.get("title", "")) for name, path in gallery().items()}


def _views() -> dict[str, str]:
    from ..comparison.views import VIEWS

    return VIEWS.summaries()


def _pictures() -> dict[str, str]:
    from ..plot import kinds

    return kinds()
