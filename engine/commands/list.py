"""thalweg list."""

from typing import Annotated, Any

import typer


def list(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="landscapes, optimizers, studies or schedules; all if left out.")] = "",
) -> None:
    """List what can stand in a study."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ...specs.errors import SpecError, suggest

    known = {"landscapes": _units("LANDSCAPES"), "optimizers": _units("OPTIMIZERS"), "schedules": _schedules, "studies": _studies}
    if what and what not in known:
        raise SpecError(f"there is no list of '{what}'{suggest(what, known)} (known: {', '.join(known)})")
    for name in [what] if what else known:
        table = Table(title=name, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
        for kind, text in known[name]().items():
            table.add_row(f"[bold]{kind}[/]", escape(text))
        Console(highlight=False).print(table)


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


def _schedules() -> dict[str, str]:
    from ...specs.schedule import SCHEDULES

    return {kind: SCHEDULES.load(kind).describe() for kind in SCHEDULES.kinds()}


def _studies() -> dict[str, str]:
    from ...specs.load import gallery, read_yaml

    return {name: str(read_yaml(path.read_bytes(), path.name).data.get("title", "")) for name, path in gallery().items()}
