"""thalweg report."""

from pathlib import Path
from typing import Annotated

import typer

from ._say import say


def report(
    stores: Annotated[list[str], typer.Argument(metavar="STORE...", help="One or more stores.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="An .html file; default: STORE.html, for several stores comparison.html."),
    ] = None,
) -> None:
    """Write a store as one HTML page with interactive figures that works offline. Needs the extra `report`."""
    from ..report import report as write
    from ..text.sizes import bytes_for_people

    alone = stores[0] if len(stores) == 1 else ""
    page = write(alone or stores, out or (alone.rstrip("/").removesuffix(".zarr") or "comparison") + ".html")
    say(f"wrote {page} ({bytes_for_people(page.stat().st_size)}); open it in a browser")
