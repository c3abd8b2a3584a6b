"""thalweg report."""

from pathlib import Path
from typing import Annotated

import typer

from ._say import say


def report(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="An .html file; by default STORE.html.")] = None,
) -> None:
    """Write a store as one HTML page with interactive figures, which needs no network. Needs the extra `report`."""
    from ..report import report as write
    from ..text.sizes import bytes_for_people

    page = write(store, out or store.rstrip("/").removesuffix(".zarr") + ".html")
    say(f"wrote {page} ({bytes_for_people(page.stat().st_size)}); open it in a browser")
