"""thalweg plot."""

from pathlib import Path
from typing import Annotated

import typer


def plot(
    store: Annotated[str, typer.Argument(metavar="STORE")],
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="overview, landscape, loss or sweep.")] = "auto",
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="PATH", help=".png, .svg or .pdf; by default STORE.png.")] = None,
) -> None:
    """Draw a store: trajectories on the landscape, loss curves with quantile bands, or the loss over a sweep."""
    from ..plot import plot as draw

    print(f"drew {draw(store, kind, out or store.rstrip('/').removesuffix('.zarr') + '.png')}")
